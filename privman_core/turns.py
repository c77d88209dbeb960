"""Limits on concurrent outbound requests, to each host and in total."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from privman_core.errands import Errand, current_errand

TURN_SECONDS = 5.0
"""Seconds after which a turn is ended early if others wait."""


class PreemptedError(Exception):
    """A turn was ended early because others waited."""


class _Waiting(Struct, frozen=True, eq=False):
    host: str
    turn: asyncio.Future[None]
    errand: Errand | None

    def count(self, pauses: int) -> None:
        """Tell the clock that this request is queued (1) or no longer is (-1), so that it does not wait for it."""
        if self.errand is not None:
            self.errand.count(pauses)


class Turns:
    """Gives turns in order of request, within the limits.

    If all turns are taken and others wait, the oldest turn ends once it is older than ``patience``, so that silent
    hosts block nobody else.

    Args:
        per_host: concurrent requests to one host.
        total: concurrent requests to all hosts.
        patience: real seconds, even if the server's clock is virtual.
    """

    def __init__(self, per_host: int, total: int, patience: float = TURN_SECONDS) -> None:
        self._per_host = per_host
        self._total = total
        self._patience = patience
        self._taken: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()
        self._running: dict[asyncio.Timeout, float] = {}  # by start time, the oldest first
        self._preemption: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn and keep it until the body ends; raises PreemptedError."""
        if self._is_free(host):
            self._taken[host] += 1
        else:
            await self._wait(host)
        held = asyncio.timeout(None)
        self._running[held] = asyncio.get_running_loop().time()
        try:
            async with held:
                yield
        except TimeoutError:
            if held.expired():
                raise PreemptedError from None
            raise
        finally:
            self._running.pop(held, None)
            self._end(host)

    def _is_free(self, host: str) -> bool:
        return self._taken[host] < self._per_host and self._taken.total() < self._total

    async def _wait(self, host: str) -> None:
        waiting = _Waiting(host, asyncio.get_running_loop().create_future(), current_errand())
        self._waiting.append(waiting)
        waiting.count(1)
        self._schedule_preemption()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting.turn.cancelled():
                self._waiting.remove(waiting)
                waiting.count(-1)
            else:  # its turn was given just before the cancellation
                self._end(host)
            raise

    def _end(self, host: str) -> None:
        """End a turn and start the next."""
        self._taken[host] -= 1
        if not self._taken[host]:
            del self._taken[host]
        # Of several who are cancelled at once, those who have not noticed it yet are still among the waiting.
        following = next((each for each in self._waiting if not each.turn.done() and self._is_free(each.host)), None)
        if following is not None:
            self._waiting.remove(following)
            self._taken[following.host] += 1
            following.count(-1)  # at once, so that the clock waits for it
            following.turn.set_result(None)
        if self._waiting:
            self._schedule_preemption()

    def _schedule_preemption(self) -> None:
        """Check again when the oldest turn is old enough to be ended."""
        if self._preemption is None and self._running and self._taken.total() >= self._total:
            oldest = next(iter(self._running.values()))
            self._preemption = asyncio.get_running_loop().call_at(oldest + self._patience, self._preempt)

    def _preempt(self) -> None:
        """End the oldest turns, as many as waiting requests could use."""
        self._preemption = None
        loop = asyncio.get_running_loop()
        waiting = Counter(each.host for each in self._waiting)
        wanted = sum(min(number, self._per_host - self._taken[host]) for host, number in waiting.items())
        old = [held for held, began in self._running.items() if began + self._patience <= loop.time()]
        for held in old[:wanted]:
            del self._running[held]
            held.reschedule(loop.time())
        if wanted:
            self._schedule_preemption()
