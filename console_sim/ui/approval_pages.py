"""Approval requests: Manage Approvals, and the form in which an endpoint user asks (integration 1, 3, 4)."""

import re
from dataclasses import dataclass
from itertools import islice

from aiohttp import web

from console_sim.approval_request import DURATION, EXPECTED_DURATION, ApprovalRequest, RequestState
from console_sim.approvals import Approvals, metadata_facts
from console_sim.console import Console
from console_sim.json_object import GUID
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import APPROVALS
from privman_contracts import WireNames
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see

DECIDE = f"{APPROVALS}/decide"
PAGE_SIZE = 25
LONGEST_TEXT, MOST_FACTS = 2_000, 100
"""Characters of each text, and metadata entries, that the page shows of one request."""
_MOST_DIGITS = 9
_GUID = re.compile(rf"{{{GUID.pattern}}}|{GUID.pattern}")
FIELDS = {
    "PolicyName": "Policy",
    "UserName": "User",
    "InitiatorUserName": "User name (DOMAIN\\USERNAME)",
    "AgentName": "Computer",
    "ProcessName": "Application",
    "FilePath": "File path",
    "CommandLineArguments": "Command-line arguments",
    "CompanyName": "Company",
    "FileVersion": "File version",
}
"""Labels of the endpoint form by key of the metadata (integration 3)."""


@dataclass(frozen=True, slots=True)
class RequestEntry:
    """One approval request as the page shows it.

    Attributes:
        facts: the metadata, by key, shortened.
        form: the form of the decision.
    """

    request: ApprovalRequest
    state: RequestState
    facts: dict[str, str]
    policy: str
    user: str
    reason: str
    version: str
    form: Form


class ManageApprovals:
    """The approval requests, newest first, and decisions that the console takes itself."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._responses = _responses(console.names)
        self._spelling = console.names.group("keys.metadata")

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show one page of the list."""
        return await self._page(visit, "", Form())

    async def decide(self, visit: ConsoleVisit) -> web.Response:
        """Take a decision and attempt once to record it in ServiceNow; raises NotFoundError and ConflictError."""
        form = visit.form
        request = self._console.approvals.find(form.value("request_id"))
        visit.require(self._version(visit, request))
        response = form.one_of("response", self._responses)
        duration = form.matching("duration", DURATION, EXPECTED_DURATION)
        if duration and response == self._console.names.word("response", "deny"):
            form.add_error("duration", "must be empty, because the response denies")
        if form.errors:
            return await self._page(visit, request.request_id, form)
        given = {"response": response, "comment": form.value("comment"), "duration": duration}
        decision = self._console.decisions.read_own({key: value for key, value in given.items() if value})
        await self._console.approvals.decide_here(request.request_id, decision)
        return see(f"{APPROVALS}?page={_page_number(visit)}&done=decided")

    async def _page(self, visit: ConsoleVisit, filled: str, form: Form) -> web.Response:
        """Show the list; ``filled`` is the request whose form is shown again."""
        store, number = self._console.store, _page_number(visit)
        first = (number - 1) * PAGE_SIZE
        shown = store.approval_requests.newest(first, PAGE_SIZE)
        entries = [self._entry(visit, each, form if each.request_id == filled else Form()) for each in shown]
        return await visit.form_page(
            "approvals.html",
            form,
            entries=entries,
            filled=filled,
            responses=self._responses,
            number=number,
            first=first,
            total=len(store.approval_requests),
            decide=DECIDE,
            shorten=_shortened,
        )

    def _entry(self, visit: ConsoleVisit, request: ApprovalRequest, form: Form) -> RequestEntry:
        spelling, known = self._spelling, metadata_facts(request.metadata)
        return RequestEntry(
            request=request,
            state=request.state(self._console.clock.now()),
            facts={_shortened(key): _shortened(value) for key, value in islice(known.items(), MOST_FACTS)},
            policy=_shortened(known.get(spelling["PolicyName"]) or known.get(spelling["PolicyId"], "unknown")),
            user=_shortened(known.get(spelling["InitiatorUserName"]) or known.get(spelling["UserName"], "")),
            reason=_shortened(known.get(spelling["UserReason"], "")),
            version=self._version(visit, request),
            form=form,
        )

    def _version(self, visit: ConsoleVisit, request: ApprovalRequest) -> str:
        return visit.version(request.request_id, request.state(self._console.clock.now()))


class EndpointForm:
    """The form in which an endpoint user asks for an approval, in place of an agent."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the form."""
        return await self._page(visit, Form())

    async def ask(self, visit: ConsoleVisit) -> web.Response:
        """Store the request and attempt once to send it."""
        form = visit.form
        form.text("PolicyName")
        form.matching("PolicyId", _GUID, "a GUID")
        if form.errors:
            return await self._page(visit, form)
        given = {key: form.value(key).strip() for key in ("PolicyId", *FIELDS, "UserReason")}
        await self._approvals.ask({key: value for key, value in given.items() if value})
        return see(f"{APPROVALS}?done=asked")

    async def _page(self, visit: ConsoleVisit, form: Form) -> web.Response:
        return await visit.form_page("endpoint.html", form, fields=FIELDS)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _responses(names: WireNames) -> tuple[str, ...]:
    return names.word("response", "approve"), names.word("response", "deny")


def _page_number(visit: ConsoleVisit) -> int:
    text = visit.query.get("page", "")[:_MOST_DIGITS]
    return max(int(text), 1) if text.isascii() and text.isdigit() else 1
