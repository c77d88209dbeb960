"""A user's machine: starting an application, which asks for approval (integration 3, 8)."""

import re
from typing import Any

from aiohttp import web

from console_sim.approval_request import RequestState
from console_sim.approvals import RunOutcome
from console_sim.console import Console
from console_sim.errors import BadRequestError, ConflictError, ResetError
from console_sim.json_object import GUID
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import ENDPOINT
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see

_GUID = re.compile(rf"{{{GUID.pattern}}}|{GUID.pattern}")
FIELDS = {
    "ProcessName": "Application",
    "UserName": "User",
    "InitiatorUserName": "User name (DOMAIN\\USERNAME)",
    "AgentName": "Computer",
    "FilePath": "File path",
    "CommandLineArguments": "Command-line arguments",
    "CompanyName": "Company",
    "FileVersion": "File version",
    "Sha1Hash": "SHA-1 hash",
}
"""Labels of the form by key of the metadata."""
_KEYS = ("PolicyName", "PolicyId", *FIELDS, "UserReason")
_HAPPENED = ("outcome", "request_id", "refusal")
OUTCOMES = {
    RunOutcome.ALLOWED: "Allowed: an approval lets the application run",
    RunOutcome.PENDING: "Status pending: a request waits for a decision already, so nothing new was sent",
    RunOutcome.ASKED: "Approval requested: the application waits for a decision",
}
REFUSALS = {RequestState.DENIED: "was denied", RequestState.TIMED_OUT: "timed out"}


class EndpointForm:
    """The form in which a user starts an application, in place of an agent."""

    def __init__(self, console: Console) -> None:
        self._approvals = console.approvals
        self._clock = console.clock
        self._policies = console.automation.policies

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the form; after it was sent, what happened, and what was filled in."""
        note = visit.take_note(ENDPOINT)
        return await self._page(visit, Form(note), **{key: note.get(key, "") for key in _HAPPENED})

    async def run(self, visit: ConsoleVisit) -> web.Response:
        """Start the application; the page shows what happens, and stays filled in, to start it again."""
        form = visit.form
        form.text("PolicyName")
        form.text("UserReason")  # required (helpdesk.md)
        form.matching("PolicyId", _GUID, "a GUID")
        if form.errors:
            return await self._page(visit, form)
        given = {key: form.value(key).strip() for key in _KEYS}
        reported = {key: value for key, value in given.items() if value}
        try:
            refusal = self._last_refusal(reported)
            outcome, request = await self._approvals.run(reported)
        except ResetError:
            raise
        except (BadRequestError, ConflictError) as error:
            form.add_error("PolicyName", f"is refused: {error}")
            return await self._page(visit, form)
        happened = {"outcome": OUTCOMES[outcome], "request_id": request.request_id, "refusal": refusal}
        visit.leave_note(ENDPOINT, **given, **happened)
        return see(ENDPOINT)

    def _last_refusal(self, reported: dict[str, str]) -> str:
        """Return what became of the last request for the same if it was not approved; else empty text."""
        last = self._approvals.newest_matching(reported)
        refusal = "" if last is None else REFUSALS.get(last.state(self._clock.now()), "")
        return f"The request before it {refusal}" if refusal else ""

    async def _page(self, visit: ConsoleVisit, form: Form, **values: Any) -> web.Response:  # noqa: ANN401 - of a template
        active = [policy.name for policy in self._policies if policy.enabled]
        shown = {**dict.fromkeys(_HAPPENED, ""), "policies": active, "fields": FIELDS, **values}
        return await visit.form_page("endpoint.html", form, **shown)
