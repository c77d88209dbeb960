"""An event loop in a thread of its own, so that synchronous and asynchronous tests can both use what runs there."""

import asyncio
from collections.abc import Coroutine
from threading import Thread
from typing import Any, TypeVar

Value = TypeVar("Value")


class LoopThread:
    """A running event loop; `close` ends it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="privman-loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run the coroutine there and return its result, or raise what it raised."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def wait(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run the coroutine there without blocking the caller's own loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
