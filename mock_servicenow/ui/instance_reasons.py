"""Why a request is as it is in ServiceNow: one function for each reason."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.values import duration_seconds
from mock_servicenow.privilege_manager.approval_requests import Terms
from mock_servicenow.privilege_manager.deliverer import KnownDelivery
from mock_servicenow.privilege_manager.delivery_queue import Attempt
from mock_servicenow.privilege_manager.registrations import Configuration
from mock_servicenow.privilege_manager.tables import ActivityTypeRow, RequestRow
from mock_servicenow.privilege_manager.wire_formats import parse_moment
from privman_contracts.state_reasons import ReasonTable, documented, ruled
from privman_contracts.wire_names import WireNames
from privman_core.cockpit.approval_facts import StateReason
from privman_core.cockpit.time_words import moment_in_words
from privman_core.cockpit.waits import in_words
from privman_core.cuts import cut

_UNAUTHORIZED = 401
_LONGEST_USER = 100
REFUSALS: Mapping[str, str] = {
    "unknown_request_status": "it has no such request, or has not sent it under this Instance Id",
    "other_decision_status": "it has another decision already, or the request has ended there",
    "not_allowed_status": "no role of the API user may approve, or its API is disabled",
    "bad_request_status": "the body of the decision breaks its contract",
    "dead_token_status": "the token is not valid, not even a renewed one",
    "unsupported_media_type_status": "it does not take the body's media type",
}
"""Why a console answers with the status that each rule gives."""


class InstanceCase(Struct, frozen=True, kw_only=True):
    """Everything that ServiceNow knows about one request.

    Attributes:
        asked_at: None if a client has emptied it.
        kind: the activity type; None if it is gone.
        delivery: the newest; None for none.
        configuration: of the console that asked; None if it is unusable.
        approvers: the roles that may decide.
    """

    names: WireNames
    now: datetime
    request: RequestRow
    pending: bool
    timed_out: bool
    changed_at: datetime
    asked_at: datetime | None
    terms: Terms
    kind: ActivityTypeRow | None
    delivery: KnownDelivery | None
    configuration: Configuration | None
    approvers: tuple[str, ...]

    @property
    def deadline(self) -> datetime | None:
        """When it times out, or has; None for never."""
        limit = self.terms.max_timeout
        return None if limit is None or self.asked_at is None else self.asked_at + limit

    @property
    def last(self) -> Attempt | None:
        """The last attempt to deliver the decision."""
        return self.delivery.entry.attempts[-1] if self.delivery and self.delivery.entry.attempts else None

    @property
    def failed(self) -> bool:
        """Whether the decision will not be delivered."""
        return self.delivery is not None and self.delivery.state == "failed"

    @property
    def is_retried(self) -> bool:
        """Whether the status of the last attempt is one that is tried again."""
        return self.last is not None and self.last.status in self.names.statuses("retried_statuses")


INSTANCE_REASONS = ReasonTable[InstanceCase]()


@INSTANCE_REASONS.add
def _without_token(case: InstanceCase) -> StateReason | None:
    if case.last is None or not case.last.token or case.delivery is None or case.delivery.state == "delivered":
        return None
    what = f"was answered with {case.last.status}" if case.last.status else "got no usable answer"
    if case.last.answered:
        sentence = f"The console answered the decision with {case.last.answered}, and the token call after it {what}."
    else:
        again = "" if len(case.delivery.entry.attempts) == 1 else " at the last attempt"
        sentence = f"The decision was not sent{again}, because the token call before it {what}."
    if case.configuration is not None:
        user = cut(case.configuration.username, _LONGEST_USER)
        sentence += f" ServiceNow logs in with the Username and Password of the registration, as {user!r}."
    cause = "A console answers like this if these are not those of an active API user."
    reason = documented("D", "authentication/index.md", sentence, "bad")
    return _about(case.last, reason, cause if case.last.status == _UNAUTHORIZED else "")


@INSTANCE_REASONS.add
def _token_is_final(case: InstanceCase) -> StateReason | None:
    if case.last is None or not case.failed or not case.last.token or case.is_retried:
        return None
    return ruled(
        case.names, "rules.retried_statuses", f"No attempt follows: {case.last.status} is not tried again.", "bad"
    )


@INSTANCE_REASONS.add
def _not_delivered(case: InstanceCase) -> StateReason | None:
    if case.last is None or not case.failed or case.last.token or case.last.refused or case.is_retried:
        return None
    status = case.last.status
    rule = next((rule for rule in REFUSALS if case.names.number(rule) == status), "")
    sentence = f"The console has not acknowledged the decision: it answered {status}, which is not tried again."
    if rule:
        reason = ruled(case.names, f"rules.{rule}", sentence, "bad")
        return _about(case.last, reason, f"A console answers like this if {REFUSALS[rule]}.")
    return _about(case.last, ruled(case.names, "rules.retried_statuses", sentence, "bad"))


@INSTANCE_REASONS.add
def _refused_in_envelope(case: InstanceCase) -> StateReason | None:
    if case.last is None or not case.last.refused or case.delivery is None:
        return None
    reason = ruled(case.names, "rules.error_envelope_delivery", _sentence(case.delivery.entry.error), "bad")
    return _about(case.last, reason)


@INSTANCE_REASONS.add
def _gave_up(case: InstanceCase) -> StateReason | None:
    if case.last is None or not case.failed or not case.is_retried or case.delivery is None:
        return None
    made = len(case.delivery.entry.attempts)
    outcome = f"answered with {case.last.status}" if case.last.status else "not answered"
    sentence = (
        f"The console has not acknowledged the decision: attempt {made} was {outcome}, and the registration allows no "
        "more."
    )
    return _about(case.last, ruled(case.names, "keys.instance_metadata.Maximum retry attempts", sentence, "bad"))


@INSTANCE_REASONS.add
def _unusable_registration(case: InstanceCase) -> StateReason | None:
    if not case.failed or case.last is not None or case.delivery is None:
        return None
    sentence = f"The decision was not sent: {case.delivery.entry.error or 'its registration is unusable'}."
    return ruled(case.names, "columns.integration_configuration.instance_metadata", sentence, "bad")


@INSTANCE_REASONS.add
def _waits_for_attempt(case: InstanceCase) -> StateReason | None:
    due = case.delivery.next_at if case.delivery else None
    if due is None or case.last is None or case.delivery is None:
        return None
    outcome = f"was answered with {case.last.status}" if case.last.status else "got no answer"
    if case.last.token:
        outcome = "got no token"
    wait = in_words(due - datetime.fromisoformat(case.last.at)) or "at once"
    sentence = (
        f"The console has not acknowledged the decision yet: attempt {len(case.delivery.entry.attempts)} {outcome}, "
        f"which is tried again. The next attempt is due at {moment_in_words(due)}, {wait} later{_left(case)}."
    )
    return _about(case.last, ruled(case.names, "rules.retried_statuses", sentence))


@INSTANCE_REASONS.add
def _waits_for_first_attempt(case: InstanceCase) -> StateReason | None:
    if case.delivery is None or case.last is not None or case.delivery.state != "pending":
        return None
    sentence = "The decision is being sent." if case.delivery.entry.leased else "The decision is about to be sent."
    return documented("S", "set-up-servicenow-webhook.md", sentence)


@INSTANCE_REASONS.add
def _waits_for_approver(case: InstanceCase) -> StateReason | None:
    if not case.pending:
        return None
    since = "" if case.asked_at is None else f" since {moment_in_words(case.asked_at)}"
    sentence = (
        f"It has waited{since} for a user with the role {' or '.join(case.approvers)}, who may answer "
        f"{' or '.join(case.terms.valid_responses)}."
    )
    return ruled(case.names, "columns.activity_type.valid_responses", sentence)


@INSTANCE_REASONS.add
def _times_out(case: InstanceCase) -> StateReason | None:
    if not case.pending or case.deadline is None:
        return None
    sentence = (
        f"It times out at {moment_in_words(case.deadline)}: the Max timeout of its activity type is {_limit(case)}."
    )
    return ruled(case.names, "columns.activity_type.max_timeout", sentence)


@INSTANCE_REASONS.add
def _never_times_out(case: InstanceCase) -> StateReason | None:
    if not case.pending or case.deadline is not None or case.terms.state != "registered" or case.kind is None:
        return None
    if case.kind.max_timeout and duration_seconds(case.kind.max_timeout):
        sentence = "It never times out: the Max timeout of its activity type is longer than any that is counted."
        return ruled(case.names, "rules.longest_timeout", sentence)
    sentence = "It never times out: its activity type has no Max timeout."
    return ruled(case.names, "columns.activity_type.max_timeout", sentence)


@INSTANCE_REASONS.add
def _type_missing(case: InstanceCase) -> StateReason | None:
    if case.terms.state == "registered":
        return None
    terms = "with the terms that it had then" if case.terms.state == "deleted" else "without a time limit"
    sentence = f"Its activity type does not exist any more; it can be decided {terms}."
    return ruled(case.names, "columns.request.activity_type_id", sentence, "bad") if case.pending else None


@INSTANCE_REASONS.add
def _timed_out(case: InstanceCase) -> StateReason | None:
    if not case.timed_out:
        return None
    within = f"within the Max timeout of its activity type ({_limit(case)})" if case.terms.max_timeout else "in time"
    ended = f"it timed out at {moment_in_words(case.changed_at)}. No decision is sent."
    sentence = f"ServiceNow recorded no decision {within}, so {ended}"
    return ruled(case.names, "columns.activity_type.max_timeout", sentence)


@INSTANCE_REASONS.add
def _decided(case: InstanceCase) -> StateReason | None:
    if case.pending or case.timed_out:
        return None
    sentence = (
        f"Its status was last changed at {moment_in_words(case.changed_at)}; ServiceNow has no response to deliver."
    )
    if case.delivery is not None:
        response = case.delivery.response
        at = parse_moment(response.created_on)
        who = response.created_by
        if who == case.request.created_by:
            who = f"{who}, as whom the console sends its requests,"
        sentence = f"{who} answered {response.response}{f' at {moment_in_words(at)}' if at else ''}."
    return documented("S", "set-up-servicenow-webhook.md", sentence)


@INSTANCE_REASONS.add
def _delivered(case: InstanceCase) -> StateReason | None:
    if case.last is None or case.delivery is None or case.delivery.state != "delivered":
        return None
    attempts = len(case.delivery.entry.attempts)
    count = "at the first attempt" if attempts == 1 else f"at attempt {attempts}"
    sentence = (
        f"The console acknowledged the decision {count}, {moment_in_words(datetime.fromisoformat(case.last.at))}."
    )
    good = ruled(case.names, "columns.response.response_status_code", sentence, "good")
    return replace(good, exchange=case.last.mark)


def _left(case: InstanceCase) -> str:
    if case.configuration is None or case.delivery is None:
        return ""
    left = case.configuration.retries - len(case.delivery.entry.attempts) + 1
    return "; it is the last one" if left == 1 else f"; the registration allows {left} more"


def _about(attempt: Attempt, reason: StateReason, cause: str = "") -> StateReason:
    """Return a reason for want of an answer, with the exchange that it is about and what may have caused its answer."""
    return replace(reason, exchange=attempt.mark, cause=cause, lacks="answer to the decision")


def _limit(case: InstanceCase) -> str:
    return in_words(case.terms.max_timeout or timedelta(0))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
