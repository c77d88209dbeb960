"""Memory for a bounded number of bytes, from which the oldest entries that have ended are evicted."""

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from sys import maxsize
from typing import TypeVar

from console_sim.shelf import Undo

_Row = TypeVar("_Row", tuple[int, str], tuple[datetime, int, str])


@dataclass(frozen=True, slots=True)
class Occupant:
    """What an entry takes of the memory.

    Attributes:
        place: in the order of age, ascending.
        weight: in bytes.
        evictable_from: the moment from which it may be evicted; None if it must stay.
    """

    place: int
    weight: int
    evictable_from: datetime | None


class BoundedMemory:
    """Counts the bytes that entries take, and chooses which are evicted for a new one.

    No method looks at every entry, so that a full memory delays nobody.

    Args:
        limit: in bytes.
        now: returns the current time.
        undo: undoes what a failed transaction has changed.
    """

    def __init__(self, limit: int, now: Callable[[], datetime], undo: Undo) -> None:
        self._limit = limit
        self._now = now
        self._undo = undo
        self._used = 0
        self._occupants: dict[str, Occupant] = {}
        self._waiting: list[tuple[datetime, int, str]] = []  # sorted, as is the other list
        self._evictable: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._occupants)

    def set(self, key: str, occupant: Occupant | None) -> None:
        """Count an entry in place of the one with that key; None removes it."""
        before = self._occupants.get(key)
        if occupant == before:
            return
        self._undo.add(partial(self.set, key, before))
        if before is not None:
            self._remove(key, before)
        if occupant is not None:
            self._add(key, occupant)

    def evicted_for(self, key: str, weight: int) -> list[str] | None:
        """Return the keys to evict so that an entry of that weight has room; None if all together are not enough."""
        before = self._occupants.get(key)
        added = weight - (0 if before is None else before.weight)
        lacking = self._used + added - self._limit
        if added <= 0 or lacking <= 0:
            return []
        evicted: list[str] = []
        for _, each in self._evictable_now():
            if each != key:
                evicted.append(each)
                lacking -= self._occupants[each].weight
                if lacking <= 0:
                    return evicted
        return None

    def _evictable_now(self) -> list[tuple[int, str]]:
        """Return places and keys, oldest first."""
        end = bisect_left(self._waiting, (self._now(), maxsize, ""))
        if end:
            self._evictable = sorted([*self._evictable, *(row[1:] for row in self._waiting[:end])])
            del self._waiting[:end]
        return self._evictable

    def _add(self, key: str, occupant: Occupant) -> None:
        self._occupants[key] = occupant
        self._used += occupant.weight
        moment = occupant.evictable_from
        if moment is None:
            return
        if moment <= self._now():
            insort(self._evictable, (occupant.place, key))
        else:
            insort(self._waiting, (moment, occupant.place, key))

    def _remove(self, key: str, occupant: Occupant) -> None:
        del self._occupants[key]
        self._used -= occupant.weight
        moment = occupant.evictable_from
        if moment is not None and not _removed(self._waiting, (moment, occupant.place, key)):
            _removed(self._evictable, (occupant.place, key))


def _removed(rows: list[_Row], row: _Row) -> bool:
    """Remove a row from a sorted list; return whether it was there."""
    index = bisect_left(rows, row)
    found = rows[index : index + 1] == [row]
    del rows[index : index + found]
    return found
