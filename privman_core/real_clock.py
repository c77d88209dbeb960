"""Time as it passes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from privman_core.clock import ClockIsRealError, Job, Timer
from privman_core.jobs import Jobs


class RealClock:
    """The clock of the machine; it keeps the promises of `Clock`."""

    def __init__(self) -> None:
        self._jobs = Jobs()
        self._timers: set[_RealTimer] = set()

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)

    @property
    def next_due(self) -> None:
        """None: nobody waits for real time to jump."""
        return

    def call_at(self, when: datetime, job: Job) -> Timer:
        """Run the job in the background once ``when`` is reached; at once if it has passed."""
        return _RealTimer(self._timers, self._jobs, job, (when - self.now()).total_seconds())

    def poll(self, seconds: float, job: Job) -> Timer:
        """Run the job again and again, so many seconds after it has ended."""
        return _Poll(self, timedelta(seconds=seconds), job)

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        """Raise TimeoutError in the body once it has lasted that long."""
        async with asyncio.timeout(seconds):
            yield

    async def settle(self) -> None:
        """Wait until every job that has started has ended."""
        while self._jobs.tasks:
            await asyncio.wait(tuple(self._jobs.tasks))

    async def advance(self, seconds: float) -> int:
        """Refuse: real time cannot jump."""
        raise ClockIsRealError(f"the clock cannot jump by {seconds:g} s: it is real (start with --clock virtual)")

    def restart(self) -> None:
        """Forget what waits."""
        for timer in tuple(self._timers):
            timer.cancel()

    async def aclose(self) -> None:
        """Cancel what waits and what runs."""
        self.restart()
        await self._jobs.aclose()


class _RealTimer:
    """A job on the event loop's own schedule."""

    def __init__(self, waiting: "set[_RealTimer]", jobs: Jobs, job: Job, delay: float) -> None:
        self._waiting = waiting
        self._jobs = jobs
        self._job = job
        self._handle = asyncio.get_running_loop().call_later(max(0.0, delay), self._fire)
        waiting.add(self)

    def cancel(self) -> None:
        self._waiting.discard(self)
        self._handle.cancel()

    def _fire(self) -> None:
        self._waiting.discard(self)
        self._jobs.spawn(self._job)


class _Poll:
    """A job that is run again and again."""

    def __init__(self, clock: RealClock, pause: timedelta, job: Job) -> None:
        self._clock = clock
        self._pause = pause
        self._job = job
        self._cancelled = False
        self._timer = self._next()

    def cancel(self) -> None:
        self._cancelled = True
        self._timer.cancel()

    def _next(self) -> Timer:
        return self._clock.call_at(self._clock.now() + self._pause, self._run)

    async def _run(self) -> None:
        try:
            await self._job()
        finally:
            if not self._cancelled:
                self._timer = self._next()
