"""One approval request as the console's cockpit shows it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from console_sim.approval_duration import duration_text
from console_sim.approval_request import ApprovalRequest, RequestState
from console_sim.console import Console
from console_sim.server_tasks import Run
from console_sim.ui.approval_pages import DECIDE
from console_sim.ui.console_deliveries import console_deliveries
from console_sim.ui.console_reasons import CONSOLE_REASONS, ConsoleCase
from console_sim.ui.navigation import APPROVALS, link
from console_sim.ui.request_facts import FactsReader
from privman_core.cockpit.approval_facts import DatedEvent, DeliveryState, LabeledFact, RequestDetail, RequestOutcome
from privman_core.cockpit.time_words import moment_in_words
from privman_core.cuts import cut
from privman_core.exchange import Exchange

MOST_RUNS = 20
_LONGEST, _LONGEST_ACCOUNT = 200, 100
_OUTCOMES: Mapping[RequestState, RequestOutcome] = {
    RequestState.PENDING: "open",
    RequestState.APPROVED: "approved",
    RequestState.EXPIRED: "approved",
    RequestState.DENIED: "denied",
    RequestState.TIMED_OUT: "timed out",
}


class ConsoleRequests:
    """Describes the approval requests and server tasks of a console.

    Args:
        mask: hides secrets that ServiceNow's messages may repeat.
        extras: whether there is what the vendor does not document.
    """

    def __init__(self, console: Console, mask: Callable[[str], str], *, extras: bool) -> None:
        self._console = console
        self._extras = extras
        self._mask = mask
        self._reader = FactsReader(console.names)

    def find(self, request_id: str) -> RequestDetail | None:
        """Return a request as the console knows it; None if it has none with that RequestId."""
        request = self._console.store.approval_requests.get(request_id.lower())
        return None if request is None else self._detail(request)

    def page(self, request_id: str) -> str:
        """Return the path of the page about a request; without extras, that of the list."""
        return link(DECIDE, request=request_id) if self._extras else APPROVALS

    def unsent(self, request: ApprovalRequest) -> DeliveryState:
        """Return the row of a request that is not sent, because its process had no server."""
        name, error = f"Send approval request {request.request_id}", self._mask(request.last_error)
        return DeliveryState(name=name, state="no server", tone="bad", about=request.request_id, error=error)

    def _detail(self, request: ApprovalRequest) -> RequestDetail:
        tasks, request_id = self._console.server_tasks, request.request_id
        waiting = [each for each in tasks.waiting() if each.about == request_id]
        runs = [each for each in reversed(tasks.runs) if each.about == request_id][:MOST_RUNS]
        system = self._console.store.foreign_systems.get(request.server_id) if request.server_id else None
        case = ConsoleCase(
            names=self._console.names,
            now=self._console.clock.now(),
            request=request,
            server="" if system is None else system.name,
            account="" if system is None else self._account(system.credential),
            failed=_failed_call(runs),
            task=waiting[0] if waiting else None,
            mask=self._mask,
        )
        return RequestDetail(
            request_id=request_id,
            state=case.state,
            outcome=_OUTCOMES[case.state],
            page=self.page(request_id),
            facts=list(self._facts(case)),
            reasons=CONSOLE_REASONS.apply(case),
            events=list(_events(case)),
            deliveries=console_deliveries(tasks, self._mask, about=request_id),
            registrations=[request.server_id] if request.server_id else [],
        )

    def _account(self, credential: str) -> str:
        found = self._console.store.credentials.get(credential)
        return "" if found is None else cut(found.account_name, _LONGEST_ACCOUNT)

    def _facts(self, case: ConsoleCase) -> Iterator[LabeledFact]:
        request, facts = case.request, self._reader.read(case.request)
        yield LabeledFact("State", case.state, self.page(request.request_id))
        shown = {
            "Policy": facts.policy,
            "User": facts.user,
            "Asked": moment_in_words(request.asked_at),
            "Approval process": request.process,
            "ServiceNow server": case.server,
            "Integration": request.integration if request.sys_id else "",
            "Record in ServiceNow": request.sys_id,
            "Attempts to send it": str(request.attempts or ""),
        }
        yield from (LabeledFact(label, self._mask(cut(text, _LONGEST))) for label, text in shown.items() if text)
        if case.decision is not None:
            yield LabeledFact("Decision", f"{case.decision.response.title()} by {cut(case.decision.responded_by, 100)}")
            if case.decision.duration is not None:
                yield LabeledFact("Duration", duration_text(case.decision.duration))
            if case.decision.comment:
                yield LabeledFact("Comment", self._mask(cut(case.decision.comment, _LONGEST)))


def _failed_call(runs: Sequence[Run]) -> Exchange | None:
    """Return the last call of the newest run, if that run failed and the call is kept."""
    return runs[0].calls[-1].exchange() if runs and runs[0].failure and runs[0].calls else None


def _events(case: ConsoleCase) -> Iterator[DatedEvent]:
    """Yield what happened to a request, and what falls due."""
    request, decision = case.request, case.decision
    yield DatedEvent(request.asked_at, "an endpoint user asks for approval")
    if request.times_out_at is not None and decision is None:
        if case.state is RequestState.TIMED_OUT:
            yield DatedEvent(request.times_out_at, "times out: no decision has been accepted", "bad")
        else:
            yield DatedEvent(request.times_out_at, "times out, unless a decision is accepted", due=True)
    if case.task is not None:
        yield DatedEvent(case.task.next_at, "sends it again", due=True)
    if decision is not None and request.decided_at is not None:
        where = "in the console" if request.decided_here else "by a delivered decision"
        order: Literal["delivered", "sent"] = "sent" if request.decided_here else "delivered"
        yield DatedEvent(request.decided_at, f"the request is {_OUTCOMES[case.state]} {where}", order=order)
    if request.used_at is not None:
        yield DatedEvent(request.used_at, "a run on the endpoint uses the approval up", order="last")
    if request.expires_at is not None:
        yield DatedEvent(request.expires_at, "the approval ends", order="last", due=case.state is RequestState.APPROVED)
