"""Shelves: one for each kind of thing that the console stores. Stored things are immutable."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated, Generic, Protocol, TypeVar

import msgspec

from console_sim.errors import NotStoredError

T = TypeVar("T")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A date and time with a time zone; a stored one without zone is unreadable, because the clock has one."""
KEPT_BYTES = 32 * 1024 * 1024


def _never(_value: object) -> bool:
    return False


def _nothing(_value: object) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class ShelfKind(Generic[T]):
    """A kind of stored thing.

    Attributes:
        type: an immutable dataclass.
        key: of a thing, unique in its kind.
        unfinished: whether work on a thing remains; see `Shelf.unfinished`.
        weight: approximate memory of a thing in bytes, for kinds without a limit in number.
        may_go: whether a thing may be dropped when memory is full.
    """

    name: str
    type: type[T]
    key: Callable[[T], str]
    unfinished: Callable[[T], bool] = _never
    weight: Callable[[T], int] = _nothing
    may_go: Callable[[T], bool] = _never


class Shelf(ABC, Generic[T]):
    """The things of one kind. A thing is changed by replacing it.

    Every method raises StoreError if the database fails; then nothing has changed.
    """

    @abstractmethod
    def get(self, key: str) -> T | None:
        """Return the thing with that key."""

    @abstractmethod
    def put(self, thing: T) -> T:
        """Insert or replace a thing and return it once it is stored."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove the thing."""

    @abstractmethod
    def __iter__(self) -> Iterator[T]:
        """Yield all things, oldest first; changes meanwhile are allowed."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def newest(self, skipped: int, count: int) -> list[T]:
        """Return a page, newest first."""

    @abstractmethod
    def unfinished(self) -> list[T]:
        """Return the unfinished things, oldest first."""

    def only(self) -> T | None:
        """Return the oldest thing, None if there is none."""
        return next(iter(self), None)

    def unused(self, draw: Callable[[], str]) -> str:
        """Return a drawn key that no thing has.

        One seed gives the same keys after every restart, and the database still has the earlier things.
        """
        return next(key for key in iter(draw, "") if self.get(key) is None)

    def change(self, key: str, how: Callable[[T], T]) -> T | None:
        """Replace the thing by ``how(thing)`` and return that; None if it is gone."""
        now = self.get(key)
        if now is None:
            return None
        changed = how(now)
        return now if changed == now else self.put(changed)


class Shelves(Protocol):
    """A store of shelves."""

    def shelf(self, kind: ShelfKind[T]) -> Shelf[T]:
        """Return the shelf of a kind."""

    def transaction(self) -> AbstractContextManager[None]:
        """Keep everything that the body puts, or nothing."""

    def clear(self) -> None:
        """Empty every shelf."""

    def close(self) -> None:
        """Close the database."""


class MemoryShelves:
    """Shelves that live as long as the process, each bounded by ``kept_bytes``."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._shelves: list[MemoryShelf[object]] = []

    def shelf(self, kind: ShelfKind[T]) -> Shelf[T]:
        """Return a new shelf."""
        shelf = MemoryShelf(kind, self._kept_bytes)
        self._shelves.append(shelf)  # type: ignore[arg-type] # of any kind, to be cleared
        return shelf

    def transaction(self) -> AbstractContextManager[None]:
        """Do nothing: memory does not fail."""
        return nullcontext()

    def clear(self) -> None:
        """Empty every shelf."""
        for shelf in self._shelves:
            shelf.clear()

    def close(self) -> None:
        """Do nothing."""


class MemoryShelf(Shelf[T]):
    """Keeps things in memory.

    Past ``kept_bytes`` the oldest droppable things are dropped; if there are none, nothing new is accepted.
    """

    def __init__(self, kind: ShelfKind[T], kept_bytes: int) -> None:
        self._kind = kind
        self._kept_bytes = kept_bytes
        self._things: dict[str, T] = {}
        self._weights: dict[str, int] = {}
        self._bytes = 0

    def get(self, key: str) -> T | None:
        """Return the thing with that key."""
        return self._things.get(key)

    def put(self, thing: T) -> T:
        """Insert or replace a thing; raises StoreError if memory is full of things that may not be dropped."""
        key, weight = self._kind.key(thing), self._kind.weight(thing)
        added = weight - self._weights.get(key, 0)
        while self._bytes + added > self._kept_bytes:
            self._drop_one(key)
        self._things[key] = thing
        self._weights[key] = weight
        self._bytes += added
        return thing

    def remove(self, key: str) -> None:
        """Remove the thing."""
        del self._things[key]
        self._bytes -= self._weights.pop(key)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._things.values()))

    def __len__(self) -> int:
        return len(self._things)

    def only(self) -> T | None:
        """Return the oldest thing, None if there is none."""
        return next(iter(self._things.values()), None)

    def newest(self, skipped: int, count: int) -> list[T]:
        """Return a page, newest first."""
        return list(islice(reversed(self._things.values()), skipped, skipped + count))

    def unfinished(self) -> list[T]:
        """Return the unfinished things, oldest first."""
        return [thing for thing in self._things.values() if self._kind.unfinished(thing)]

    def clear(self) -> None:
        """Remove everything."""
        self._things.clear()
        self._weights.clear()
        self._bytes = 0

    def _drop_one(self, spared: str) -> None:
        for key, thing in self._things.items():
            if key != spared and self._kind.may_go(thing):
                self.remove(key)
                return
        raise full(self._kind, len(self._things), self._kept_bytes, "decide some, or start it with --database")


def full(kind: ShelfKind[T], count: int, kept_bytes: int, remedy: str) -> NotStoredError:
    """Return the error of a full shelf."""
    return NotStoredError(
        f"{count:,} undecided {kind.name}s fill the {kept_bytes // 1024:,} KiB that a console keeps of them in memory; "
        f"{remedy}"
    )
