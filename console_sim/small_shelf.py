"""Shelves of few things, which are all in memory, too."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TypeVar

import msgspec

from console_sim.errors import BadRequestError
from console_sim.shelf import Shelf, ShelfKind, Shelves

T = TypeVar("T")
MOST = 1_000
MOST_BYTES = 2 * 1024 * 1024


class SmallShelf(Shelf[T]):
    """A shelf for what people configure, in front of the one that stores it: reading costs no access to a database.

    Only one process uses a database, so both have the same. At most ``most`` things are taken, and ``most_bytes`` of
    them as JSON.
    """

    def __init__(self, kind: ShelfKind[T], shelves: Shelves, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._kind = kind
        self._stored = shelves.shelf(kind)
        self._undo = shelves.undo
        self._most = most
        self._most_bytes = most_bytes
        self._things: Mapping[str, T] = {}  # each change replaces the mapping, so that whoever reads has a whole one
        self._weights: Mapping[str, int] = {}
        self.reload()

    @property
    def things(self) -> Mapping[str, T]:
        """All things by key, oldest first; another mapping after each change."""
        return self._things

    def get(self, key: str) -> T | None:
        """Return the thing with that key."""
        return self._things.get(key)

    def put(self, thing: T) -> T:
        """Insert or replace a thing and return it once it is stored; raises BadRequestError if there is no room."""
        key, weight = self._kind.key(thing), _weight(thing)
        self._require_room(key, weight)
        self._stored.put(thing)
        self._set({**self._things, key: thing}, {**self._weights, key: weight})
        return thing

    def remove(self, key: str) -> None:
        """Remove the thing."""
        self._stored.remove(key)
        self._set(_without(self._things, key), _without(self._weights, key))

    def __iter__(self) -> Iterator[T]:
        return iter(self._things.values())

    def reload(self) -> None:
        """Read again what is stored."""
        self._things = {self._kind.key(thing): thing for thing in self._stored}
        self._weights = {key: _weight(thing) for key, thing in self._things.items()}

    def _require_room(self, key: str, weight: int) -> None:
        """Raise BadRequestError if one thing more would be too many, or if it would make all too long."""
        if key not in self._things and len(self._things) >= self._most:
            raise BadRequestError(f"no room for another {self._kind.name}: there are {self._most:,}, expected no more")
        added = weight - self._weights.get(key, 0)
        together = sum(self._weights.values()) + added
        if added > 0 and together > self._most_bytes:
            raise BadRequestError(
                f"no room for this {self._kind.name}: with it all have {_kib(together)} together; "
                f"expected at most {_kib(self._most_bytes)}"
            )

    def _set(self, things: Mapping[str, T], weights: Mapping[str, int]) -> None:
        self._undo.add(partial(self._restore, self._things, self._weights))
        self._restore(things, weights)

    def _restore(self, things: Mapping[str, T], weights: Mapping[str, int]) -> None:
        self._things, self._weights = things, weights


def _weight(thing: object) -> int:
    return len(msgspec.json.encode(thing))


def _without(things: Mapping[str, T], key: str) -> dict[str, T]:
    return {each: thing for each, thing in things.items() if each != key}


def _kib(size: int) -> str:
    return f"{-(-size // 1024):,} KiB"
