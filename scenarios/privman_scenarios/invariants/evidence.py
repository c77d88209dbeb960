"""What both sides know once all is over, as the invariants look at it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from privman_contracts import WireNames
from privman_scenarios.findings import find_all
from privman_scenarios.http_api import USER_AGENT
from privman_scenarios.party import Party
from privman_scenarios.spelling import Spelling
from privman_scenarios.targets import Targets

Record = Mapping[str, Any]
Sighting = Mapping[str, str]
_SUCCESS = range(200, 300)
# Faults that let the party itself give the answer.
_HARMLESS = ("", "slow")
# The kind of fault that does twice what was asked once.
REPEATED = "duplicated"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen on the way, and what stands at the end; records and words in the packaged spelling.

    Attributes:
        sightings: request_id to the state that the console showed, after each step.
        approvals: the console's approval requests.
        requests: rows of the Requests table, columns under their canonical names.
        responses: rows of the Responses table.
        registrations: rows of the Integration Configuration table.
        activity_types: rows of the Activity Types table.
        received: side to the exchanges that it received.
        violations: contracts that a message of either party broke.
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

    def states(self, request_id: str) -> list[str]:
        """Return the states that the console showed of a request, in order."""
        return [sighting[request_id] for sighting in self.sightings if request_id in sighting]

    def request(self, request_id: str) -> Record | None:
        """Return ServiceNow's row of a request."""
        return next((row for row in self.requests if row["request_id"] == request_id), None)

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
        spelling = Spelling(self.names)
        for exchange in self.received["console"]:
            body = spelling.message_from_wire(parsed_object(exchange["request"]["body"]))
            if "Response" in body and exchange["status"] in _SUCCESS and exchange["fault"] in _HARMLESS:
                yield body["RequestId"], body["Response"]

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

    def _most_retries(self, instance_id: str) -> int:
        """Return how often a console has asked to be tried again; 0 where it is not registered any more."""
        registered = (each for each in self.registrations if each["sys_id"] == instance_id)
        metadata = next((parsed_object(each["instance_metadata"]) for each in registered), {})
        return int(metadata.get("Maximum retry attempts", 0))


async def gather(targets: Targets, sightings: Sequence[Sighting]) -> Evidence:
    """Return what both sides know; raises ExpectationError when a side does not answer."""
    servicenow = targets.servicenow
    received = {name: await _received(party) for name, party in targets.parties.items()}
    return Evidence(
        names=servicenow.names,
        sightings=sightings,
        approvals=[
            _in_packaged_spelling(approval, servicenow.spelling)
            for console in targets.consoles
            for approval in await console.approvals()
        ],
        requests=await servicenow.find("request"),
        responses=await servicenow.find("response"),
        registrations=await servicenow.find("integration_configuration"),
        activity_types=await servicenow.find("activity_type"),
        received=_by_side(received),
        violations=await _violations(targets, received),
    )


def _in_packaged_spelling(approval: Record, spelling: Spelling) -> Record:
    """Return what the console shows of a request, its metadata spelled as ServiceNow's rows are here."""
    metadata = spelling.record_from_wire("request", {spelling.column("request", "metadata"): approval["metadata"]})
    return {**approval, **metadata}


def from_harness(exchange: Record) -> bool:
    """Tell whether a scenario sent the message itself."""
    return any(name.lower() == "user-agent" and value == USER_AGENT for name, value in exchange["request"]["headers"])


def _by_side(received: Mapping[str, Sequence[Record]]) -> Mapping[str, Sequence[Record]]:
    """Return what either side received, all consoles together."""
    consoles = [each for name, exchanges in received.items() if name != "servicenow" for each in exchanges]
    return {"servicenow": received["servicenow"], "console": consoles}


async def _received(party: Party) -> list[dict[str, Any]]:
    return [exchange for exchange in await party.control.journal() if exchange["direction"] == "in"]


async def _violations(targets: Targets, received: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return the broken contracts but for those that a scenario broke itself, on purpose."""
    own = {(name, each["number"]) for name, journal in received.items() for each in journal if from_harness(each)}
    found = await find_all(targets)
    return [str(each) for each in found if each.kind == "violation" and (each.party, each.exchange) not in own]


def _is_accepted_update(exchange: Record) -> bool:
    updates = exchange["method"] in ("PATCH", "PUT")
    return updates and exchange["status"] in _SUCCESS and exchange["fault"] in _HARMLESS


def parsed_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a text, an empty one where there is none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
