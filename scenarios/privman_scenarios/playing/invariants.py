"""Invariants: what must hold however a scenario went."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from urllib.parse import urlsplit

from privman_scenarios.language.kinds import duration_seconds
from privman_scenarios.playing.observations import SOAP, Observations, Record, parsed_object

ALLOWED = "allowed"
_SOAP_QUERY = "SOAP"
PENDING, APPROVED, DENIED, TIMED_OUT, EXPIRED = "Pending", "Approved", "Denied", "TimedOut", "Expired"
APPROVE = "Approve"
# An approval may end; nothing else follows on a final state.
_FOLLOWS = {(PENDING, each) for each in (APPROVED, DENIED, TIMED_OUT, EXPIRED)} | {(APPROVED, EXPIRED)}

# What the requested item of a decided request says, if the console has the decision from ServiceNow.
_APPROVALS = {APPROVED: "approved", EXPIRED: "approved", DENIED: "rejected"}

Invariant = Callable[[Observations], Iterator[str]]
INVARIANTS: dict[str, Invariant] = {}
"""Each invariant by its name; its docstring is its promise."""


def invariant(judge: Invariant) -> Invariant:
    """Add a function to the invariants, under its own name in kebab case; it yields each way in which it is broken."""
    INVARIANTS[judge.__name__.replace("_", "-")] = judge
    return judge


@invariant
def one_final_state(seen: Observations) -> Iterator[str]:
    """Each request reaches one final state and keeps it."""
    for approval in seen.approvals:
        request_id = approval["request_id"]
        states = seen.states(request_id)
        for before, after in pairwise(states):
            if before != after and (before, after) not in _FOLLOWS:
                yield f"request {request_id} was {before} in the console, then {after}"
        if states[-1] == PENDING and approval["times_out_at"]:
            yield f"request {request_id} is still {PENDING} in the console"
    for row in seen.requests:
        if row["status"] == PENDING and not _never_ends(seen, row):
            yield f"request {row['request_id']} is still {PENDING} in ServiceNow"


@invariant
def nothing_approved_after_the_end(seen: Observations) -> Iterator[str]:
    """Nothing is approved after a denial or a time-out."""
    for approval in seen.approvals:
        request_id, states = approval["request_id"], seen.states(approval["request_id"])
        ended = next((state for state in states if state in (DENIED, TIMED_OUT)), "")
        if ended and {APPROVED, EXPIRED} & set(states[states.index(ended) :]):
            yield f"request {request_id} was {ended} in the console, and approved after that"
        is_late = approval["times_out_at"] and (approval["decided_at"] or "") >= approval["times_out_at"]
        if states[-1] in (APPROVED, EXPIRED) and is_late:
            yield f"request {request_id} was approved at {approval['decided_at']}, timed out {approval['times_out_at']}"
    before: dict[str, str] = {}
    for row, columns in seen.acknowledged():
        decision = columns["status"]
        if decision == APPROVE and before.get(row["sys_id"], APPROVE) != APPROVE:
            yield f"ServiceNow took {decision} on request {row['request_id']} after {before[row['sys_id']]}"
        before.setdefault(row["sys_id"], decision)


@invariant
def no_acknowledged_decision_lost(seen: Observations) -> Iterator[str]:
    """A decision that ServiceNow accepted is sent until it is delivered, and the console keeps what it accepted."""
    for row, columns in seen.acknowledged():
        yield from _altered(row, columns)
        decision = columns["status"]
        responses = [each for each in seen.responses_to(row["request_id"]) if each["response"] == decision]
        if not responses:
            yield f"ServiceNow took {decision} on request {row['request_id']} and has no response for it"
        for response in responses:
            yield from _altered_response(seen, row, response)
            if seen.may_be_retried(row, response):
                yield (
                    f"the response to request {row['request_id']} was given up with status "
                    f"{response['response_status_code']} after {response['retry_attempts']} retries"
                )
    states = {approval["request_id"]: approval["state"] for approval in seen.approvals}
    for request_id, decision in seen.taken():
        if states.get(request_id) not in _console_states(decision):
            yield f"the console took {decision} on request {request_id}, which is {states.get(request_id)}"


@invariant
def both_sides_agree(seen: Observations) -> Iterator[str]:
    """Both parties have the same request and decision, or ServiceNow shows that the console refused the decision."""
    for approval in seen.approvals:
        row = seen.request(approval)
        if row is None:
            yield from _absence(approval)
            continue
        if parsed_object(approval["metadata"]) != parsed_object(row["metadata"]):
            yield _both("metadata of", approval, approval["metadata"], row["metadata"])
        if not _is_explained(seen, approval) and not _never_ends(seen, row):
            yield from _disagreement(seen, approval, row)


@invariant
def requested_items_agree(seen: Observations) -> Iterator[str]:
    """Over SOAP, a decision that the console has is that of the requested item in ServiceNow."""
    for approval in seen.approvals:
        item, expected = seen.requested_items.get(approval["sys_id"]), _APPROVALS.get(approval["state"])
        if item and expected and not approval["decided_here"] and item["approval"] != expected:
            console = f"request {approval['request_id']} is {approval['state']} in the console"
            yield f"{console}, its requested item {item['approval']} in ServiceNow"


@invariant
def one_record_each(seen: Observations) -> Iterator[str]:
    """A request is one row in a ServiceNow and has at most one response there."""
    for kind, rows in (("request", seen.requests), ("response to request", seen.responses)):
        counted = Counter((row["at"], row["request_id"]) for row in rows if row["request_id"])
        yield from (
            f"the {kind} {key} exists {count} times in {at}" for (at, key), count in counted.items() if count > 1
        )


@invariant
def routed_by_its_process(seen: Observations) -> Iterator[str]:
    """A request is in no ServiceNow but that of its approval process."""
    approvals = {approval["request_id"]: approval for approval in seen.approvals}
    for row in seen.requests:
        approval = approvals.get(row["request_id"])
        if approval is not None and row["instance_id"] not in seen.registered.get(approval["server"], ()):
            where = f"{row['at']} for the Instance Id {row['instance_id']}"
            yield f"request {row['request_id']} of process {approval['process']!r} is in {where}"


@invariant
def runs_as_approved(seen: Observations) -> Iterator[str]:
    """An application runs only while its approval lasts, and once for a One Time approval."""
    allowed = Counter(request_id for request_id, outcome in seen.runs if outcome == ALLOWED)
    for approval in seen.approvals:
        request_id, runs = approval["request_id"], allowed[approval["request_id"]]
        if runs and approval["state"] not in (APPROVED, EXPIRED):
            yield f"request {request_id} allowed a run and is {approval['state']}"
        if runs > 1 and approval["one_time"]:
            yield f"request {request_id} was approved for one run and allowed {runs}"
        if approval["used_at"] and not runs:
            yield f"request {request_id} was used at {approval['used_at']}, when nothing ran"


@invariant
def registered_once(seen: Observations) -> Iterator[str]:
    """A foreign system is registered once, with one activity type per name."""
    users = Counter(
        (row["at"], str(parsed_object(row["instance_metadata"]).get("Username"))) for row in seen.registrations
    )
    kinds = Counter((row["instance_id"], row["name"]) for row in seen.activity_types)
    most = seen.repeated_inserts("integration_configuration")
    for (at, _), count in users.items():
        if count > max(1, seen.systems_at.get(at, 1)) + most:  # which may share an API user
            yield f"{count} registrations have the same Client Id"
    most = 1 + seen.repeated_inserts("activity_type")
    yield from (
        f"{count} activity types of one registration have the same name" for count in kinds.values() if count > most
    )


@invariant
def no_server_error(seen: Observations) -> Iterator[str]:
    """Neither party answers with a server error of its own."""
    for party, exchanges in seen.received.items():
        for exchange in exchanges:
            refuses = urlsplit(exchange["url"]).query == _SOAP_QUERY  # SOAP has no other status for a refusal
            if exchange["status"] >= 500 and not exchange["fault"] and not refuses:  # noqa: PLR2004 - its own errors
                yield f"{party} answered {exchange['method']} {exchange['url']} with {exchange['status']}"


@invariant
def contracts_kept(seen: Observations) -> Iterator[str]:
    """No message of either party breaks its contract."""
    yield from seen.violations


def _console_states(decision: str) -> tuple[str, ...]:
    if decision == APPROVE:
        return APPROVED, EXPIRED
    return (DENIED,)


def _agree(approval: Record, row: Record) -> bool:
    if row["status"] == TIMED_OUT:
        return bool(approval["state"] == TIMED_OUT)
    return approval["state"] in _console_states(row["status"])


def _absence(approval: Record) -> Iterator[str]:
    """Tell that ServiceNow lacks a request, unless the console shows why, or it needs no row in the Requests table."""
    if (
        approval["server"]
        and approval.get("integration") != SOAP
        and approval["state"] != TIMED_OUT
        and not approval["last_error"]
    ):
        yield f"request {approval['request_id']} is {approval['state']} in the console and missing in ServiceNow"


def _is_explained(seen: Observations, approval: Record) -> bool:
    """Tell whether one of the parties shows why they differ: its decision was refused by the other."""
    responses = seen.responses_to(approval["request_id"])
    refused = bool(responses) and not any(map(seen.is_delivered, responses))
    refused |= approval["request_id"] in seen.refused_with_success()
    return refused or bool(approval["decided_here"] and approval["last_error"])


def _never_ends(seen: Observations, row: Record) -> bool:
    """Tell whether nothing can end a request any more, because its activity type was deleted."""
    return bool(row["status"] == PENDING) and not seen.has_activity_type(row)


def _disagreement(seen: Observations, approval: Record, row: Record) -> Iterator[str]:
    """Tell how the two ends of a request differ."""
    if not _agree(approval, row):
        yield f"request {approval['request_id']} is {approval['state']} in the console, {row['status']} in ServiceNow"
        return
    if approval["state"] == TIMED_OUT:
        return
    if seen.includes(row, "comment") and approval["comment"] != row["comment"]:
        yield _both("comment on", approval, approval["comment"], row["comment"])
    if row["status"] == APPROVE and seen.includes(row, "duration") and _differ(approval["duration"], row["duration"]):
        yield _both("duration of", approval, approval["duration"], row["duration"])
    approvers = {each["sys_created_by"] for each in seen.responses_to(row["request_id"])}
    if approvers and not approval["decided_here"] and approval["responded_by"] not in approvers:
        yield _both("approver of", approval, approval["responded_by"], ", ".join(approvers))


def _altered(row: Record, decided: Record) -> Iterator[str]:
    """Tell which part of a decision ServiceNow answered with success and did not keep."""
    if "comment" in decided and decided["comment"] != row["comment"]:
        yield f"ServiceNow took the comment {decided['comment']!r} and keeps {row['comment']!r}"
    if "duration" in decided and _differ(decided["duration"], row["duration"]):
        yield f"ServiceNow took the duration {decided['duration']!r} and keeps {row['duration']!r}"


def _altered_response(seen: Observations, row: Record, response: Record) -> Iterator[str]:
    """Tell which part of a decision its response does not repeat."""
    columns = ["comment", "duration"] if row["status"] == APPROVE else ["comment"]
    for column in columns:
        if seen.includes(row, column) and response[column] != row[column]:
            yield (
                f"the {column} of request {row['request_id']} is {row[column]!r}, in its response {response[column]!r}"
            )


def _differ(duration: str, other: str) -> bool:
    """Tell whether two durations, ``08:00:00`` or ``1970-01-01 08:00:00``, are of different lengths."""
    return duration_seconds(duration) != duration_seconds(other)


def _both(what: str, approval: Record, console: str, servicenow: str) -> str:
    return f"the {what} request {approval['request_id']} is {console!r} in the console, {servicenow!r} in ServiceNow"
