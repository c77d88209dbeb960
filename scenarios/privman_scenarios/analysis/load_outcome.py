"""Whether each request and each decision of a run under load arrived once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privman_scenarios.analysis.acknowledged import Acknowledged

Rows = Sequence[Mapping[str, Any]]
_REFUSED = 300
_STATES = {"Approve": "Approved", "Deny": "Denied"}


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What became of the requests of a run.

    Attributes:
        asked: how many requests endpoint users have made.
        decided: how many of them ServiceNow has a decision for.
        late: how many decisions ServiceNow refused with 403.
        broken: a line for each request or decision that did not arrive once.
    """

    asked: int
    decided: int
    late: int
    broken: tuple[str, ...]


def judge(approvals: Rows, records: Rows, deliveries: Rows, acknowledged: Acknowledged) -> LoadOutcome:
    """Return the outcome of the requests that consoles list, and of what users were told.

    Args:
        approvals: what the consoles list, with ``request_id`` and ``state``.
        records: ServiceNow's requests, with ``sys_id``, ``request_id`` and ``status`` in packaged words.
        deliveries: the mock's, with ``request_id`` and ``attempts``.
        acknowledged: what users were told.
    """
    states = {each["request_id"]: each["state"] for each in approvals}
    statuses: dict[str, list[str]] = defaultdict(list)
    for record in records:
        statuses[record["request_id"]].append(record["status"])
    arrived = Counter(each["request_id"] for each in deliveries for _ in _accepted(each))
    asked = dict.fromkeys([*states, *acknowledged.requests])
    broken = [
        *(line for each in asked for line in _broken(each, states.get(each), statuses[each], arrived[each])),
        *_lost_decisions(acknowledged.decisions, records),
    ]
    decided = sum(any(status in _STATES for status in statuses[each]) for each in asked)
    return LoadOutcome(len(asked), decided, acknowledged.late, tuple(broken))


def _accepted(delivery: Mapping[str, Any]) -> list[object]:
    return [each for each in delivery["attempts"] if each["status"] is not None and each["status"] < _REFUSED]


def _broken(request_id: str, state: str | None, statuses: Sequence[str], arrived: int) -> Iterator[str]:
    if state is None:
        yield f"request {request_id}: a console acknowledged it and has no such request"
    if len(statuses) != 1:
        yield f"request {request_id}: ServiceNow has {len(statuses)} records of it, expected 1"
        return
    [status] = statuses
    is_decided = status in _STATES
    if state is not None and (_STATES[status] != state if is_decided else state in _STATES.values()):
        yield f"request {request_id}: ServiceNow has {status!r}, the console {state!r}"
    if arrived != is_decided:
        yield f"request {request_id}: a decision arrived {arrived} times, expected {int(is_decided)}"


def _lost_decisions(decisions: Iterable[tuple[str, str]], records: Rows) -> Iterator[str]:
    found = {each["sys_id"]: each["status"] for each in records}
    for sys_id, decision in decisions:
        if sys_id not in found:
            yield f"record {sys_id}: ServiceNow acknowledged {decision!r} and has no such record"
        elif found[sys_id] != decision:
            yield f"record {sys_id}: ServiceNow acknowledged {decision!r} and has {found[sys_id]!r}"
