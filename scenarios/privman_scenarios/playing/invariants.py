"""Invariants: what must hold however a scenario went, and the observations by which it is judged."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import orjson

from privman_contracts import WireNames
from privman_scenarios.language.kinds import duration_seconds
from privman_scenarios.language.spelling import Spelling
from privman_scenarios.playing.http_api import USER_AGENT
from privman_scenarios.playing.party import Party
from privman_scenarios.playing.product_facts import holding_faults
from privman_scenarios.playing.world import World, find_all

Record = Mapping[str, Any]
Sighting = Mapping[str, str]
_SUCCESS = range(200, 300)
_SOAP_QUERY = "SOAP"
# The kind of fault that does twice what was asked once.
REPEATED = "duplicated"


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything seen on the way and at the end; records and words in the packaged spelling.

    Attributes:
        sightings: request_id to the state that the console showed, after each step.
        approvals: the console's approval requests.
        requests: rows of the Requests table, columns under their canonical names, and under ``at`` the party.
        responses: rows of the Responses table.
        registrations: rows of the Integration Configuration table.
        activity_types: rows of the Activity Types table.
        received: party to the exchanges that it received.
        violations: contracts that a message of either party broke.
        runs: request_id and outcome of each start of an application on the endpoint, in order.
        registered: foreign system to each Instance Id that the console showed for it.
        systems_at: party to how many foreign systems lead to it.
    """

    names: WireNames
    sightings: Sequence[Sighting]
    approvals: Sequence[Record]
    requests: Sequence[Record]
    responses: Sequence[Record]
    registrations: Sequence[Record]
    activity_types: Sequence[Record]
    received: Mapping[str, Sequence[Record]]
    violations: Sequence[str]
    runs: Sequence[tuple[str, str]] = ()
    registered: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    systems_at: Mapping[str, int] = field(default_factory=dict)

    def states(self, request_id: str) -> list[str]:
        """Return the states that the console showed of a request, in order."""
        return [sighting[request_id] for sighting in self.sightings if request_id in sighting]

    def request(self, approval: Record) -> Record | None:
        """Return ServiceNow's row of a request of the console; that which it has acknowledged, if there are several."""
        rows = [row for row in self.requests if row["request_id"] == approval["request_id"]]
        acknowledged = (row for row in rows if row["sys_id"] == approval["sys_id"])
        return next(acknowledged, rows[-1] if rows else None)

    def responses_to(self, request_id: str) -> list[Record]:
        """Return ServiceNow's responses to a request."""
        return [row for row in self.responses if row["request_id"] == request_id]

    def includes(self, row: Record, column: str) -> bool:
        """Tell whether decisions on a request carry ``comment`` or ``duration`` to the console."""
        kinds = (each for each in self.activity_types if each["sys_id"] == row["activity_type_id"])
        return any(kind[f"include_{column}"] == "true" for kind in kinds)

    def repeated_inserts(self, table: str) -> int:
        """Return how many inserts into a table the network repeated, each of which leaves a second row."""
        path = f"/{self.names.table(table)}"
        inserts = (each for each in self.received["servicenow"] if each["method"] == "POST")
        return sum(each["fault"] == REPEATED and urlsplit(each["url"]).path.endswith(path) for each in inserts)

    def acknowledged(self) -> Iterator[tuple[Record, Record]]:
        """Yield each row and the columns of the decision on it that ServiceNow answered with success, in order."""
        rows, spelling = {row["sys_id"]: row for row in self.requests}, Spelling(self.names)
        for exchange in self.received["servicenow"]:
            sys_id = urlsplit(exchange["url"]).path.rpartition("/")[2]
            if sys_id in rows and _is_accepted_update(exchange):
                body = spelling.record_from_wire("request", parsed_object(exchange["request"]["body"]))
                if body.get("status"):
                    yield rows[sys_id], body

    def taken(self) -> Iterator[tuple[str, str]]:
        """Yield request_id and response of each decision that the console answered with success, in order."""
        for exchange, body in self._answered_with_success():
            if _is_answered_by_party(exchange) and not self._says_error(exchange):
                yield body["RequestId"], body["Response"]

    def refused_with_success(self) -> frozenset[str]:
        """Return the request_id of each decision that the console refused in an envelope with a status of success."""
        refused = (body["RequestId"] for exchange, body in self._answered_with_success() if self._says_error(exchange))
        return frozenset(refused)

    def is_delivered(self, row: Record) -> bool:
        """Tell whether the console answered a response with success, as ServiceNow recorded it."""
        return int(row["response_status_code"] or 0) in _SUCCESS

    def may_be_retried(self, row: Record, response: Record) -> bool:
        """Tell whether the response to a request, not delivered, should have been tried again (integration 4)."""
        again = self.names.statuses("retried_statuses")
        retries = int(response["retry_attempts"] or 0)
        return int(response["response_status_code"] or 0) in again and retries < self._most_retries(row["instance_id"])

    def has_activity_type(self, row: Record) -> bool:
        """Tell whether the activity type of a request is there, which says when the request times out."""
        return any(each["sys_id"] == row["activity_type_id"] for each in self.activity_types)

    def _answered_with_success(self) -> Iterator[tuple[Record, Record]]:
        spelling = Spelling(self.names)
        for exchange in self.received["console"]:
            body = spelling.message_from_wire(parsed_object(exchange["request"]["body"]))
            if "Response" in body and exchange["status"] in _SUCCESS:
                yield exchange, body

    def _says_error(self, exchange: Record) -> bool:
        answer = parsed_object(exchange["response"]["body"])
        return answer.get(self.names.key("envelope", "Status")) == self.names.word("envelope_status", "error")

    def _most_retries(self, instance_id: str) -> int:
        """Return how often a console has asked to be tried again; 0 where it is not registered any more."""
        registered = (each for each in self.registrations if each["sys_id"] == instance_id)
        metadata = next((parsed_object(each["instance_metadata"]) for each in registered), {})
        return int(metadata.get("Maximum retry attempts", 0))


