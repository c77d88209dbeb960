"""Work on the database of an instance: run inline, in threads or in steps, so that nobody waits long for others."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar

from msgspec import Struct

from mock_servicenow.now_platform.errors import DatabaseUnavailable, PlatformError, TablesChanged, TransactionCancelled
from mock_servicenow.now_platform.storage.long_reads import Aside, NotAsideError, OverrunError
from mock_servicenow.now_platform.storage.store import Store
from privman_core.clock import UNLISTED, Clock, Label
from privman_core.findings import Finding

T = TypeVar("T")
_STOPPING, _SHARED = 4, 2  # threads that cancel statements, and threads for long work on a shared database
_INTERRUPT_AGAIN = 0.1  # seconds
_SOON = 1.0  # seconds that a short request may keep other short ones waiting
# Threads inherit the context of the coroutine that starts them, and with it the event loop to call back.
_LOOP: ContextVar[asyncio.AbstractEventLoop] = ContextVar("loop")


class Repeatable(Struct, Generic[T]):
    """Work that may start again from the beginning as long as it has written nothing.

    Attributes:
        findings: the list that it adds findings to.
        light: whether it asks for so little that it need not queue behind long work.
    """

    work: Callable[[], T]
    findings: list[Finding]
    light: bool = True


class _Ended(Struct, Generic[T], frozen=True):
    value: T


class Runner:
    """Runs work on one database.

    Attributes:
        store: the database.
        clock: times what `later` delays.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self._working: set[asyncio.Task[Any]] = set()
        self._in_threads: set[asyncio.Task[Any]] = set()
        self._closing = False
        self._ended = 0  # how often all work was ended
        self._asides: set[Aside] = set()
        self._stopping = ThreadPoolExecutor(_STOPPING)  # not behind the work that it cancels
        self._pieces = asyncio.Semaphore(1 if store.embedded else _SHARED)
        # One long read at a time, because each may hold a copy of the database, and one that asks for little.
        self._turn, self._soon = asyncio.Lock(), asyncio.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """Run synchronous work on the database: inline if it is embedded, else in a worker thread.

        Work in a thread continues when its caller is cancelled; `aclose` waits for it.
        """
        return work() if self.store.embedded else await asyncio.shield(self._start_thread(work))

    async def run_in_turn(self, work: Callable[[], T]) -> T:
        """Run a piece of long work as `run` does, after those already waiting.

        One runs at a time on an embedded database, a few on a shared one. Short requests are answered between two
        pieces, or by another thread.
        """
        async with self._pieces:
            try:
                return await self.run(work)
            finally:
                await asyncio.sleep(0)

    async def run_again(self, repeatable: Repeatable[T]) -> T:
        """Run work as `run` does; on an embedded database a long read is given up and repeated aside.

        On a shared one it is repeated whenever the tables change meanwhile, unless it has stored something.

        Others are answered meanwhile. Until it writes, it ends with its caller. A short request never waits for long
        ones: it is tried twice, since it may have met a pause, and then waits its turn among its own kind.

        Raises:
            TransactionCancelled: it takes about a minute, or the instance ends all work.
        """
        work, findings = repeatable.work, repeatable.findings
        if not self.store.embedded:
            async with nullcontext() if repeatable.light else self._pieces:
                return await self._run_on_one_version(work, findings)
        before = len(findings)
        if repeatable.light:
            try:
                return self.store.briefly(work)
            except OverrunError:
                del findings[before:]
        attempts = self._longer_attempts(work, light=repeatable.light)
        while True:
            try:
                return await next(attempts)()
            except OverrunError:
                del findings[before:]
            except NotAsideError:
                del findings[before:]
                return await self.run(work)

    def _longer_attempts(self, work: Callable[[], T], *, light: bool) -> Iterator[Callable[[], Awaitable[T]]]:
        """Yield the attempts at work, one after the other; the last one never overruns."""
        yield partial(self.run_in_turn, partial(self.store.briefly, work))
        if light:
            yield partial(self._run_aside, work, self._soon, _SOON)
        yield partial(self._run_aside, work, self._turn)

    async def _run_on_one_version(self, work: Callable[[], T], findings: list[Finding]) -> T:
        before = len(findings)
        while True:
            try:
                return await self._run_interruptible(work)
            except TablesChanged:
                del findings[before:]

    async def _run_interruptible(self, work: Callable[[], T]) -> T:
        interruptible = self.store.interruptible()
        working = self._start_thread(partial(interruptible.run, work))
        try:
            return await asyncio.shield(working)
        finally:
            if not working.done():
                interruptible.stop()
                asyncio.get_running_loop().run_in_executor(self._stopping, interruptible.cancel)

    async def _run_aside(self, work: Callable[[], T], turn: asyncio.Lock, seconds: float | None = None) -> T:
        async with turn:
            aside = self.store.aside()
            self._asides.add(aside)
            working = self._start_thread(lambda: aside.run(work))
            try:
                ended, _ = await asyncio.wait([working], timeout=seconds)
                if not ended:
                    raise OverrunError
                return working.result()
            finally:
                while not working.done():  # its caller may have gone, but its copy of the database is still there
                    aside.stop()
                    await asyncio.wait([working], timeout=_INTERRUPT_AGAIN)
                self._asides.discard(aside)

    def _start_thread(self, work: Callable[[], T]) -> asyncio.Task[T]:
        _LOOP.set(asyncio.get_running_loop())
        working = asyncio.create_task(asyncio.to_thread(work))
        self._in_threads.add(working)
        working.add_done_callback(self._left_thread)
        return working

    async def work_off(
        self, steps: Generator[Repeatable[Any] | None, Any, T], turns: asyncio.Semaphore | None = None
    ) -> T:
        """Run work in steps, with the work of others between them; it continues when its caller is cancelled.

        Args:
            steps: the work, not yet begun. Where it yields a `Repeatable`, it is sent the result of that.
            turns: bounds how much of such work runs at the same time; work still waiting ends with its caller.

        Raises:
            TransactionCancelled: the instance ends all work.
        """
        if turns is not None:
            await turns.acquire()
        working = self._start_steps(steps)
        if turns is not None:
            working.add_done_callback(lambda _task: turns.release())
        return await asyncio.shield(working)

    def go_on(self, steps: Generator[None, None, None]) -> None:
        """Run work in steps in the background; the end of the instance leaves it undone."""
        _loop().call_soon_threadsafe(self._start_steps, steps)

    async def end_work(self) -> None:
        """End work in steps after its current step, and long reads, even where somebody waits for them."""
        self._ended += 1
        for aside in self._asides:
            aside.stop()
        await asyncio.gather(*self._working, return_exceptions=True)
        if self.store.embedded:
            await asyncio.gather(*self._in_threads, return_exceptions=True)

    async def aclose(self) -> None:
        """End all work and close the database."""
        self._closing = True
        ending = asyncio.ensure_future(self._end_everything())
        while not ending.done():  # repeatedly: a statement that is about to begin is not interrupted
            self.store.interrupt()
            await asyncio.wait([ending], timeout=_INTERRUPT_AGAIN)
        await ending
        self._stopping.shutdown()
        self.store.close()

    async def _end_everything(self) -> None:
        await self.end_work()
        await asyncio.gather(*self._in_threads, return_exceptions=True)

    def in_thread(self, work: Callable[[], object]) -> None:
        """Run long work on a shared database in a thread of its own; the end of the instance interrupts it."""
        _loop().call_soon_threadsafe(self._start_thread, work)

    def later(
        self, delay: timedelta, steps: Callable[[], Generator[None, None, None]], label: Label = UNLISTED
    ) -> None:
        """Run work in steps after a delay; work inside `run` may call it."""

        async def job() -> None:
            try:
                await self.work_off(steps())
            except DatabaseUnavailable:
                self.later(delay, steps, label)
            except PlatformError:  # ended, or its records have been deleted meanwhile
                return

        _loop().call_soon_threadsafe(self.clock.call_at, self.clock.now() + delay, job, label)

    async def _run_steps(self, steps: Generator[Repeatable[Any] | None, Any, T]) -> T:
        before, go_on = self._ended, partial(next, steps)
        while self._ended == before and not self._closing and not self.store.is_closed:
            step = await self.run_in_turn(partial(_step, go_on))
            if isinstance(step, _Ended):
                value: T = step.value
                return value
            go_on = await self._after(steps, step)
        steps.close()
        raise TransactionCancelled

    async def _after(
        self, steps: Generator[Repeatable[Any] | None, Any, T], step: Repeatable[Any] | None
    ) -> partial[Repeatable[Any] | None]:
        """Do what a step asks for and return the call that continues the steps."""
        if step is None:
            return partial(next, steps)
        try:
            return partial(steps.send, await self.run_again(step))
        except PlatformError as error:
            return partial(steps.throw, error)

    def _start_steps(self, steps: Generator[Repeatable[Any] | None, Any, T]) -> asyncio.Task[T]:
        working = asyncio.create_task(self._run_steps(steps))
        self._working.add(working)
        working.add_done_callback(self._done)
        return working

    def _done(self, working: asyncio.Task[Any]) -> None:
        self._working.discard(working)
        _ = working.cancelled() or working.exception()  # marks it as retrieved: the caller may have gone

    def _left_thread(self, working: asyncio.Task[Any]) -> None:
        self._in_threads.discard(working)
        _ = working.cancelled() or working.exception()  # marks it as retrieved: the caller may have gone


def _step(go_on: Callable[[], Repeatable[Any] | None]) -> Repeatable[Any] | _Ended[Any] | None:
    try:
        return go_on()
    except StopIteration as end:
        return _Ended(end.value)


def _loop() -> asyncio.AbstractEventLoop:
    return _LOOP.get(None) or asyncio.get_running_loop()
