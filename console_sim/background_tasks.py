"""Work that goes on when its caller leaves, and ends with a reset or with the console."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any, TypeVar

from console_sim.errors import ResetError

T = TypeVar("T")
MOST_AT_ONCE = 100
"""Pieces of work that `BackgroundTasks.run_all` does at the same time."""
CALLER_SECONDS = 5.0
"""Real seconds that a caller waits for work that does not need them."""


class BackgroundTasks:
    """Owns all work that waits for another system.

    Whoever starts work may wait for it, but does not own it: a client that disconnects leaves nothing half done. A
    reset ends the work, so that none of it writes into the emptied console.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._resets = 0

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do the work in the background, until it ends or `cancel_all` ends it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def result_of(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work in the background and return its result; it goes on if the caller is cancelled.

        It is started before this suspends, so no caller can leave too early. Raises ResetError after `cancel_all`.
        """
        return await self.wait_for(self.start(work))

    async def wait_for(self, work: asyncio.Future[T]) -> T:
        """Return the result of work that is done in the background, as `result_of` does."""
        resets = self._resets
        await asyncio.wait({work})
        if self._resets != resets:
            raise ResetError
        return work.result()

    async def wait_briefly(self, work: Collection[asyncio.Future[Any]]) -> None:
        """Wait for the work, for `CALLER_SECONDS` at most; raises ResetError."""
        resets = self._resets
        if work:
            await asyncio.wait(work, timeout=CALLER_SECONDS)
        if self._resets != resets:
            raise ResetError

    async def run_all(self, works: Iterable[Callable[[], Awaitable[object]]]) -> None:
        """Do all of the work as `result_of` does, in order and at most `MOST_AT_ONCE` at the same time.

        Raises the first error once all of the work has ended.
        """
        await self.result_of(_run_all(list(works)))

    def cancel_all(self) -> None:
        """End all work before its next step."""
        self._resets += 1
        for task in self._tasks:
            task.cancel()

    async def aclose(self) -> None:
        """End all work and wait until it has ended."""
        self.cancel_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _run_all(works: list[Callable[[], Awaitable[object]]]) -> None:
    waiting = iter(works)
    errors: list[Exception] = []

    async def worker() -> None:
        for work in waiting:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)

    await asyncio.gather(*(worker() for _ in works[:MOST_AT_ONCE]))
    if errors:
        raise errors[0]
