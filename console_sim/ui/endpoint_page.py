"""What an endpoint user sees: the form that asks for an approval (integration 1, 3)."""

from aiohttp import web

from console_sim.approvals import Approvals
from console_sim.ui.form import Form
from console_sim.ui.frame import APPROVALS, Frame
from console_sim.ui.visit import Visit
from privman_core.pages.answers import see

# By the key of the metadata; integration 3.
FIELDS = {
    "PolicyName": "Policy",
    "InitiatorName": "User",
    "AgentName": "Computer",
    "ProcessName": "Application",
    "FilePath": "File path",
    "CommandLineArguments": "Command-line arguments",
    "CompanyName": "Company",
    "FileVersion": "File version",
}


class EndpointPage:
    """Asks for an approval in the place of an agent."""

    def __init__(self, approvals: Approvals, frame: Frame) -> None:
        self._approvals = approvals
        self._frame = frame

    async def show(self, visit: Visit) -> web.Response:
        """Answer the form."""
        return self._page(visit, Form())

    async def ask(self, visit: Visit) -> web.Response:
        """Keep the request and attempt once to send it."""
        form = visit.form
        form.text("PolicyName")
        form.guid("PolicyId")
        if form.errors:
            return self._page(visit, form)
        given = {key: form.value(key).strip() for key in ("PolicyId", *FIELDS, "UserReason")}
        await self._approvals.ask({key: value for key, value in given.items() if value})
        return see(f"{APPROVALS}?done=asked")

    def _page(self, visit: Visit, form: Form) -> web.Response:
        return self._frame.page("endpoint.html", visit, form, fields=FIELDS)
