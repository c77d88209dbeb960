"""Inferred rules of statuses that are others; what was asked before tells which rule holds."""

from collections.abc import Iterator, Sequence
from typing import Any

from privman_contracts import Contracts, WireNames
from privman_scenarios.drift.finding import Renamed
from privman_scenarios.recordings.bodies import to_json
from privman_scenarios.recordings.recorded import Recorded

# These answer the moment rather than the message.
_PASSING = frozenset({0, 401, 403, 408, 429, *range(500, 600)})
_SUCCESS = range(200, 300)


def renamed_statuses(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield the rules that the answers to repeated requests and decisions contradict."""
    requests, decisions = _Requests(contracts), _Decisions(contracts)
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        body = to_json(recorded.request)
        if exchange is None or not isinstance(body, dict):
            continue
        if exchange.name == "request_approval":
            yield from requests.answered(recorded, body)
        elif exchange.name == "deliver_decision":
            yield from decisions.answered(recorded, body)


class _Requests:
    """Approval requests that were sent, by scenario and id."""

    def __init__(self, contracts: Contracts) -> None:
        self._names = contracts.names
        self._id = contracts.names.column("request", "request_id")
        self._received: dict[tuple[str, Any], object] = {}

    def answered(self, recorded: Recorded, body: dict[str, Any]) -> Iterator[Renamed]:
        key = recorded.page, str(body.get(self._id))
        if self._received.get(key) == body and recorded.status not in _PASSING:
            yield from _rule(self._names, "duplicate_request_status", recorded)
        if recorded.status in _SUCCESS:
            self._received.setdefault(key, body)


class _Decisions:
    """Decisions that were delivered, by scenario and request."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._names = contracts.names
        self._keys = contracts.names.group("keys.decision")
        self._taken: dict[tuple[str, str], object] = {}
        self._attempts: dict[tuple[str, str, object], int] = {}

    def answered(self, recorded: Recorded, body: dict[str, Any]) -> Iterator[Renamed]:
        key = recorded.page, str(body.get(self._keys["RequestId"]))
        said = tuple(str(body.get(self._keys[part])) for part in ("Response", "Comment", "Duration"))
        yield from self._retried(recorded, (*key, said))
        if recorded.status not in _PASSING:
            yield from self._judged(recorded, key, said)
        if recorded.status in _SUCCESS:
            self._taken.setdefault(key, said)

    def _judged(self, recorded: Recorded, key: tuple[str, str], said: object) -> Iterator[Renamed]:
        if key in self._taken:
            rule = "same_decision_status" if self._taken[key] == said else "other_decision_status"
            yield from _rule(self._names, rule, recorded)
        elif not self._is_known(recorded.status):
            yield from _rule(self._names, "unknown_request_status", recorded)

    def _is_known(self, status: int) -> bool:
        exchange = self._contracts.find("POST", "/Tms/services/api/v1/approval/approve")
        return exchange is not None and exchange.answer(status) is not None

    def _retried(self, recorded: Recorded, attempt: tuple[str, str, object]) -> Iterator[Renamed]:
        """Yield the rule of retries, where an attempt follows one whose status it does not name."""
        before = self._attempts.get(attempt, 200)
        self._attempts[attempt] = recorded.status
        retried = self._names.statuses("retried_statuses") | self._names.statuses("token_renewed_statuses")
        if before not in _SUCCESS and before not in retried:
            rule = self._names.find("rules.retried_statuses")
            yield Renamed(rule, [*rule.value, before], recorded.label)  # type: ignore[misc]  # a rule of several


def _rule(names: WireNames, rule: str, recorded: Recorded) -> Iterator[Renamed]:
    if recorded.status != names.number(rule):
        yield Renamed(names.find(f"rules.{rule}"), recorded.status, recorded.label)
