"""Changes of a server's whole state, such as a reset: one at a time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StateChanges:
    """Makes one change at a time, in the order of the calls; one that has begun ends even if its caller leaves."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._changing: asyncio.Task[Any] | None = None
        self._is_over = False

    async def make(self, change: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Make a change once those called for before have ended, and return its result.

        Raises CancelledError if the server ends before, as it does for a change under way.
        """
        await self._turn.acquire()
        if self._is_over:
            self._turn.release()
            raise asyncio.CancelledError
        self._changing = changing = asyncio.create_task(change())
        changing.add_done_callback(self._ended)
        return await asyncio.shield(changing)

    async def cancel(self) -> None:
        """Cancel the change under way and those that wait, as the end of the server does."""
        self._is_over = True
        if self._changing is not None:
            self._changing.cancel()

    def _ended(self, changing: asyncio.Task[Any]) -> None:
        self._changing = None
        self._turn.release()
        _ = changing.cancelled() or changing.exception()  # marks it as retrieved: the caller may have gone
