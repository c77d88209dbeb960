"""A user's machine: starting an application, which asks for approval."""

import re

from aiohttp import web

from console_sim.approval_request import ApprovalRequest, RequestState
from console_sim.approvals import RunOutcome
from console_sim.console import Console
from console_sim.errors import BadRequestError, ConflictError, ResetError
from console_sim.json_object import GUID
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import ENDPOINT, link
from console_sim.ui.request_facts import shortened
from privman_core.pages.forms import Form

_GUID = re.compile(rf"{{{GUID.pattern}}}|{GUID.pattern}")
SECTIONS = {
    "Application": {
        "ProcessName": "Application",
        "FilePath": "File path",
        "CommandLineArguments": "Command-line arguments",
        "CompanyName": "Company",
        "FileVersion": "File version",
        "Sha1Hash": "SHA-1 hash",
    },
    "User and computer": {
        "UserName": "User",
        "InitiatorUserName": "User name (DOMAIN\\USERNAME)",
        "AgentName": "Computer",
    },
}
"""The form's labels, by section and key of the metadata."""
_KEYS = ("PolicyName", "PolicyId", *(key for fields in SECTIONS.values() for key in fields), "UserReason")
OUTCOMES = {
    RunOutcome.ALLOWED: "Allowed: an approval let the application run",
    RunOutcome.PENDING: "Status pending: a request waited for a decision already, so nothing new was sent",
    RunOutcome.ASKED: "Approval requested",
}
"""Messages about the start of the application."""
REFUSALS = {RequestState.DENIED: "was denied", RequestState.TIMED_OUT: "timed out"}
TONES = {
    RequestState.PENDING: "wait",
    RequestState.APPROVED: "good",
    RequestState.DENIED: "bad",
    RequestState.TIMED_OUT: "bad",
    RequestState.EXPIRED: "",
}
"""The notice's tone, by state of the request."""


class EndpointForm:
    """The form in which a user starts an application, in place of an agent."""

    def __init__(self, console: Console) -> None:
        self._approvals = console.approvals
        self._clock = console.clock
        self._policies = console.automation.policies

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the form; after it was sent, also what happened and the state of the request.

        Raises NotFoundError for a request that is unknown.
        """
        request_id = visit.query.get("request", "")
        asked = self._approvals.find(request_id) if request_id else None
        return await self._page(visit, Form(visit.note), asked)

    async def run(self, visit: ConsoleVisit) -> web.Response:
        """Start the application; the page shows what happened, and stays filled in for another start."""
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
        visit.concern(request.request_id)
        told = ". ".join(filter(None, (OUTCOMES[outcome], refusal)))
        return visit.see(link(ENDPOINT, request=request.request_id), told, "", **given)

    def _last_refusal(self, reported: dict[str, str]) -> str:
        """Return the outcome of the last request for the same application, unless it was approved; empty for none."""
        last = self._approvals.newest_matching(reported)
        refusal = "" if last is None else REFUSALS.get(last.state(self._clock.now()), "")
        return f"The request before it {refusal}" if refusal else ""

    async def _page(self, visit: ConsoleVisit, form: Form, asked: ApprovalRequest | None = None) -> web.Response:
        state = None if asked is None else asked.state(self._clock.now())
        return await visit.form_page(
            "endpoint.html",
            form,
            policies=[policy.name for policy in self._policies if policy.enabled],
            sections=SECTIONS,
            asked=asked,
            shorten=shortened,
            state=state,
            tone="" if state is None else TONES[state],
        )
