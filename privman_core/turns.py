"""Turns of requests that are sent: how many are under way at the same time, to each host and altogether."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from privman_core.errands import Errand, current_errand

PATIENCE = 5.0
"""Seconds after which a turn ends that has no end yet, where others wait for it."""


class MadeWayError(Exception):
    """Raised when a turn ends before its body does, because others wait."""


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

    Where all turns are taken and somebody waits, the oldest ends once it is old enough: silent hosts, however many,
    hold up nobody else for as long as they please.

    Args:
        of_host: how many requests to one host are under way at the same time.
        altogether: how many there are to all hosts.
        patience: seconds of the loop, whatever the clock of the party.
    """

    def __init__(self, of_host: int, altogether: int, patience: float = PATIENCE) -> None:
        self._of_host = of_host
        self._altogether = altogether
        self._patience = patience
        self._taken: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()
        self._open: dict[asyncio.Timeout, float] = {}  # the turns by when they began, the oldest first
        self._look: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn and have it until the body ends; raises MadeWayError."""
        if self._is_free(host):
            self._taken[host] += 1
        else:
            await self._wait(host)
        held = asyncio.timeout(None)
        self._open[held] = asyncio.get_running_loop().time()
        try:
            async with held:
                yield
        except TimeoutError:
            if held.expired():
                raise MadeWayError from None
            raise
        finally:
            self._open.pop(held, None)
            self._end(host)

    def _is_free(self, host: str) -> bool:
        return self._taken[host] < self._of_host and self._taken.total() < self._altogether

    async def _wait(self, host: str) -> None:
        waiting = _Waiting(host, asyncio.get_running_loop().create_future(), current_errand())
        self._waiting.append(waiting)
        waiting.count(1)
        self._look_soon()
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
        if self._waiting:
            self._look_soon()

    def _look_soon(self) -> None:
        """Look whether a turn has to end, when the oldest one is old enough."""
        if self._look is None and self._open and self._taken.total() >= self._altogether:
            oldest = next(iter(self._open.values()))
            self._look = asyncio.get_running_loop().call_at(oldest + self._patience, self._make_way)

    def _make_way(self) -> None:
        """End the oldest turns, as many as those can have who wait for nothing else."""
        self._look = None
        loop = asyncio.get_running_loop()
        waiting = Counter(each.host for each in self._waiting)
        wanted = sum(min(number, self._of_host - self._taken[host]) for host, number in waiting.items())
        old = [held for held, began in self._open.items() if began + self._patience <= loop.time()]
        for held in old[:wanted]:
            del self._open[held]
            held.reschedule(loop.time())
        if wanted:
            self._look_soon()
