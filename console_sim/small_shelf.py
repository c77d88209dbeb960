"""Shelves of few entries, which are all in memory, too."""

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

    Only one process uses a database, so both have the same. At most ``most`` entries are accepted, and ``most_bytes``
    of them as JSON.
    """

    def __init__(self, kind: ShelfKind[T], shelves: Shelves, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._kind = kind
        self._stored = shelves.shelf(kind)
        self._undo = shelves.undo
        self._most = most
        self._most_bytes = most_bytes
        self._entries: Mapping[str, T] = {}  # replaced by each change, so that a reader never sees half of one
        self._weights: Mapping[str, int] = {}
        self.reload()

    @property
    def entries(self) -> Mapping[str, T]:
        """All entries by key, oldest first; another mapping after each change."""
        return self._entries

    def get(self, key: str) -> T | None:
        """Return the entry with that key."""
        return self._entries.get(key)

    def put(self, entry: T) -> T:
        """Insert or replace an entry and return it once it is stored; raises BadRequestError if there is no room."""
        key, weight = self._kind.key(entry), _weight(entry)
        self._require_room(key, weight)
        self._stored.put(entry)
        self._set({**self._entries, key: entry}, {**self._weights, key: weight})
        return entry

    def remove(self, key: str) -> None:
        """Remove the entry, if there is one."""
        self._stored.remove(key)
        self._set(_without(self._entries, key), _without(self._weights, key))

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def reload(self) -> None:
        """Read again what is stored."""
        self._entries = {self._kind.key(entry): entry for entry in self._stored}
        self._weights = {key: _weight(entry) for key, entry in self._entries.items()}

    def _require_room(self, key: str, weight: int) -> None:
        """Raise BadRequestError if one more would be too many, or all together would be too long."""
        if key not in self._entries and len(self._entries) >= self._most:
            raise BadRequestError(
                f"no room for another {self._kind.name}: there are {self._most:,}, which is the limit; "
                "change one of these, or reset the console"
            )
        added = weight - self._weights.get(key, 0)
        together = sum(self._weights.values()) + added
        if added > 0 and together > self._most_bytes:
            raise BadRequestError(
                f"no room for this {self._kind.name}: with it, all of this kind would have {_kib(together)}; "
                f"the limit is {_kib(self._most_bytes)}; "
                f"shorten this or another {self._kind.name}, or reset the console"
            )

    def _set(self, entries: Mapping[str, T], weights: Mapping[str, int]) -> None:
        self._undo.add(partial(self._restore, self._entries, self._weights))
        self._restore(entries, weights)

    def _restore(self, entries: Mapping[str, T], weights: Mapping[str, int]) -> None:
        self._entries, self._weights = entries, weights


def _weight(entry: object) -> int:
    return len(msgspec.json.encode(entry))


def _without(entries: Mapping[str, T], key: str) -> dict[str, T]:
    return {each: entry for each, entry in entries.items() if each != key}


def _kib(size: int) -> str:
    return f"{-(-size // 1024):,} KiB"
