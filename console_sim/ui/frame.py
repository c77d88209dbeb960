"""What surrounds every page: the modules, the token for forms, what is wrong."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from console_sim.ui.form import Form
from console_sim.ui.visit import Visit
from privman_core.pages.answers import to_page
from privman_core.pages.templates import Templates

ASSETS = "/ui"
HOME = "/"
APPROVALS = "/manage-approvals"
CONFIGURATION = "/admin/configuration"
USERS = "/admin/users"
SERVER_TASKS = "/admin/server-tasks"
ENDPOINT = "/endpoint"
UNPROCESSABLE = 422
# What a page says after something was done, by the parameter with which the browser is sent there.
DONE = {"saved": "Changes saved", "asked": "Approval requested", "decided": "Decision taken"}


@dataclass(frozen=True, slots=True)
class Module:
    """One entry of the navigation."""

    label: str
    url: str


MODULES = {
    "Privilege Manager": (Module("Home", HOME), Module("Manage Approvals", APPROVALS)),
    "Admin": (
        Module("Configuration", CONFIGURATION),
        Module("Users", USERS),
        Module("Server Tasks", SERVER_TASKS),
    ),
    "Endpoint": (Module("Request approval", ENDPOINT),),
}
TABS = (
    Module("Credentials", f"{CONFIGURATION}/credentials"),
    Module("Foreign Systems", f"{CONFIGURATION}/foreign-systems"),
    Module("Messaging", f"{CONFIGURATION}/messaging"),
    Module("Advanced", f"{CONFIGURATION}/advanced"),
)


class Frame:
    """Renders the templates of this package.

    Args:
        key: turns what a form was filled in from into its version; a version tells nothing about it.
        mask: hides secrets, which ServiceNow's own words may repeat.
        cockpit: the address of the tester's cockpit, empty where there is none.
    """

    def __init__(self, key: str, mask: Callable[[str], str], cockpit: str) -> None:
        self._key = key.encode()
        self._mask = mask
        self._cockpit = cockpit
        self._templates = Templates("console_sim.ui")

    def version(self, *parts: object) -> str:
        """Return what a form carries so that it can be told whether its object was changed since."""
        return hmac.digest(self._key, repr(parts).encode(), "sha256").hex()

    def page(self, template: str, visit: Visit, form: Form | None = None, **values: object) -> web.Response:
        """Return a page, with the status of a refusal when something in its form is wrong."""
        shown = form or Form()
        html = self._templates.render(
            template,
            assets=ASSETS,
            modules=MODULES,
            tabs=TABS,
            path=visit.request.path,
            token=visit.session.token,
            trusted=visit.session.trusted,
            done=DONE.get(visit.request.query.get("done", ""), ""),
            form=shown,
            mask=self._mask,
            cockpit=self._cockpit,
            **values,
        )
        return to_page(html, UNPROCESSABLE if shown.errors else 200)

    def refusal(self, visit: Visit, status: int, reason: str) -> web.Response:
        """Return a page that says why something was refused."""
        page = self.page("refusal.html", visit, reason=reason)
        page.set_status(status)
        return page
