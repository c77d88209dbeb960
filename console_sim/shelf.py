"""Shelves: one for each kind of entry that the console stores. Entries are immutable."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from typing import Annotated, Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from console_sim.errors import NotStoredError

T = TypeVar("T")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A date and time with a time zone; a stored one without zone is unreadable, because the clock has one."""
KEPT_BYTES = 32 * 1024 * 1024


def _never(_entry: object) -> bool:
    return False


def _nothing(_entry: object) -> int:
    return 0


def _at_no_time(_entry: object) -> None:
    return None


class ShelfKind(Struct, Generic[T], frozen=True):
    """A kind of entry.

    Attributes:
        type: an immutable dataclass.
        key: of an entry, unique in its kind.
        unfinished: whether work on an entry remains; see `LongShelf.unfinished`.
        weight: approximate memory of an entry in bytes, for kinds without a limit in number.
        evictable_from: the moment from which an entry may be evicted from a full memory; None if it must stay.
        renewed: whether an entry that is replaced counts as the newest when memory evicts the oldest.
    """

    name: str
    type: type[T]
    key: Callable[[T], str]
    unfinished: Callable[[T], bool] = _never
    weight: Callable[[T], int] = _nothing
    evictable_from: Callable[[T], datetime | None] = _at_no_time
    renewed: bool = False


class Shelf(ABC, Generic[T]):
    """The entries of one kind. An entry is changed by replacing it.

    Every method raises NotStoredError if the database fails; then nothing has changed.
    """

    @abstractmethod
    def get(self, key: str) -> T | None:
        """Return the entry with that key."""

    @abstractmethod
    def put(self, entry: T) -> T:
        """Insert or replace an entry and return it once it is stored."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove the entry, if there is one."""

    @abstractmethod
    def __iter__(self) -> Iterator[T]:
        """Yield all entries, oldest first; changes meanwhile are allowed."""

    def oldest(self) -> T | None:
        """Return the oldest entry, None if there is none."""
        return next(iter(self), None)

    def unused(self, draw: Callable[[], str]) -> str:
        """Return the first drawn key that no entry has.

        One seed gives the same keys after every restart, and the database still has the earlier entries.
        """
        return next(key for key in iter(draw, "") if self.get(key) is None)

    def change(self, key: str, update: Callable[[T], T]) -> T | None:
        """Replace the entry by ``update(entry)`` and return that; None if it is gone."""
        now = self.get(key)
        if now is None:
            return None
        changed = update(now)
        return now if changed == now else self.put(changed)


class LongShelf(Shelf[T]):
    """A shelf of so many entries that no request may wait until all of them are read."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def newest(self, skipped: int, count: int) -> list[T]:
        """Return a page, newest first."""

    @abstractmethod
    def unfinished(self) -> list[T]:
        """Return the unfinished entries, oldest first."""


class Undo:
    """Undoes in memory what a failed transaction has changed; outside of a transaction it remembers nothing."""

    def __init__(self) -> None:
        self._steps: ExitStack | None = None

    @property
    def is_open(self) -> bool:
        """Whether a transaction is open."""
        return self._steps is not None

    def add(self, step: Callable[[], object]) -> None:
        """Run the step if the open transaction fails; the newest step is run first."""
        if self._steps is not None:
            self._steps.callback(step)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo what the body has changed if it fails, or if the transaction around this one does."""
        outer, own = self._steps, ExitStack()
        self._steps = own
        try:
            yield
        except BaseException:
            self._steps = None  # the steps themselves are not to be undone
            own.close()
            raise
        else:
            if outer is not None:
                outer.push(own.pop_all())
        finally:
            self._steps = outer


class Shelves(Protocol):
    """A store of shelves."""

    @property
    def undo(self) -> Undo:
        """Undoes in memory what a failed transaction has changed."""

    def shelf(self, kind: ShelfKind[T]) -> LongShelf[T]:
        """Return the shelf of a kind."""

    def transaction(self) -> AbstractContextManager[None]:
        """Keep everything that the body puts, or nothing; transactions may be nested."""

    def clear(self) -> None:
        """Empty every shelf."""

    @property
    def shelves(self) -> Sequence[LongShelf[Any]]:
        """Every shelf, in the order in which they were asked for."""

    def close(self) -> None:
        """Close the database."""


def memory_full(kind: ShelfKind[T], count: int, kept_bytes: int, remedy: str) -> NotStoredError:
    """Return the error of a full memory, in which ``count`` entries must stay."""
    return NotStoredError(
        f"no room for this {kind.name}: {count:,} unfinished ones fill the {kept_bytes // 1024:,} KiB of memory "
        f"for this kind; {remedy}"
    )
