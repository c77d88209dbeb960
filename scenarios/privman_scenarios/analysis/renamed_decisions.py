"""Keys of the decision that an instance posts, known by the values of the request that was decided."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from privman_contracts import Contracts
from privman_scenarios.analysis.instance_facts import Row, text_of
from privman_scenarios.analysis.recorded import Recorded, to_json
from privman_scenarios.analysis.renamed import Renamed

# The column of the request whose value a key has.
_COLUMNS: Mapping[str, str] = {
    "RequestId": "request_id",
    "Response": "status",
    "Comment": "comment",
    "Duration": "duration",
    "InstanceId": "instance_id",
}
_OF_EVERY_TABLE: Mapping[str, str] = {"RespondedBy": "sys_updated_by"}


def renamed_keys_of_decisions(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield each unknown key whose value is that of exactly one column of the decided request."""
    requests = [*_requests(recording, contracts)]
    spelled = contracts.names.group("keys.decision")
    columns = {key: contracts.names.column("request", column) for key, column in _COLUMNS.items()}
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        decision = to_json(recorded.request) if exchange and exchange.name == "deliver_decision" else None
        for word, key in _renamed(decision, requests, {**columns, **_OF_EVERY_TABLE}, spelled):
            yield Renamed(contracts.names.find(f"keys.decision.{word}"), key, recorded.label)


def _renamed(
    decision: object, requests: Sequence[Row], columns: Mapping[str, str], spelled: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the canonical name and the key of each that a decision spells differently."""
    sent = _texts(decision)
    decided = [row for row in requests if row[columns["RequestId"]] in sent.values()]
    known = {key.lower() for key in spelled.values()}
    missing = {word for word, key in spelled.items() if key.lower() not in map(str.lower, sent)}
    for key, value in sent.items():
        meant = {word for row in decided for word, column in columns.items() if _is_same(value, row.get(column, ""))}
        if key.lower() not in known and len(meant) == 1 and meant <= missing:
            yield meant.pop(), key


def _texts(decision: object) -> dict[str, str]:
    pairs = decision.items() if isinstance(decision, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str) and value}


def _is_same(sent: str, stored: str) -> bool:
    """Tell whether a value is that of a column; an instance stores a duration as a date since 1970."""
    return stored in (sent, f"1970-01-01 {sent}")


def _requests(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Row]:
    """Yield the requests as the instance answered them."""
    request_id = contracts.names.column("request", "request_id")
    for recorded in recording:
        answer: Any = to_json(recorded.response) if contracts.find(recorded.method, recorded.url) else None
        result = answer.get("result") if isinstance(answer, dict) else None
        for row in result if isinstance(result, list) else [result]:
            if isinstance(row, dict) and row.get(request_id):
                yield {column: text_of(value) for column, value in row.items()}
