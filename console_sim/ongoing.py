"""Work that waits for another system, and ends with a reset."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from console_sim.errors import ResetError

T = TypeVar("T")


class Ongoing:
    """All work that is under way, so that none of it writes into a console that was emptied meanwhile."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._resets = 0

    async def result_of(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work and return its result; it ends with its caller. Raises ResetError after `abandon`."""
        resets, task = self._resets, self.start(work)
        await asyncio.gather(task, return_exceptions=True)
        if self._resets != resets:
            raise ResetError
        return task.result()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do the work in the background, until it ends or `abandon` ends it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def abandon(self) -> None:
        """End all work before its next step."""
        self._resets += 1
        for task in self._tasks:
            task.cancel()

    async def aclose(self) -> None:
        """End all work and wait until it has ended."""
        self.abandon()
        await asyncio.gather(*self._tasks, return_exceptions=True)
