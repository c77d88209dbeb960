"""Which messages a mutant touches."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

import orjson

from privman_scenarios.analysis.message_changes import HttpMessage, MessageSide, find_at
from privman_scenarios.language.expectation import holds


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Selects the messages that a mutant touches.

    Attributes:
        at: the party in front of which the mutant is.
        path: a glob of the path, in lower case.
        status: of the answers; None for any.
        where: expectations of the body, by path, as in a scenario; none is met by a path that the body lacks.
        per: path in the request; messages are counted separately for each value there. Empty for one count.
        after: expectations, as ``where``, that an earlier message of the same count must have met.
        skip: number of messages that pass first.
        times: number of messages that are touched; None for all.
    """

    at: Literal["servicenow", "console"]
    side: MessageSide
    path: str
    method: str = ""
    status: int | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    per: str = ""
    after: Mapping[str, Any] = field(default_factory=dict)
    skip: int = 0
    times: int | None = None

    def is_at(self, message: HttpMessage) -> bool:
        """Return whether side, method, path and status of the message match."""
        return (
            message.side == self.side
            and self.method in ("", message.method)
            and fnmatchcase(message.path.lower(), self.path)
            and self.status in (None, message.status)
        )


def _holds(conditions: Mapping[str, Any], message: HttpMessage) -> bool:
    return all(_holds_at(message, path, expected) for path, expected in conditions.items())


def _holds_at(message: HttpMessage, path: str, expected: object) -> bool:
    found = find_at(message.json, path)
    return bool(found) and all(holds(expected, value) for value in found)


class TouchCounter:
    """Counts the messages that a mutant meets, and decides which of them it touches."""

    def __init__(self, touches: MessageFilter) -> None:
        self._touches = touches
        self._met: Counter[bytes] = Counter()
        self._begun: set[bytes] = set()

    def touches(self, message: HttpMessage) -> bool:
        """Count the message and return whether the mutant touches it."""
        touches = self._touches
        if not touches.is_at(message):
            return False
        key = orjson.dumps(message.found(touches.per) if touches.per else [])
        is_after = not touches.after or key in self._begun
        if touches.after and _holds(touches.after, message):
            self._begun.add(key)
        return is_after and _holds(touches.where, message) and self._is_turn(key)

    def _is_turn(self, key: bytes) -> bool:
        self._met[key] += 1
        turn = self._met[key] - self._touches.skip
        return turn > 0 and (self._touches.times is None or turn <= self._touches.times)
