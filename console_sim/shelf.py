"""Shelves: one for each kind of thing that the console keeps; whatever is on a shelf is immutable."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated, Generic, Protocol, TypeVar

import msgspec

from console_sim.errors import StoreError

T = TypeVar("T")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A date and time with a time zone. Reading a document without the zone fails: it cannot be compared with the clock."""
KEPT_BYTES = 32 * 1024 * 1024


def _never(_value: object) -> bool:
    return False


def _nothing(_value: object) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of thing to keep.

    Attributes:
        type: an immutable dataclass.
        key: gives the name under which a thing is found again.
        unfinished: whether something remains to be done about it; `Shelf.unfinished` finds these.
        weight: about how many bytes of memory a thing takes, for kinds of which there may be any number.
        may_go: whether a thing may be dropped when memory is full.
    """

    name: str
    type: type[T]
    key: Callable[[T], str]
    unfinished: Callable[[T], bool] = _never
    weight: Callable[[T], int] = _nothing
    may_go: Callable[[T], bool] = _never


class Shelf(ABC, Generic[T]):
    """The things of one kind. A thing is changed by putting another one in its place, which returns when it is kept.

    Every method raises StoreError when the database fails; then nothing has changed.
    """

    @abstractmethod
    def get(self, key: str) -> T | None:
        """Return the thing of that key."""

    @abstractmethod
    def put(self, thing: T) -> T:
        """Keep a thing, in the place of the one with the same key if there is one, and return it."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Keep that thing no longer."""

    @abstractmethod
    def __iter__(self) -> Iterator[T]:
        """Yield all of them, oldest first; changes on the way are harmless."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def newest(self, skipped: int, count: int) -> list[T]:
        """Return some of them, newest first."""

    @abstractmethod
    def unfinished(self) -> list[T]:
        """Return those about which something remains to be done, oldest first."""

    def only(self) -> T | None:
        """Return the oldest thing; None when there is nothing."""
        return next(iter(self), None)

    def change(self, key: str, how: Callable[[T], T]) -> T | None:
        """Replace the thing as it is now by what ``how`` makes of it and return that; None when it is gone."""
        now = self.get(key)
        if now is None:
            return None
        changed = how(now)
        return now if changed == now else self.put(changed)


class Shelves(Protocol):
    """Where shelves are."""

    def shelf(self, kind: Kind[T]) -> Shelf[T]:
        """Return the shelf of a kind."""

    def transaction(self) -> AbstractContextManager[None]:
        """Keep everything that is put in the body, or nothing."""

    def clear(self) -> None:
        """Empty every shelf."""

    def close(self) -> None:
        """Let go of the database."""


class MemoryShelves:
    """Shelves that live as long as the process, each bounded by ``kept_bytes``."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._shelves: list[MemoryShelf[object]] = []

    def shelf(self, kind: Kind[T]) -> Shelf[T]:
        """Return a new shelf."""
        shelf = MemoryShelf(kind, self._kept_bytes)
        self._shelves.append(shelf)  # type: ignore[arg-type] # to be cleared, whatever it holds
        return shelf

    def transaction(self) -> AbstractContextManager[None]:
        """Nothing fails between two puts."""
        return nullcontext()

    def clear(self) -> None:
        """Empty every shelf."""
        for shelf in self._shelves:
            shelf.clear()

    def close(self) -> None:
        """Nothing is open."""


class MemoryShelf(Shelf[T]):
    """Keeps things in memory.

    Past ``kept_bytes`` the oldest things go that may go; while none may, nothing new is taken.
    """

    def __init__(self, kind: Kind[T], kept_bytes: int) -> None:
        self._kind = kind
        self._kept_bytes = kept_bytes
        self._things: dict[str, T] = {}
        self._bytes = 0

    def get(self, key: str) -> T | None:
        """Return the thing of that key."""
        return self._things.get(key)

    def put(self, thing: T) -> T:
        """Keep a thing; raises StoreError when memory is full of things that may not go."""
        key, weight = self._kind.key(thing), self._kind.weight(thing)
        before = self._things.get(key)
        if before is not None:
            weight -= self._kind.weight(before)
        while self._bytes + weight > self._kept_bytes:
            self._drop_one(key)
        self._things[key] = thing
        self._bytes += weight
        return thing

    def remove(self, key: str) -> None:
        """Keep that thing no longer."""
        self._bytes -= self._kind.weight(self._things.pop(key))

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._things.values()))

    def __len__(self) -> int:
        return len(self._things)

    def only(self) -> T | None:
        """Return the oldest thing; None when there is nothing."""
        return next(iter(self._things.values()), None)

    def newest(self, skipped: int, count: int) -> list[T]:
        """Return some of them, newest first."""
        return list(islice(reversed(self._things.values()), skipped, skipped + count))

    def unfinished(self) -> list[T]:
        """Return those about which something remains to be done, oldest first."""
        return [thing for thing in self._things.values() if self._kind.unfinished(thing)]

    def clear(self) -> None:
        """Forget everything."""
        self._things.clear()
        self._bytes = 0

    def _drop_one(self, spared: str) -> None:
        for key, thing in self._things.items():
            if key != spared and self._kind.may_go(thing):
                self.remove(key)
                return
        raise full(self._kind, len(self._things), self._kept_bytes, "decide some, or start it with --database")


def full(kind: Kind[T], count: int, kept_bytes: int, remedy: str) -> StoreError:
    """Return the error of a shelf that takes nothing new."""
    return StoreError(
        f"{count:,} undecided {kind.name}s fill the {kept_bytes // 1024:,} KiB that a console keeps of them in memory; "
        f"{remedy}"
    )
