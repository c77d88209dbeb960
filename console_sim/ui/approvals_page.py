"""Manage Approvals: what was asked for, and decisions that the console takes itself (integration 4)."""

from dataclasses import dataclass
from itertools import islice

from aiohttp import web

from console_sim.approval_request import ApprovalRequest, RequestState
from console_sim.approvals import metadata_facts
from console_sim.console import Console
from console_sim.ui.form import Form
from console_sim.ui.frame import APPROVALS, Frame
from console_sim.ui.visit import Visit
from privman_contracts import WireNames
from privman_core.pages.answers import see

DECIDE = f"{APPROVALS}/decide"
PAGE_SIZE = 25
LONGEST_TEXT, MOST_FACTS = 2_000, 100
"""Of one request: characters of each text, and how many facts, that the page shows."""
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Entry:
    """One approval request as the page shows it.

    Attributes:
        facts: the metadata, by key, as far as the page shows it.
        form: of the decision.
    """

    request: ApprovalRequest
    state: RequestState
    facts: dict[str, str]
    policy: str
    user: str
    reason: str
    version: str
    form: Form


class ApprovalsPage:
    """The approval requests, newest first."""

    def __init__(self, console: Console, frame: Frame) -> None:
        self._console = console
        self._frame = frame
        self._responses = _responses(console.names)
        self._spelling = console.names.group("keys.metadata")

    async def show(self, visit: Visit) -> web.Response:
        """Answer one page of the list."""
        return self._page(visit, "", Form())

    async def decide(self, visit: Visit) -> web.Response:
        """Take a decision and attempt once to record it in ServiceNow; raises NotFoundError and ConflictError."""
        form = visit.form
        request = self._console.approvals.find(form.value("request_id"))
        visit.require(self._version(request))
        response, duration = form.one_of("response", self._responses), form.duration("duration")
        if duration and response == self._console.names.word("response", "deny"):
            form.complain("duration", "is given; expected none, because the response denies")
        if form.errors:
            return self._page(visit, request.request_id, form)
        given = {"response": response, "comment": form.value("comment"), "duration": duration}
        decision = self._console.decisions.read_own({key: value for key, value in given.items() if value})
        await self._console.approvals.decide_here(request.request_id, decision)
        return see(f"{APPROVALS}?page={_page_number(visit)}&done=decided")

    def _page(self, visit: Visit, filled: str, form: Form) -> web.Response:
        """Answer the list; ``filled`` is the request whose form came back."""
        store, number = self._console.store, _page_number(visit)
        first = (number - 1) * PAGE_SIZE
        shown = store.approval_requests.newest(first, PAGE_SIZE)
        entries = [self._entry(each, form if each.request_id == filled else Form()) for each in shown]
        return self._frame.page(
            "approvals.html",
            visit,
            form,
            entries=entries,
            filled=filled,
            responses=self._responses,
            number=number,
            first=first,
            total=len(store.approval_requests),
            decide=DECIDE,
            cut=_cut,
        )

    def _entry(self, request: ApprovalRequest, form: Form) -> Entry:
        spelling, said = self._spelling, metadata_facts(request.metadata)
        return Entry(
            request=request,
            state=request.state(self._console.clock.now()),
            facts={_cut(key): _cut(value) for key, value in islice(said.items(), MOST_FACTS)},
            policy=_cut(said.get(spelling["PolicyName"]) or said.get(spelling["PolicyId"], "unknown")),
            user=_cut(said.get(spelling["InitiatorName"], "")),
            reason=_cut(said.get(spelling["UserReason"], "")),
            version=self._version(request),
            form=form,
        )

    def _version(self, request: ApprovalRequest) -> str:
        return self._frame.version(request.request_id, request.state(self._console.clock.now()))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _responses(names: WireNames) -> tuple[str, ...]:
    return names.word("response", "approve"), names.word("response", "deny")


def _page_number(visit: Visit) -> int:
    text = visit.request.query.get("page", "")[:_MOST_DIGITS]
    return max(int(text), 1) if text.isascii() and text.isdigit() else 1
