"""Shelves that live as long as the process."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import Generic, TypeVar

from console_sim.shelf import KEPT_BYTES, LongShelf, ShelfKind, Undo, full

T = TypeVar("T")


class MemoryShelves:
    """Shelves that live as long as the process, each bounded by ``kept_bytes``."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._shelves: list[MemoryShelf[object]] = []
        self.undo = Undo()

    def shelf(self, kind: ShelfKind[T]) -> LongShelf[T]:
        """Return a new shelf."""
        shelf = MemoryShelf(kind, self._kept_bytes, self.undo)
        self._shelves.append(shelf)  # type: ignore[arg-type] # of any kind, to be cleared
        return shelf

    def transaction(self) -> AbstractContextManager[None]:
        """Keep everything that the body puts, or nothing; transactions may be nested."""
        return self.undo.transaction()

    def clear(self) -> None:
        """Empty every shelf."""
        for shelf in self._shelves:
            shelf.clear()

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    """A thing with its place in the order of insertion."""

    place: int
    thing: T
    weight: int


class MemoryShelf(LongShelf[T]):
    """Keeps things in memory.

    Past ``kept_bytes`` the oldest droppable things are dropped; if they are too few, nothing new is accepted.
    """

    def __init__(self, kind: ShelfKind[T], kept_bytes: int, undo: Undo) -> None:
        self._kind = kind
        self._kept_bytes = kept_bytes
        self._undo = undo
        self._places = count()
        self._kept: dict[str, _Kept[T]] = {}
        self._is_in_order = True
        self._droppable: list[str] = []  # what the last look at all things has found, oldest first
        self._bytes = 0

    def get(self, key: str) -> T | None:
        """Return the thing with that key."""
        kept = self._kept.get(key)
        return None if kept is None else kept.thing

    def put(self, thing: T) -> T:
        """Insert or replace a thing; raises StoreError if memory is full of things that may not be dropped."""
        key, weight = self._kind.key(thing), self._kind.weight(thing)
        before = self._kept.get(key)
        self._make_room(key, weight if before is None else weight - before.weight)
        self._set(key, _Kept(next(self._places) if before is None else before.place, thing, weight))
        self._undo.add(partial(self._drop, key) if before is None else partial(self._set, key, before))
        return thing

    def remove(self, key: str) -> None:
        """Remove the thing."""
        self._undo.add(partial(self._put_back, {key: self._drop(key)}))

    def __iter__(self) -> Iterator[T]:
        return iter([kept.thing for kept in self._in_order().values()])

    def __len__(self) -> int:
        return len(self._kept)

    def newest(self, skipped: int, count: int) -> list[T]:
        """Return a page, newest first."""
        return [kept.thing for kept in islice(reversed(self._in_order().values()), skipped, skipped + count)]

    def unfinished(self) -> list[T]:
        """Return the unfinished things, oldest first."""
        return [thing for thing in self if self._kind.unfinished(thing)]

    def clear(self) -> None:
        """Remove everything."""
        self._kept.clear()
        self._bytes = 0

    def _make_room(self, spared: str, added: int) -> None:
        """Drop the oldest droppable things until so many bytes more fit; if they never do, drop none and raise."""
        lacking = self._bytes + added - self._kept_bytes
        if lacking <= 0:
            return
        chosen = self._choose(spared, lacking)
        if not chosen:
            self._droppable = [key for key, kept in self._in_order().items() if self._kind.may_go(kept.thing)]
            chosen = self._choose(spared, lacking)
        if not chosen:
            raise full(self._kind, len(self._kept), self._kept_bytes, "decide some, or start it with --database")
        self._undo.add(partial(self._put_back, {key: self._drop(key) for key in chosen}))

    def _choose(self, spared: str, lacking: int) -> list[str]:
        """Return the first known things that may be dropped and make enough room; none if all together do not."""
        chosen: list[str] = []
        for place, key in enumerate(self._droppable):
            kept = self._kept.get(key)
            if kept is None or key == spared or not self._kind.may_go(kept.thing):
                continue
            chosen.append(key)
            lacking -= kept.weight
            if lacking <= 0:
                del self._droppable[: place + 1]
                return chosen
        return []

    def _set(self, key: str, kept: _Kept[T]) -> None:
        before = self._kept.get(key)
        self._bytes += kept.weight - (0 if before is None else before.weight)
        self._kept[key] = kept

    def _drop(self, key: str) -> _Kept[T]:
        kept = self._kept.pop(key)
        self._bytes -= kept.weight
        return kept

    def _put_back(self, dropped: dict[str, _Kept[T]]) -> None:
        for key, kept in dropped.items():
            self._set(key, kept)
        self._is_in_order = False

    def _in_order(self) -> dict[str, _Kept[T]]:
        """Return what is kept, oldest first; what was put back is at the end until somebody asks."""
        if not self._is_in_order:
            self._kept = dict(sorted(self._kept.items(), key=lambda each: each[1].place))
            self._is_in_order = True
        return self._kept
