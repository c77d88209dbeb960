"""The history of approvals, and decisions with a comment or any duration: what the vendor does not document."""

from aiohttp import web

from console_sim.approval_decision import Response, own_decision
from console_sim.approval_duration import DURATION, EXPECTED_DURATION
from console_sim.approval_request import ApprovalRequest, RequestState
from console_sim.console import Console
from console_sim.errors import StaleFormError
from console_sim.ui.approval_pages import DECIDE
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.item_list import read_page
from console_sim.ui.navigation import APPROVALS, HISTORY, NavigationEntry, entry_of
from console_sim.ui.outcome_messages import see_decided
from console_sim.ui.request_facts import PAGE_SIZE, FactsReader, HistoryEntry, shortened
from privman_core.pages.forms import Form


class ApprovalHistory:
    """Every approval request, newest first, with its decision and what ServiceNow has of it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._reader = FactsReader(console.names)
        self._responses = tuple(console.names.word("response", each) for each in Response)

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show one page of the list."""
        kept = self._console.store.approval_requests
        number, first = read_page(visit, len(kept), PAGE_SIZE)
        return await visit.page(
            "history.html",
            entries=[self._entry(each) for each in kept.newest(first, PAGE_SIZE)],
            number=number,
            first=first,
            total=len(kept),
            decide=DECIDE,
            shorten=shortened,
        )

    async def show_decision(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of a decision; raises NotFoundError."""
        return await self._form(visit, self._find(visit), Form())

    async def decide(self, visit: ConsoleVisit) -> web.Response:
        """Take a decision and attempt once to record it in ServiceNow; raises NotFoundError and ConflictError."""
        form, request = visit.form, self._find(visit)
        visit.concern(request.request_id)
        self._require_pending(request)
        response = form.one_of("response", self._responses)
        duration = form.matching("duration", DURATION, EXPECTED_DURATION)
        if duration and response == self._console.names.word("response", Response.DENY):
            form.add_error("duration", "must be empty, because the response denies")
        if form.errors:
            return await self._form(visit, request, form)
        given = {"response": response, "comment": form.value("comment"), "duration": duration}
        decision = self._console.decisions.read_own(own_decision({key: value for key, value in given.items() if value}))
        decided = await self._console.approvals.decide_here(request.request_id, decision)
        return see_decided(visit, _origin(visit).url, [request], [decided], self._reader.whose)

    def _find(self, visit: ConsoleVisit) -> ApprovalRequest:
        return self._console.approvals.find(visit.query.get("request", ""))

    async def _form(self, visit: ConsoleVisit, request: ApprovalRequest, form: Form) -> web.Response:
        return await visit.form_page(
            "decide.html",
            form,
            entry=self._entry(request),
            responses=self._responses,
            back=_origin(visit),
            shorten=shortened,
        )

    def _entry(self, request: ApprovalRequest) -> HistoryEntry:
        return HistoryEntry(request, request.state(self._console.clock.now()), self._reader.read(request))

    def _require_pending(self, request: ApprovalRequest) -> None:
        """Raise StaleFormError for a request that was decided, or timed out, after the page was opened."""
        state = request.state(self._console.clock.now())
        if state is not RequestState.PENDING:
            by = f", by {shortened(request.decision.responded_by)}" if request.decision else ""
            raise StaleFormError(f"the request is {state} already{by}, so nothing was decided")


def _origin(visit: ConsoleVisit) -> NavigationEntry:
    """Return the list from which the page was opened."""
    return entry_of(APPROVALS if visit.query.get("from") == "approvals" else HISTORY)
