"""Recipes of faults at the instance, each a row."""

from privman_core.cockpit.recipes import Recipe, wire_recipes


def instance_recipes(request_table: str) -> list[Recipe]:
    """Return the recipes; ``request_table`` is the table in which consoles insert approval requests."""
    requests = {"method": "POST", "path": f"/api/now/table/{request_table}"}
    return [
        Recipe("hibernates", "The instance hibernates", "Strikes every request to the instance: it gets an HTML page.",
               {"kind": "hibernating"}, {"from": "now", "for": "2 h"}),
        Recipe("maintenance", "The instance is in maintenance", "Strikes every request to the instance: it gets 503.",
               {"kind": "maintenance"}, {"from": "now", "for": "10 minutes"}),
        Recipe("rate-limit", "Rate limit for the next requests",
               "Strikes the next requests to the APIs: they get 429, and the time to try again.",
               {"kind": "rate-limited", "path": "/api/*"}, {"times": "3", "seconds": "60 s"}),
        Recipe("refused", "The next approval request fails",
               "Strikes the next approval request of a console: it gets a status, and nothing is stored.",
               {"kind": "status", **requests}, {"times": "2", "status": "503"}),
        Recipe("log-in", "The log-in is refused once", "Strikes the next request to the APIs: it gets 401.",
               {"kind": "status", "path": "/api/*", "status": 401}, {"times": "1"}),
        *wire_recipes("approval request", requests),
    ]  # fmt: skip
