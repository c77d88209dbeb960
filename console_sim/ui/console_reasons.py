"""Why a request is as it is in the console: one function for each reason."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from console_sim.approval_decision import ApprovalDecision, Response
from console_sim.approval_request import ApprovalRequest, IntegrationKind, RequestState
from console_sim.server_tasks import WaitingTask
from privman_contracts import WireNames
from privman_contracts.state_reasons import ReasonTable, documented, ruled
from privman_core.cockpit.approval_facts import Lack, StateReason
from privman_core.cockpit.bounded_texts import Tone
from privman_core.cockpit.time_words import moment_in_words
from privman_core.cockpit.waits import in_words
from privman_core.exchange import Exchange

_UNAUTHORIZED = 401


class ConsoleCase(Struct, frozen=True, kw_only=True):
    """Everything that the console knows about one request.

    Attributes:
        server: name of the ServiceNow server that gets it; empty for none.
        account: with which the console logs in there; empty for none.
        failed: the last call of the last attempt to send it or its decision, if that failed; None for none.
        task: the server task that will send it, or its decision, again; None for none.
        mask: hides secrets that ServiceNow's messages may repeat.
    """

    names: WireNames
    now: datetime
    request: ApprovalRequest
    server: str
    account: str
    failed: Exchange | None
    task: WaitingTask | None
    mask: Callable[[str], str]

    @property
    def state(self) -> RequestState:
        """The state now."""
        return self.request.state(self.now)

    @property
    def decision(self) -> ApprovalDecision | None:
        """The decision."""
        return self.request.decision


CONSOLE_REASONS = ReasonTable[ConsoleCase]()


@CONSOLE_REASONS.add
def _refused_a_decision(case: ConsoleCase) -> StateReason | None:
    if not case.request.refused_decision:
        return None
    sentence = f"A delivered decision was refused: {case.mask(case.request.refused_decision)}."
    return ruled(case.names, "rules.other_decision_status", sentence, "bad")


@CONSOLE_REASONS.add
def _waits_for_retry(case: ConsoleCase) -> StateReason | None:
    if case.task is None or not case.request.is_unsynced:
        return None
    sentence = (
        f"ServiceNow has not acknowledged {_what(case)} yet: {case.mask(case.request.last_error)}. It is sent again at "
        f"{moment_in_words(case.task.next_at)}, in {in_words(case.task.next_at - case.now) or 'a moment'}."
    )
    return _after_call(case, ruled(case.names, "rules.first_retry_wait", sentence, "bad"))


@CONSOLE_REASONS.add
def _not_sent(case: ConsoleCase) -> StateReason | None:
    request = case.request
    if case.task is not None or not request.last_error:
        return None
    if not request.server_id:
        return documented("P", "action_addserver.png", f"The request was {case.mask(request.last_error)}.", "bad")
    sentence = f"ServiceNow has not acknowledged {_what(case)}: {case.mask(request.last_error)}."
    again = "A refusal is not tried again by itself." if request.refused else "It is not sent again by itself."
    return _after_call(case, documented("I", "", f"{sentence} {again}", "bad"))


@CONSOLE_REASONS.add
def _being_sent(case: ConsoleCase) -> StateReason | None:
    request = case.request
    if case.task is not None or request.last_error or not request.needs_sending(case.now):
        return None
    sentence = f"{_what(case).capitalize()} is being sent to {case.server or 'ServiceNow'}."
    return documented("S", "set-up-servicenow-webhook.md", sentence)


@CONSOLE_REASONS.add
def _timed_out(case: ConsoleCase) -> StateReason | None:
    request, end = case.request, case.request.times_out_at
    if case.state is not RequestState.TIMED_OUT or end is None:
        return None
    after = in_words(end - request.asked_at)
    sentence = (
        f"No decision was accepted within {after}, the time-out that the approval process {request.process!r} had "
        f"when it was asked for, so it timed out at {moment_in_words(end)}. A decision that arrives later is refused."
    )
    return replace(_by_time_out(case, sentence, "bad"), lacks=_decision_of(request))


@CONSOLE_REASONS.add
def _used_up(case: ConsoleCase) -> StateReason | None:
    if case.request.used_at is None:
        return None
    sentence = f"The approval allowed one run, which was made at {moment_in_words(case.request.used_at)}."
    return ruled(case.names, "rules.approval_without_duration", sentence)


@CONSOLE_REASONS.add
def _decided_by_servicenow(case: ConsoleCase) -> StateReason | None:
    request = case.request
    if case.decision is None or request.decided_here or request.decided_at is None:
        return None
    if request.integration is IntegrationKind.SOAP:
        word = "approved" if case.decision.response is Response.APPROVE else "denied"
        sentence = f"ServiceNow {word} it; the console learned that at {moment_in_words(request.decided_at)}."
        return documented("D", "set-up-servicenow.md", sentence)
    sentence = f"The console accepted a delivered decision at {moment_in_words(request.decided_at)}: "
    sentence += f"{case.decision.response.title()} by {case.decision.responded_by}."
    return documented("S", "set-up-servicenow-webhook.md", sentence)


@CONSOLE_REASONS.add
def _decided_here(case: ConsoleCase) -> StateReason | None:
    request = case.request
    if case.decision is None or not request.decided_here or request.decided_at is None:
        return None
    word = "approved" if case.decision.response is Response.APPROVE else "denied"
    sentence = f"It was {word} in the console at {moment_in_words(request.decided_at)}"
    if not request.server_id:
        return documented("P", "approvals.png", f"{sentence}; no ServiceNow has the request.")
    known = f"{case.server or 'ServiceNow'} has {'' if request.recorded else 'not yet '}acknowledged that"
    return documented("P", "approvals.png", f"{sentence}; {known}.")


@CONSOLE_REASONS.add
def _allows_one_run(case: ConsoleCase) -> StateReason | None:
    if case.state is not RequestState.APPROVED or case.decision is None or case.request.unmatched:
        return None
    if not case.decision.one_time:
        return None
    return ruled(case.names, "rules.approval_without_duration", "The approval allows one run, which is still to come.")


@CONSOLE_REASONS.add
def _fits_no_run(case: ConsoleCase) -> StateReason | None:
    if case.state is not RequestState.APPROVED or not case.request.unmatched:
        return None
    sentence = f"No run can use the approval: the request was made without {case.request.unmatched}."
    return documented("I", "", sentence, "bad")


@CONSOLE_REASONS.add
def _lasts(case: ConsoleCase) -> StateReason | None:
    end = case.request.expires_at
    if end is None or case.state not in {RequestState.APPROVED, RequestState.EXPIRED}:
        return None
    verb = "lasts until" if case.state is RequestState.APPROVED else "ended at"
    length = in_words(end - case.request.decided_at) if case.request.decided_at else ""
    sentence = f"The approval {verb} {moment_in_words(end)}, {length} after the decision: it has a Duration."
    return ruled(case.names, "keys.decision.Duration", sentence)


@CONSOLE_REASONS.add
def _waits_for_servicenow(case: ConsoleCase) -> StateReason | None:
    request = case.request
    if case.state is not RequestState.PENDING or not request.sent:
        return None
    since = f"It has been pending since {moment_in_words(request.asked_at)}: no decision has been accepted."
    server = case.server or "ServiceNow"
    if request.integration is IntegrationKind.SOAP:
        every = in_words(request.check_every) or "second"
        return documented("D", "set-up-servicenow.md", f"{since} The console asks {server} every {every}.")
    sentence = f"{since} {server} posts decisions to the console."
    return replace(documented("S", "set-up-servicenow-webhook.md", sentence), lacks=_decision_of(request))


@CONSOLE_REASONS.add
def _waits_for_people(case: ConsoleCase) -> StateReason | None:
    if case.state is not RequestState.PENDING or case.request.server_id:
        return None
    since = moment_in_words(case.request.asked_at)
    sentence = f"It has been pending since {since} and waits for a decision in Manage Approvals"
    why = f"{case.request.process!r} had no ServiceNow server when it was asked for"
    return documented("P", "approvals.png", f"{sentence}: {why}.")


@CONSOLE_REASONS.add
def _times_out(case: ConsoleCase) -> StateReason | None:
    end = case.request.times_out_at
    if case.state is not RequestState.PENDING:
        return None
    if end is None:
        return documented("P", "approvals.png", "It never times out: its approval process was manual.")
    limit = (
        f"the time-out of {case.request.process!r} was {in_words(end - case.request.asked_at)} when it was asked for"
    )
    return _by_time_out(case, f"It times out at {moment_in_words(end)}: {limit}.")


def _what(case: ConsoleCase) -> str:
    return "the decision" if case.request.decided_here else "the request"


def _decision_of(request: ApprovalRequest) -> Lack:
    """Return that the console lacks a decision, if that would be delivered to it."""
    return "" if request.integration is IntegrationKind.SOAP else "decision"


def _after_call(case: ConsoleCase, reason: StateReason) -> StateReason:
    """Return a reason for want of an answer, with its exchange, and with the account if the log-in was refused."""
    reason = replace(reason, lacks="answer to the decision" if case.request.decided_here else "answer to the request")
    if case.failed is None:
        return reason
    user = f" The console tried to log in as {case.account!r}, the account of the credential of {case.server}."
    refused = case.failed.status == _UNAUTHORIZED and case.account
    return replace(reason, sentence=reason.sentence + user if refused else reason.sentence, exchange=case.failed.mark)


def _by_time_out(case: ConsoleCase, sentence: str, tone: Tone = "quiet") -> StateReason:
    """Return a reason that cites the rule of the time-out, unless the process had another time-out."""
    request, usual = case.request, case.names.number("process_timeout")
    if request.times_out_at is not None and (request.times_out_at - request.asked_at).total_seconds() == usual:
        return ruled(case.names, "rules.process_timeout", sentence, tone)
    return documented("I", "action_addserver.png", sentence, tone)
