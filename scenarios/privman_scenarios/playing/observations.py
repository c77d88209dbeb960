"""What was seen of both parties on the way and at the end of a scenario."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import orjson

from privman_contracts import WireNames
from privman_core.exchange import path_of
from privman_scenarios.language.spelling import Spelling
from privman_scenarios.playing.http_api import USER_AGENT
from privman_scenarios.playing.party import Party
from privman_scenarios.playing.product_facts import holding_faults
from privman_scenarios.playing.world import World, find_all

Record = Mapping[str, Any]
Sighting = Mapping[str, str]
SOAP = "soap"
"""The integration of a request that is a requested item in ServiceNow."""
_SUCCESS = range(200, 300)
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
        requested_items: those of the SOAP integration, by the sys_id that the console has of a request.
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
    requested_items: Mapping[str, Record] = field(default_factory=dict)

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
        return sum(each["fault"] == REPEATED and path_of(each["url"]).endswith(path) for each in inserts)

    def acknowledged(self) -> Iterator[tuple[Record, Record]]:
        """Yield each row and the columns of the decision on it that ServiceNow answered with success, in order."""
        rows, spelling = {row["sys_id"]: row for row in self.requests}, Spelling(self.names)
        for exchange in self.received["servicenow"]:
            sys_id = path_of(exchange["url"]).rpartition("/")[2]
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
        """Tell whether the response to a request, not delivered, should have been tried again."""
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
    approvals = [each for console in world.consoles for each in await console.approvals()]
    return Observations(
        names=world.servicenow.names,
        sightings=sightings,
        approvals=[_in_packaged_spelling(each, spelling) for each in approvals],
        requests=await _rows(world, "request"),
        responses=await _rows(world, "response"),
        registrations=await _rows(world, "integration_configuration"),
        activity_types=await _rows(world, "activity_type"),
        received=_by_side(received),
        violations=await _violations(world, received),
        runs=runs,
        registered=_registered(systems, instance_ids),
        systems_at=_systems_at(world, systems),
        requested_items=await _requested_items(world, approvals),
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


async def _requested_items(world: World, approvals: Sequence[Record]) -> Mapping[str, Record]:
    sys_ids = [each["sys_id"] for each in approvals if each.get("integration") == SOAP and each["sys_id"]]
    found = [
        record
        for instance in world.instances
        for sys_id in sys_ids
        for record in await instance.find("sc_req_item", sys_id=sys_id)
    ]
    return {each["sys_id"]: each for each in found}


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
