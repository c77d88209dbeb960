"""Byte budget that chooses what to evict."""

from bisect import bisect_left, insort
from collections.abc import Callable
from datetime import datetime
from functools import partial
from sys import maxsize
from typing import TypeVar

from msgspec import Struct

from console_sim.shelf import Undo

_Row = TypeVar("_Row", tuple[int, str], tuple[datetime, int, str])


class MemoryUse(Struct, frozen=True):
    """An entry's use of the memory.

    Attributes:
        sequence: position in the order of age, ascending.
        weight: in bytes.
        evictable_from: the moment from which it may be evicted; None if it must stay.
    """

    sequence: int
    weight: int
    evictable_from: datetime | None


class BoundedMemory:
    """Counts the bytes that entries take, and chooses which are evicted for a new one: the oldest that may be.

    A choice looks at the entries that it returns, and sorts in those that may be evicted since the last one. Only if
    all together are not enough does it look at every entry that may be evicted.

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
        self._uses: dict[str, MemoryUse] = {}
        self._waiting: list[tuple[datetime, int, str]] = []  # sorted, as is the other list
        self._evictable: list[tuple[int, str]] = []

    def set(self, key: str, use: MemoryUse | None) -> None:
        """Count an entry in place of the one with that key; None removes it."""
        before = self._uses.get(key)
        if use == before:
            return
        self._undo.add(partial(self.set, key, before))
        if before is not None:
            self._remove(key, before)
        if use is not None:
            self._add(key, use)

    def evicted_for(self, key: str, weight: int) -> list[str] | None:
        """Return the keys to evict so that an entry of that weight has room; None if all together are not enough."""
        before = self._uses.get(key)
        added = weight - (0 if before is None else before.weight)
        lacking = self._used + added - self._limit
        if added <= 0 or lacking <= 0:
            return []
        evicted: list[str] = []
        for _, each in self._evictable_now():
            if each != key:
                evicted.append(each)
                lacking -= self._uses[each].weight
                if lacking <= 0:
                    return evicted
        return None

    def unevictable_count(self) -> int:
        """Return the number of entries that must stay for now."""
        return len(self._uses) - len(self._evictable_now())

    def _evictable_now(self) -> list[tuple[int, str]]:
        """Return sequence numbers and keys, oldest first."""
        end = bisect_left(self._waiting, (self._now(), maxsize, ""))
        if end:
            self._evictable = sorted([*self._evictable, *(row[1:] for row in self._waiting[:end])])
            del self._waiting[:end]
        return self._evictable

    def _add(self, key: str, use: MemoryUse) -> None:
        self._uses[key] = use
        self._used += use.weight
        moment = use.evictable_from
        if moment is None:
            return
        if moment <= self._now():
            insort(self._evictable, (use.sequence, key))
        else:
            insort(self._waiting, (moment, use.sequence, key))

    def _remove(self, key: str, use: MemoryUse) -> None:
        del self._uses[key]
        self._used -= use.weight
        moment = use.evictable_from
        if moment is not None and not _removed(self._waiting, (moment, use.sequence, key)):
            _removed(self._evictable, (use.sequence, key))


def _removed(rows: list[_Row], row: _Row) -> bool:
    """Remove a row from a sorted list; return whether it was there."""
    index = bisect_left(rows, row)
    found = rows[index : index + 1] == [row]
    del rows[index : index + found]
    return found
