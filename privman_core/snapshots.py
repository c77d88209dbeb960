"""Named states of a server, to which it can return."""

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import Struct

from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.inputs import quoted
from privman_core.near_words import hint
from privman_core.state_changes import StateChanges

MOST = 16
MOST_BYTES = 128 * 1024 * 1024
"""What all snapshots of a server may have together."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class SnapshotError(Exception):
    """A snapshot cannot be taken; the message says why."""


class UnknownSnapshotError(SnapshotError):
    """There is no snapshot of that name; the message names the nearest."""


class StateCopy(Struct, frozen=True):
    """What a product has stored.

    Attributes:
        value: never changed.
        size: in bytes, approximate.
    """

    value: Any
    size: int


class States(Struct, frozen=True):
    """How a product resets, copies and restores its stored state.

    Attributes:
        resetting: empties the product when entered, and starts it again when left.
        copy: raises SnapshotError where it has more bytes than it is called with, or its store cannot be copied.
        restoring: puts a copy in the place of the stored state, and starts the product again when left.
    """

    resetting: Callable[[], AbstractAsyncContextManager[None]]
    copy: Callable[[int], Awaitable[StateCopy]]
    restoring: Callable[[StateCopy], AbstractAsyncContextManager[None]]


class Snapshot(Struct, frozen=True):
    """A stored state, the time at which it was copied, and the state of the generator of identifiers."""

    name: str
    at: datetime
    state: StateCopy
    ids_state: object

    def to_json(self) -> dict[str, Any]:
        """Return it as the control plane prints it."""
        return {"name": self.name, "at": self.at.isoformat(), "bytes": self.state.size}


class Snapshots:
    """The snapshots of one server; they outlive a reset.

    Args:
        changes: take a snapshot, and return to one, in their turn.
        forget: clears journal and faults, which belong to no snapshot.
    """

    def __init__(
        self, clock: Clock, ids: Ids, states: States, changes: StateChanges, forget: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._states = states
        self._changes = changes
        self._forget = forget
        self._kept: dict[str, Snapshot] = {}

    @property
    def kept(self) -> list[Snapshot]:
        """All of them, oldest first."""
        return [*self._kept.values()]

    async def take(self, name: object) -> Snapshot:
        """Copy the stored state under a new name; raises SnapshotError."""
        return await self._changes.make(partial(self._take, name))

    async def restore(self, name: str) -> None:
        """Return to the snapshot, to its virtual time and its identifiers; raises UnknownSnapshotError."""
        await self._changes.make(partial(self._restore, name))

    def delete(self, name: str) -> None:
        """Forget the snapshot; raises UnknownSnapshotError."""
        del self._kept[self._find(name).name]

    async def _take(self, name: object) -> Snapshot:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise SnapshotError(f"'name' is {quoted(name)}; expected 1 to 64 letters, digits, '.', '_' or '-'")
        if name in self._kept:
            raise SnapshotError(f"there is a snapshot {name!r}; expected another name, or DELETE it before")
        if len(self._kept) >= MOST:
            raise SnapshotError(f"there are {MOST} snapshots, which is the limit: {', '.join(self._kept)}; DELETE one")
        room = MOST_BYTES - sum(each.state.size for each in self._kept.values())
        state = await self._states.copy(room)
        taken = self._kept[name] = Snapshot(name, self._clock.now(), state, self._ids.state())
        return taken

    async def _restore(self, name: str) -> None:
        found = self._find(name)
        async with self._states.restoring(found.state):
            self._clock.return_to(found.at)
            self._ids.restore(found.ids_state)
        self._forget()

    def _find(self, name: str) -> Snapshot:
        if name not in self._kept:
            raise UnknownSnapshotError(f"unknown snapshot {quoted(name)}{hint(name, self._kept)}")
        return self._kept[name]


def require_room(size: int, most: int) -> None:
    """Raise SnapshotError where a state is too large."""
    if size > most:
        raise SnapshotError(
            f"the stored state has {_mib(size)}; snapshots have {_mib(max(0, most))} left of {_mib(MOST_BYTES)}"
        )


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.1f} MiB"
