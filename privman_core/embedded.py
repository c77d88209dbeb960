"""Servers that run in a test's own process."""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypeVar, get_args

from aiohttp import web
from msgspec import Struct

from privman_core.clock import Clock, RealClock
from privman_core.ids import Ids
from privman_core.instruments import INSTRUMENTS, RESET, SNAPSHOTS, Instruments
from privman_core.loop_thread import LoopThread
from privman_core.serving import LOOPBACK, serving
from privman_core.snapshots import Snapshots
from privman_core.virtual_clock import VirtualClock

_QUIET = logging.NullHandler()
ClockKind = Literal["virtual", "real"]
Value = TypeVar("Value")


class NotRunningError(RuntimeError):
    """Raised for a server that is used outside of its ``with`` block."""


class EmbeddedClock:
    """The time of a server."""

    def __init__(self, loop: LoopThread, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self._clock.now()

    def advance(self, seconds: float) -> None:
        """Let virtual time jump; returns when everything that fell due has been answered.

        Raises ClockIsRealError where time is real.
        """
        self._loop.run(self._clock.advance(seconds))

    async def advance_async(self, seconds: float) -> None:
        """Do the same while the caller's own loop goes on, as when the test itself serves what is called."""
        await self._loop.wait(self._clock.advance(seconds))

    def settle(self) -> None:
        """Return when all background work that fell due is done, such as the delivery of a decision."""
        self._loop.run(self._clock.settle())

    async def settle_async(self) -> None:
        """Do the same while the caller's own loop goes on."""
        await self._loop.wait(self._clock.settle())


class EmbeddedFaults:
    """The faults of a server."""

    def __init__(self, loop: LoopThread, instruments: Instruments) -> None:
        self._loop = loop
        self._faults = instruments.faults

    def arm(self, kind: str, **options: object) -> int:
        """Arm a fault, such as ``arm("status", status=503, path="*/approve", times=2)``, and return its number.

        Raises FaultError for an unknown kind or option.
        """
        return self._loop.run(self._arm({"kind": kind, **options}))

    async def _arm(self, spec: dict[str, object]) -> int:
        return self._faults.arm(spec).number

    @property
    def armed(self) -> list[dict[str, Any]]:
        """The armed faults, each with its number and how many requests it has struck."""
        return [{**each.to_json(), "number": each.number, "struck": each.struck} for each in tuple(self._faults.armed)]

    def clear(self) -> None:
        """Disarm every fault."""
        self._loop.run(self._clear())

    async def _clear(self) -> None:
        self._faults.clear()


class EmbeddedSnapshots:
    """The snapshots of a server; each call raises SnapshotError for a name that cannot be."""

    def __init__(self, loop: LoopThread, snapshots: Snapshots) -> None:
        self._loop = loop
        self._snapshots = snapshots

    @property
    def names(self) -> list[str]:
        """Their names, the oldest first."""
        return [each.name for each in self._snapshots.kept]

    def take(self, name: str) -> None:
        """Keep the stored state under a new name."""
        self._loop.run(self._snapshots.take(name))

    async def take_async(self, name: str) -> None:
        """Do the same while the caller's own loop goes on."""
        await self._loop.wait(self._snapshots.take(name))

    def restore(self, name: str) -> None:
        """Return to a snapshot, its time and identifiers included; the journal is empty then, and no fault is armed.

        Servers that keep one clock go back together: restore each of them.
        """
        self._loop.run(self._snapshots.restore(name))

    async def restore_async(self, name: str) -> None:
        """Do the same while the caller's own loop goes on."""
        await self._loop.wait(self._snapshots.restore(name))

    def delete(self, name: str) -> None:
        """Forget a snapshot."""
        self._loop.run(self._delete(name))

    async def _delete(self, name: str) -> None:
        self._snapshots.delete(name)


class Running(Struct, frozen=True):
    """A server while it runs.

    Attributes:
        app: the application.
        url: its address, without a trailing slash.
        stack: what ends with it.
        pid: the process that runs it.
    """

    app: web.Application
    url: str
    loop: LoopThread
    clock: Clock
    stack: AsyncExitStack
    pid: int


class Embedded(ABC):
    """A server in this process, for ``with`` and ``async with``.

    It has an event loop in a thread of its own, so tests with and without a loop use it in the same way. Methods return
    when they are done; a test that itself serves what is called awaits those that end with ``_async``.

    Args:
        clock: ``virtual`` time stands still until it is advanced; ``real`` time passes.
        seed: the same seed gives the same identifiers.
        host: address to listen on.
        port: 0 takes a free one.
        beside: another server, whose clock this one keeps; that one must run.
    """

    _log: ClassVar[logging.Logger]

    def __init__(
        self,
        *,
        clock: ClockKind = "virtual",
        seed: int | None = None,
        host: str = LOOPBACK,
        port: int = 0,
        beside: "Embedded | None" = None,
    ) -> None:
        if clock not in get_args(ClockKind):
            raise ValueError(f"clock is {clock!r}; expected 'virtual' or 'real'")
        self._clock_kind = clock
        self._seed = seed
        self._address = host, port
        self._beside = beside
        self._runs: list[Running] = []

    @abstractmethod
    def create(self, clock: Clock, ids: Ids) -> web.Application:
        """Return the application that is served."""

    @property
    @abstractmethod
    def auth(self) -> tuple[str, str]:
        """User name and password for calls to the server."""

    @abstractmethod
    async def started(self) -> None:
        """Do what is to be done once it serves."""

    @property
    def running(self) -> Running:
        """The server; raises NotRunningError outside of the ``with`` block, and in a process forked within it."""
        if not self._runs:
            raise NotRunningError(f"{type(self).__name__} is not running; use it in a 'with' block")
        if self._runs[-1].pid != os.getpid():
            raise NotRunningError(f"{type(self).__name__} runs in process {self._runs[-1].pid}; call its url from here")
        return self._runs[-1]

    @property
    def url(self) -> str:
        """The address of the server, without a trailing slash."""
        return self.running.url

    @property
    def clock(self) -> EmbeddedClock:
        """Moves the time of the server, and of those that keep the same clock."""
        return EmbeddedClock(self.running.loop, self.running.clock)

    @property
    def faults(self) -> EmbeddedFaults:
        """Arms faults, which strike the next requests that match."""
        return EmbeddedFaults(self.running.loop, self.running.app[INSTRUMENTS])

    @property
    def snapshots(self) -> EmbeddedSnapshots:
        """Keeps stored states under names, and returns to them."""
        return EmbeddedSnapshots(self.running.loop, self.running.app[SNAPSHOTS])

    @property
    def journal(self) -> list[dict[str, Any]]:
        """Every exchange of the server in order, secrets masked."""
        return self.wait_for(self._journal())

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What the server swallowed, and each message that breaks its contract."""
        return self.wait_for(self._findings())

    def reset(self) -> None:
        """Go back to the state at start."""
        self.wait_for(self.running.app[RESET]())

    async def reset_async(self) -> None:
        """Do the same while the caller's own loop goes on."""
        await self.running.loop.wait(self.running.app[RESET]())

    def wait_for(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run a coroutine in the server's loop and return its result."""
        try:
            loop = self.running.loop
        except NotRunningError:
            work.close()
            raise
        return loop.run(work)

    def __enter__(self) -> Self:
        loop = self._loop()
        try:
            loop.run(self._start(loop))
        except BaseException:
            self._leave(loop)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runs[-1].pid != os.getpid():
            return  # a forked process leaves the server to the one that started it
        loop = self.running.loop
        loop.run(self._runs.pop().stack.aclose())
        self._leave(loop)

    async def __aenter__(self) -> Self:
        loop = self._loop()
        try:
            await loop.wait(self._start(loop))
        except BaseException:
            self._leave(loop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = self.running.loop
        await loop.wait(self._runs.pop().stack.aclose())
        self._leave(loop)

    def _loop(self) -> LoopThread:
        return LoopThread() if self._beside is None else self._beside.running.loop

    def _leave(self, loop: LoopThread) -> None:
        if self._beside is None:
            loop.close()

    async def _start(self, loop: LoopThread) -> None:
        self._log.addHandler(_QUIET)  # a program hears nothing unless it asks for the log
        async with AsyncExitStack() as stack:
            clock = self._clock(stack)
            app = self.create(clock, Ids(self._seed))
            url = await stack.enter_async_context(serving(app, *self._address))
            self._runs.append(Running(app, url, loop, clock, stack.pop_all(), os.getpid()))
        try:
            await self.started()
        except BaseException:
            await self._runs.pop().stack.aclose()
            raise

    def _clock(self, stack: AsyncExitStack) -> Clock:
        if self._beside is not None:
            return self._beside.running.clock
        clock: Clock = VirtualClock() if self._clock_kind == "virtual" else RealClock()
        stack.push_async_callback(clock.aclose)
        return clock

    async def _journal(self) -> list[dict[str, Any]]:
        journal = self.running.app[INSTRUMENTS].journal
        return [await journal.printed(each) async for each in journal.read(journal.kept())]

    async def _findings(self) -> list[dict[str, Any]]:
        journal = self.running.app[INSTRUMENTS].journal
        found: list[dict[str, Any]] = [{"exchange": 0, **journal.finding_to_json(note)} for note in journal.notes()]
        async for each in journal.read(journal.kept()):
            found += [{"exchange": each.number, **journal.finding_to_json(finding)} for finding in each.findings]
        return found
