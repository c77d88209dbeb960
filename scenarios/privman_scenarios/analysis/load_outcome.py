"""Whether each request and each decision of a run under load arrived once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Rows = Iterable[Mapping[str, Any]]
_REFUSED = 300
_STATES = {"Approve": "Approved", "Deny": "Denied"}


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What became of the requests of a run.

    Attributes:
        asked: how many requests endpoint users have made.
        decided: how many of them ServiceNow has a decision for.
        broken: a line for each request or decision that did not arrive once.
    """

    asked: int
    decided: int
    broken: tuple[str, ...]


def judge(approvals: Rows, records: Rows, deliveries: Rows) -> LoadOutcome:
    """Return the outcome of the console's approval requests.

    Args:
        approvals: what the console lists, with ``request_id`` and ``state``.
        records: ServiceNow's requests, with ``request_id`` and ``status`` in packaged words.
        deliveries: the mock's, with ``request_id``, ``state`` and ``attempts``.
    """
    states = {each["request_id"]: each["state"] for each in approvals}
    found: dict[str, list[str]] = defaultdict(list)
    for record in records:
        found[record["request_id"]].append(record["status"])
    arrived = Counter(each["request_id"] for each in deliveries for _ in _accepted(each))
    broken = [line for request_id, state in states.items() for line in _broken(request_id, state, found, arrived)]
    decided = sum(any(status in _STATES for status in found[request_id]) for request_id in states)
    return LoadOutcome(len(states), decided, tuple(broken))


def _accepted(delivery: Mapping[str, Any]) -> list[object]:
    return [each for each in delivery["attempts"] if each["status"] is not None and each["status"] < _REFUSED]


def _broken(request_id: str, state: str, found: Mapping[str, list[str]], arrived: Mapping[str, int]) -> Iterator[str]:
    statuses = found.get(request_id, [])
    if len(statuses) != 1:
        yield f"request {request_id}: ServiceNow has {len(statuses)} records of it, expected 1"
        return
    [status] = statuses
    if status not in _STATES:
        return
    if state != _STATES[status]:
        yield f"request {request_id}: ServiceNow has {status!r}, the console {state!r}"
    if arrived.get(request_id, 0) != 1:
        yield f"request {request_id}: its decision arrived {arrived.get(request_id, 0)} times, expected once"
