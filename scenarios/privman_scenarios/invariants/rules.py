"""The invariants, each by its name."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from privman_scenarios.invariants.evidence import Evidence, Record, parsed_object
from privman_scenarios.spans import duration_seconds

PENDING, APPROVED, DENIED, TIMED_OUT, EXPIRED = "Pending", "Approved", "Denied", "TimedOut", "Expired"
APPROVE = "Approve"
# An approval may end; nothing else follows on a final state.
_FOLLOWS = {(PENDING, each) for each in (APPROVED, DENIED, TIMED_OUT, EXPIRED)} | {(APPROVED, EXPIRED)}

Invariant = Callable[[Evidence], Iterator[str]]


def one_final_state(evidence: Evidence) -> Iterator[str]:
    """Each request ends in one state, and never leaves it."""
    for approval in evidence.approvals:
        request_id = approval["request_id"]
        states = evidence.states(request_id)
        for before, after in pairwise(states):
            if before != after and (before, after) not in _FOLLOWS:
                yield f"request {request_id} was {before} in the console, then {after}"
        if states[-1] == PENDING:
            yield f"request {request_id} is still {PENDING} in the console"
    for row in evidence.requests:
        if row["status"] == PENDING and not _never_ends(evidence, row):
            yield f"request {row['request_id']} is still {PENDING} in ServiceNow"


def nothing_approved_after_the_end(evidence: Evidence) -> Iterator[str]:
    """Nothing is approved after a denial or a time-out."""
    for approval in evidence.approvals:
        request_id, states = approval["request_id"], evidence.states(approval["request_id"])
        ended = next((state for state in states if state in (DENIED, TIMED_OUT)), "")
        if ended and {APPROVED, EXPIRED} & set(states[states.index(ended) :]):
            yield f"request {request_id} was {ended} in the console, and approved after that"
        if states[-1] in (APPROVED, EXPIRED) and approval["decided_at"] >= approval["times_out_at"]:
            yield f"request {request_id} was approved at {approval['decided_at']}, timed out {approval['times_out_at']}"
    before: dict[str, str] = {}
    for row, columns in evidence.acknowledged():
        decision = columns["status"]
        if decision == APPROVE and before.get(row["sys_id"], APPROVE) != APPROVE:
            yield f"ServiceNow took {decision} on request {row['request_id']} after {before[row['sys_id']]}"
        before.setdefault(row["sys_id"], decision)


def no_acknowledged_decision_lost(evidence: Evidence) -> Iterator[str]:
    """What ServiceNow has taken is sent until it is delivered, and what the console has taken it has."""
    for row, columns in evidence.acknowledged():
        yield from _altered(row, columns)
        decision = columns["status"]
        responses = [each for each in evidence.responses_to(row["request_id"]) if each["response"] == decision]
        if not responses:
            yield f"ServiceNow took {decision} on request {row['request_id']} and has no response for it"
        for response in responses:
            yield from _altered_response(evidence, row, response)
            if evidence.may_be_retried(row, response):
                yield (
                    f"the response to request {row['request_id']} was given up with status "
                    f"{response['response_status_code']} after {response['retry_attempts']} retries"
                )
    states = {approval["request_id"]: approval["state"] for approval in evidence.approvals}
    for request_id, decision in evidence.taken():
        if states.get(request_id) not in _console_states(decision):
            yield f"the console took {decision} on request {request_id}, which is {states.get(request_id)}"


def both_sides_agree(evidence: Evidence) -> Iterator[str]:
    """Both sides hold the same request and decision, or ServiceNow shows that the console refused its decision."""
    for approval in evidence.approvals:
        row = evidence.request(approval["request_id"])
        if row is None:
            yield from _absence(approval)
            continue
        if parsed_object(approval["metadata"]) != parsed_object(row["metadata"]):
            yield _both("metadata of", approval, approval["metadata"], row["metadata"])
        if not _is_explained(evidence, approval) and not _never_ends(evidence, row):
            yield from _disagreement(evidence, approval, row)


def one_record_each(evidence: Evidence) -> Iterator[str]:
    """A request is one row in ServiceNow and has at most one response."""
    rows = Counter(row["request_id"] for row in evidence.requests)
    responses = Counter(row["request_id"] for row in evidence.responses if row["request_id"])
    for kind, counted in (("request", rows), ("response to request", responses)):
        yield from (
            f"the {kind} {key} stands {count} times in ServiceNow" for key, count in counted.items() if count > 1
        )


def registered_once(evidence: Evidence) -> Iterator[str]:
    """A console is registered once, with one activity type of a name."""
    consoles = Counter(str(parsed_object(row["instance_metadata"]).get("Username")) for row in evidence.registrations)
    kinds = Counter((row["instance_id"], row["name"]) for row in evidence.activity_types)
    for table, what, counted in (
        ("integration_configuration", "registrations have the same Client Id", consoles.values()),
        ("activity_type", "activity types of one registration have the same name", kinds.values()),
    ):
        most = 1 + evidence.repeated_inserts(table)
        yield from (f"{count} {what}" for count in counted if count > most)


def no_server_error(evidence: Evidence) -> Iterator[str]:
    """Neither side fails in itself."""
    for party, exchanges in evidence.received.items():
        for exchange in exchanges:
            if exchange["status"] >= 500 and not exchange["fault"]:  # noqa: PLR2004 - the server's own errors
                yield f"{party} answered {exchange['method']} {exchange['url']} with {exchange['status']}"


def contracts_kept(evidence: Evidence) -> Iterator[str]:
    """No message of either party breaks its contract."""
    yield from evidence.violations


INVARIANTS: Mapping[str, Invariant] = {
    "one-final-state": one_final_state,
    "nothing-approved-after-the-end": nothing_approved_after_the_end,
    "no-acknowledged-decision-lost": no_acknowledged_decision_lost,
    "both-sides-agree": both_sides_agree,
    "one-record-each": one_record_each,
    "registered-once": registered_once,
    "no-server-error": no_server_error,
    "contracts-kept": contracts_kept,
}


def _console_states(decision: str) -> tuple[str, ...]:
    if decision == APPROVE:
        return APPROVED, EXPIRED
    return (DENIED,)


def _agree(approval: Record, row: Record) -> bool:
    if row["status"] == TIMED_OUT:
        return bool(approval["state"] == TIMED_OUT)
    return approval["state"] in _console_states(row["status"])


def _absence(approval: Record) -> Iterator[str]:
    """Tell that ServiceNow lacks a request, unless the console shows why."""
    if approval["state"] != TIMED_OUT and not approval["last_error"]:
        yield f"request {approval['request_id']} is {approval['state']} in the console and missing in ServiceNow"


def _is_explained(evidence: Evidence, approval: Record) -> bool:
    """Tell whether one of the sides shows why they differ: its decision was refused by the other."""
    responses = evidence.responses_to(approval["request_id"])
    refused = bool(responses) and not any(map(evidence.is_delivered, responses))
    return refused or bool(approval["decided_here"] and approval["last_error"])


def _never_ends(evidence: Evidence, row: Record) -> bool:
    """Tell whether nothing can end a request any more, because its activity type was deleted."""
    return bool(row["status"] == PENDING) and not evidence.has_activity_type(row)


def _disagreement(evidence: Evidence, approval: Record, row: Record) -> Iterator[str]:
    """Tell how the two ends of a request differ."""
    if not _agree(approval, row):
        yield f"request {approval['request_id']} is {approval['state']} in the console, {row['status']} in ServiceNow"
        return
    if approval["state"] == TIMED_OUT:
        return
    if evidence.includes(row, "comment") and approval["comment"] != row["comment"]:
        yield _both("comment on", approval, approval["comment"], row["comment"])
    if (
        row["status"] == APPROVE
        and evidence.includes(row, "duration")
        and _differ(approval["duration"], row["duration"])
    ):
        yield _both("duration of", approval, approval["duration"], row["duration"])
    approvers = {each["sys_created_by"] for each in evidence.responses_to(row["request_id"])}
    if approvers and not approval["decided_here"] and approval["responded_by"] not in approvers:
        yield _both("approver of", approval, approval["responded_by"], ", ".join(approvers))


def _altered(row: Record, decided: Record) -> Iterator[str]:
    """Tell which part of a decision ServiceNow answered with success and did not keep."""
    if "comment" in decided and decided["comment"] != row["comment"]:
        yield f"ServiceNow took the comment {decided['comment']!r} and keeps {row['comment']!r}"
    if "duration" in decided and _differ(decided["duration"], row["duration"]):
        yield f"ServiceNow took the duration {decided['duration']!r} and keeps {row['duration']!r}"


def _altered_response(evidence: Evidence, row: Record, response: Record) -> Iterator[str]:
    """Tell which part of a decision its response does not repeat."""
    columns = ["comment", "duration"] if row["status"] == APPROVE else ["comment"]
    for column in columns:
        if evidence.includes(row, column) and response[column] != row[column]:
            yield (
                f"the {column} of request {row['request_id']} is {row[column]!r}, in its response {response[column]!r}"
            )


def _differ(duration: str, other: str) -> bool:
    """Tell whether two durations, ``08:00:00`` or ``1970-01-01 08:00:00``, are of different lengths."""
    return duration_seconds(duration) != duration_seconds(other)


def _both(what: str, approval: Record, console: str, servicenow: str) -> str:
    return f"the {what} request {approval['request_id']} is {console!r} in the console, {servicenow!r} in ServiceNow"