async def gather(
    world: World,
    sightings: Sequence[Sighting],
    runs: Sequence[tuple[str, str]],
    instance_ids: Mapping[str, AbstractSet[str]],
) -> Observations:
    """Return what both parties know; raises ExpectationError when a party does not answer.

    Args:
        world: of both parties.
        sightings: of requests, after each step.
        runs: request_id and outcome of each start of an application.
        instance_ids: each Instance Id that was seen of a foreign system, by the system's id.
    """
    systems = [each for console in world.consoles for each in await console.foreign_systems()]
    spelling = world.servicenow.spelling
    received = {name: await _received(party) for name, party in world.parties.items()}
    return Observations(
        names=world.servicenow.names,
        sightings=sightings,
        approvals=[
            _in_packaged_spelling(approval, spelling)
            for console in world.consoles
            for approval in await console.approvals()
        ],
        requests=await _rows(world, "request"),
        responses=await _rows(world, "response"),
        registrations=await _rows(world, "integration_configuration"),
        activity_types=await _rows(world, "activity_type"),
        received=_by_side(received),
        violations=await _violations(world, received),
        runs=runs,
        registered=_registered(systems, instance_ids),
        systems_at=_systems_at(world, systems),
    )


def _registered(
    systems: Sequence[Record], instance_ids: Mapping[str, AbstractSet[str]]
) -> Mapping[str, AbstractSet[str]]:
    found: dict[str, AbstractSet[str]] = {}
    for each in systems:  # of several consoles, which may give them one name
        found[each["name"]] = found.get(each["name"], frozenset()) | instance_ids.get(each["id"], frozenset())
    return found


def _systems_at(world: World, systems: Sequence[Record]) -> Mapping[str, int]:
    urls = Counter(each["base_url"] for each in systems)
    return {name: urls[party.url] for name, party in world.parties.items()}


async def _rows(world: World, table: str) -> list[Record]:
    """Return the rows of a table of every instance."""
    return [
        {**row, "at": world.name_of(instance)} for instance in world.instances for row in await instance.find(table)
    ]


def _in_packaged_spelling(approval: Record, spelling: Spelling) -> Record:
    """Return what the console shows of a request, its metadata spelled as ServiceNow's rows are here."""
    metadata = spelling.record_from_wire("request", {spelling.column("request", "metadata"): approval["metadata"]})
    return {**approval, **metadata}


def from_harness(exchange: Record) -> bool:
    """Tell whether a scenario sent the message itself."""
    return any(name.lower() == "user-agent" and value == USER_AGENT for name, value in exchange["request"]["headers"])


def _by_side(received: Mapping[str, Sequence[Record]]) -> Mapping[str, Sequence[Record]]:
    """Return what either party received, all instances together, and all consoles."""
    return {
        side: [each for name, exchanges in received.items() if name.startswith(side) for each in exchanges]
        for side in ("servicenow", "console")
    }


async def _received(party: Party) -> list[dict[str, Any]]:
    return [exchange for exchange in await party.control.journal() if exchange["direction"] == "in"]


async def _violations(world: World, received: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return the broken contracts but for those that a scenario broke itself, on purpose."""
    own = {(name, each["number"]) for name, journal in received.items() for each in journal if from_harness(each)}
    found = await find_all(world)
    return [str(each) for each in found if each.kind == "violation" and (each.party, each.exchange) not in own]


def _is_accepted_update(exchange: Record) -> bool:
    updates = exchange["method"] in ("PATCH", "PUT")
    return updates and exchange["status"] in _SUCCESS and _is_answered_by_party(exchange)


def _is_answered_by_party(exchange: Record) -> bool:
    return not exchange["fault"] or exchange["fault"] in holding_faults()


def parsed_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a text, an empty one where there is none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


ALLOWED = "allowed"
SOAP = "soap"
PENDING, APPROVED, DENIED, TIMED_OUT, EXPIRED = "Pending", "Approved", "Denied", "TimedOut", "Expired"
APPROVE = "Approve"
# An approval may end; nothing else follows on a final state.
_FOLLOWS = {(PENDING, each) for each in (APPROVED, DENIED, TIMED_OUT, EXPIRED)} | {(APPROVED, EXPIRED)}

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
