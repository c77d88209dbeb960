"""Recipes of faults at the console, each a row."""

from privman_core.cockpit.recipes import Recipe, wire_recipes

_DELIVERY = {"method": "POST", "path": "*/approval/approve"}
_TOKEN = {"method": "POST", "path": "*/logon/token"}
CONSOLE_RECIPES = [
    Recipe("delivery-fails", "The next delivery fails",
           "Strikes the next delivery of a decision: it gets a status, and the console does not take the decision.",
           {"kind": "status", **_DELIVERY}, {"times": "2", "status": "503"}),
    Recipe("token-refused", "The token call answers 401",
           "Strikes the next log-on of ServiceNow: it gets no token. ServiceNow keeps a token and logs on only when "
           "the console refuses that one: after its end, which the tab Clock lists, or at once after "
           "DELETE /__admin/tokens at the console.",
           {"kind": "status", **_TOKEN, "status": 401}, {"times": "1"}),
    Recipe("down", "The console is down", "Strikes every request to the console's API: the connection is dropped.",
           {"kind": "reset", "path": "/Tms/*"}, {"from": "now", "for": "10 minutes"}),
    *wire_recipes("delivery", _DELIVERY),
]  # fmt: skip
