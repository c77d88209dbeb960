"""Turns of requests that are sent: how many are under way at the same time, to each host and altogether."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from privman_testbench import errands
from privman_testbench.errands import Errand


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    host: str
    turn: "asyncio.Future[None]"
    errand: Errand | None

    def count(self, pauses: int) -> None:
        """Tell whoever moves the clock that this waits for others, which may wait on it, or does not any more."""
        if self.errand is not None:
            self.errand.count(pauses)


class Turns:
    """Gives turns in the order in which they are asked for, as far as hosts allow.

    Args:
        of_host: how many requests to one host are under way at the same time.
        altogether: how many there are to all hosts.
    """

    def __init__(self, of_host: int, altogether: int) -> None:
        self._of_host = of_host
        self._altogether = altogether
        self._taken: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn and have it until the body ends."""
        if self._is_free(host):
            self._taken[host] += 1
        else:
            await self._wait(host)
        try:
            yield
        finally:
            self._end(host)

    def _is_free(self, host: str) -> bool:
        return self._taken[host] < self._of_host and self._taken.total() < self._altogether

    async def _wait(self, host: str) -> None:
        waiting = _Waiting(host, asyncio.get_running_loop().create_future(), errands.current())
        self._waiting.append(waiting)
        waiting.count(1)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting.turn.cancelled():
                self._waiting.remove(waiting)
                waiting.count(-1)
            else:  # it has got its turn at the same time
                self._end(host)
            raise

    def _end(self, host: str) -> None:
        """End a turn and give the next one."""
        self._taken[host] -= 1
        if not self._taken[host]:
            del self._taken[host]
        following = next((each for each in self._waiting if self._is_free(each.host)), None)
        if following is not None:
            self._waiting.remove(following)
            self._taken[following.host] += 1
            following.count(-1)  # at once: until it goes on nobody moves the clock
            following.turn.set_result(None)
