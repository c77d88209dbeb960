"""Refusals of messages that should pass: the receiver reads them by other names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from privman_contracts import Contracts
from privman_contracts.wire_name import WireName
from privman_scenarios.drift.dictionary import mend
from privman_scenarios.recordings.bodies import to_json
from privman_scenarios.recordings.recorded import Recorded

_SUCCESS = range(200, 300)
_REFUSED = (400, 403, 404)
# Message to the columns in which it names a record, with the table of that record.
_NAMED: Mapping[str, Mapping[str, str]] = {
    "register_activity_type": {"instance_id": "integration_configuration"},
    "request_approval": {"instance_id": "integration_configuration", "activity_type_id": "activity_type"},
}
_TABLES = {"register": "integration_configuration", "register_activity_type": "activity_type"}
_GROUPS = {
    "register_activity_type": "columns.activity_type",
    "request_approval": "columns.request",
    "deliver_decision": "keys.decision",
}
# Refused by access control, whatever the columns are called (platform 1.9).
_ACCESS = ("ACL", "Not Authorized", "security constraints")


def unexpected_refusals(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[Recorded, str]]:
    """Yield each refusal of a message that keeps its contract and names records that the instance has given."""
    given = _Given(contracts)
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        body = to_json(recorded.request)
        if exchange is None or not isinstance(body, dict):
            continue
        refused = exchange.name in _GROUPS and _is_refused(exchange.name, recorded, contracts)
        if refused and _is_sound(exchange.request, recorded, contracts) and given.fit(exchange.name, body):
            yield recorded, _told(exchange.name, recorded, body, contracts)
        given.remember(exchange.name, recorded, body)


class _Given:
    """The sys_ids that an instance has given to registrations and activity types, and the requests that it has."""

    def __init__(self, contracts: Contracts) -> None:
        self._names = contracts.names
        self._records: dict[str, set[str]] = {}
        self._requests: set[str] = set()

    def fit(self, exchange: str, body: Mapping[str, Any]) -> bool:
        """Tell whether a message names only what was given, as far as anything was seen to be."""
        if exchange == "request_approval" and self._request_id(body) in self._requests:
            return False
        table = _GROUPS[exchange].partition(".")[2]
        return all(
            known not in self._records or body.get(self._names.column(table, column)) in self._records[known]
            for column, known in _NAMED.get(exchange, {}).items()
        )

    def remember(self, exchange: str, recorded: Recorded, body: Mapping[str, Any]) -> None:
        """Take note of what was given for a message."""
        answer = to_json(recorded.response)
        record = answer.get("result") if isinstance(answer, dict) and recorded.status in _SUCCESS else None
        if exchange in _TABLES and isinstance(record, dict):
            self._records.setdefault(_TABLES[exchange], set()).add(record.get("sys_id", ""))
        if exchange == "request_approval" and recorded.status in _SUCCESS:
            self._requests.add(self._request_id(body))

    def _request_id(self, body: Mapping[str, Any]) -> str:
        return str(body.get(self._names.column("request", "request_id"))).lower()


def _is_refused(exchange: str, recorded: Recorded, contracts: Contracts) -> bool:
    if exchange == "deliver_decision":
        return recorded.status == contracts.names.number("bad_request_status")
    text = recorded.response.decode(errors="replace")
    return recorded.status in _REFUSED and not any(word in text for word in _ACCESS)


def _is_sound(message: str, recorded: Recorded, contracts: Contracts) -> bool:
    return all(violation.doubtful for violation in contracts.check_body(message, recorded.request))


def _told(exchange: str, recorded: Recorded, body: Mapping[str, Any], contracts: Contracts) -> str:
    names = [name for name in contracts.names if name.group == _GROUPS[exchange] and name.value in body]
    likeliest = sorted((name for name in names if name.evidence == "I"), key=lambda name: not name.word.endswith("_id"))
    proposed = "; ".join(map(_proposal, likeliest))
    return (
        f"{exchange} keeps its contract and was refused with {recorded.status}. Likeliest called otherwise: {proposed}."
    )


def _proposal(name: WireName) -> str:
    return f"{name.path} [{name.evidence}], {mend(name, 'NAME')}"
