"""Shelves that live as long as the process."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import count
from typing import Any, Generic, TypeVar

from msgspec import Struct

from console_sim.bounded_memory import BoundedMemory, MemoryUse
from console_sim.shelf import KEPT_BYTES, LongShelf, ShelfKind, Undo, memory_full
from privman_core.clock import Clock

T = TypeVar("T")


class MemoryShelves:
    """Shelves that live as long as the process, each bounded by ``kept_bytes``."""

    def __init__(self, clock: Clock, kept_bytes: int = KEPT_BYTES) -> None:
        self._clock = clock
        self._kept_bytes = kept_bytes
        self._shelves: list[MemoryShelf[object]] = []
        self.undo = Undo()

    def shelf(self, kind: ShelfKind[T]) -> LongShelf[T]:
        """Return a new shelf."""
        shelf = MemoryShelf(kind, self._clock, self._kept_bytes, self.undo)
        self._shelves.append(shelf)  # type: ignore[arg-type] # of any kind, to be cleared
        return shelf

    def transaction(self) -> AbstractContextManager[None]:
        """Keep everything that the body puts, or nothing; transactions may be nested."""
        return self.undo.transaction()

    def clear(self) -> None:
        """Empty every shelf."""
        for shelf in self._shelves:
            shelf.clear()

    @property
    def shelves(self) -> Sequence[LongShelf[Any]]:
        """Every shelf, in the order in which they were asked for."""
        return self._shelves

    def close(self) -> None:
        """Do nothing."""


class _Kept(Struct, Generic[T], frozen=True):
    """An entry with its place in the order of insertion."""

    place: int
    entry: T


class MemoryShelf(LongShelf[T]):
    """Keeps entries in memory.

    Past ``kept_bytes`` the oldest entries that may be evicted are; if they are too few, nothing new is accepted.
    """

    def __init__(self, kind: ShelfKind[T], clock: Clock, kept_bytes: int, undo: Undo) -> None:
        self._kind = kind
        self._clock = clock
        self._kept_bytes = kept_bytes
        self._undo = undo
        self._new_places = count()
        self.clear()

    def clear(self) -> None:
        """Remove everything."""
        self._memory = BoundedMemory(self._kept_bytes, self._clock.now, self._undo)
        self._kept: dict[str, _Kept[T]] = {}
        self._by_age: list[tuple[int, str]] = []  # places and keys, oldest first

    def get(self, key: str) -> T | None:
        """Return the entry with that key."""
        kept = self._kept.get(key)
        return None if kept is None else kept.entry

    def put(self, entry: T) -> T:
        """Insert or replace an entry; raises NotStoredError if memory is full of entries that must stay."""
        key, weight = self._kind.key(entry), self._kind.weight(entry)
        self._make_room(key, weight)
        before = self._kept.get(key)
        place = next(self._new_places) if before is None or self._kind.renewed else before.place
        self._memory.set(key, MemoryUse(place, weight, self._kind.evictable_from(entry)))
        self._set(key, _Kept(place, entry))
        return entry

    def remove(self, key: str) -> None:
        """Remove the entry, if there is one."""
        if key in self._kept:
            self._memory.set(key, None)
            self._set(key, None)

    def __iter__(self) -> Iterator[T]:
        return iter([self._kept[key].entry for _, key in self._by_age])

    def __len__(self) -> int:
        return len(self._kept)

    def newest(self, skipped: int, count: int) -> list[T]:
        """Return a page, newest first."""
        end = max(len(self._by_age) - skipped, 0)
        return [self._kept[key].entry for _, key in reversed(self._by_age[max(end - count, 0) : end])]

    def unfinished(self) -> list[T]:
        """Return the unfinished entries, oldest first."""
        return [entry for entry in self if self._kind.unfinished(entry)]

    def _make_room(self, key: str, weight: int) -> None:
        evicted = self._memory.evicted_for(key, weight)
        if evicted is None:
            raise memory_full(self._kind, self._memory.unevictable_count(), self._kept_bytes, _REMEDY)
        for each in evicted:
            self.remove(each)

    def _set(self, key: str, kept: _Kept[T] | None) -> None:
        """Keep an entry in place of the one with that key; None removes it."""
        before = self._kept.pop(key, None)
        self._undo.add(partial(self._set, key, before))
        if before is not None:
            del self._by_age[bisect_left(self._by_age, (before.place, key))]
        if kept is not None:
            self._kept[key] = kept
            insort(self._by_age, (kept.place, key))


_REMEDY = "decide some, let ServiceNow record decisions made here, or start the console with --database"
