"""Time as a parameter: what every clock can do, and the clock of the machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from privman_core.errands import Job, Jobs

MOST_SECONDS = 10 * 366 * 86_400
"""Seconds of the longest wait or jump."""
LAST = datetime(9000, 1, 1, tzinfo=UTC)
"""The last moment of any clock, so that dates calculated from its time still exist."""


class ClockError(Exception):
    """A clock cannot be moved as requested; the message says why."""


class ClockIsRealError(ClockError):
    """Real time cannot jump."""


class ClockEndsError(ClockError):
    """The jump would pass `LAST`."""


DueKind = Literal["delivery", "task", "time-out", "check", "answer", "end", "fault"]


class Label(Struct, frozen=True):
    """What waits on a clock, for people.

    Attributes:
        what: such as ``answer to POST /orders``; empty for housekeeping, and for what the product lists itself.
        about: RequestId of the approval request that it belongs to; empty for none.
        kind: for ``until next delivery`` and the like.
    """

    what: str
    about: str = ""
    kind: DueKind = "task"


UNLISTED = Label("")


class Due(Struct, frozen=True):
    """Something that falls due; for the others see `Label`."""

    at: Annotated[datetime, Meta(tz=True)]  # another program may say it
    what: str
    about: str = ""
    kind: DueKind = "task"


class Timer(Protocol):
    """A job that waits for its moment."""

    def cancel(self) -> None:
        """Drop the job; does nothing once it has started."""


class Clock(Protocol):
    """The only source of time: no other code reads a clock or sleeps."""

    @property
    def virtual(self) -> bool:
        """Whether it moves only when it is advanced."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""

    @property
    def next_due(self) -> datetime | None:
        """When the next job or sleep falls due; None if nothing waits, and always None in real time."""

    @property
    def waiting(self) -> list[Due]:
        """What waits under a label, earliest first; real time knows nothing of it."""

    def call_at(self, when: datetime, job: Job, label: Label = UNLISTED) -> Timer:
        """Run the job in the background once ``when`` is reached; at once if it has passed."""

    def poll(self, seconds: float, job: Job) -> Timer:
        """Run the job repeatedly, for changes outside of this process.

        Real time: every ``seconds``. Virtual time: at the start of every jump.
        """

    async def sleep(self, seconds: float, label: Label = UNLISTED) -> None:
        """Wait on this clock."""

    def timeout(self, seconds: float, label: Label = UNLISTED) -> AbstractAsyncContextManager[None]:
        """Raise TimeoutError in the body after that long on this clock."""

    async def settle(self) -> None:
        """Wait until every job that fell due has ended, or waits for a later moment."""

    async def advance(self, seconds: float) -> int:
        """Jump, running what falls due in order; return how many requests to silent servers were given up.

        Raises ClockIsRealError in real time, and ClockEndsError.
        """

    async def advance_to(self, moment: datetime) -> int:
        """Jump as `advance` does, unless it is that late already."""

    def restart(self) -> None:
        """Drop waiting jobs; virtual time starts again, and its sleeps and time-outs end at once."""

    def return_to(self, moment: datetime) -> None:
        """Let virtual time be that moment; what waits goes on waiting for its own. Real time stays."""

    async def aclose(self) -> None:
        """Cancel waiting and running jobs."""


def later(moment: datetime, seconds: float) -> datetime:
    """Return the moment ``seconds`` later, or the first or last one of the calendar, where it has none."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    if seconds <= (first - moment).total_seconds():
        return first
    return moment + timedelta(seconds=seconds) if seconds < (last - moment).total_seconds() else last


class RealClock:
    """The machine's clock; implements `Clock`."""

    virtual = False

    def __init__(self) -> None:
        self._jobs = Jobs()
        self._timers: set[_RealTimer] = set()

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)

    @property
    def next_due(self) -> None:
        """Always None: real time does not jump."""
        return

    @property
    def waiting(self) -> list[Due]:
        """Always empty: the timers are the event loop's."""
        return []

    def call_at(self, when: datetime, job: Job, label: Label = UNLISTED) -> Timer:  # noqa: ARG002 - not listed
        """Run the job in the background once ``when`` is reached; at once if it has passed."""
        return _RealTimer(self._timers, self._jobs, job, (when - self.now()).total_seconds())

    def poll(self, seconds: float, job: Job) -> Timer:
        """Run the job repeatedly, each time ``seconds`` after it ended."""
        return _Poll(self, timedelta(seconds=seconds), job)

    async def sleep(self, seconds: float, label: Label = UNLISTED) -> None:  # noqa: ARG002 - not listed
        """Wait."""
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def timeout(self, seconds: float, label: Label = UNLISTED) -> AsyncIterator[None]:  # noqa: ARG002 - not listed
        """Raise TimeoutError in the body after that long."""
        async with asyncio.timeout(seconds):
            yield

    async def settle(self) -> None:
        """Wait until every job that has started has ended."""
        while self._jobs.tasks:
            await asyncio.wait(tuple(self._jobs.tasks))

    async def advance(self, seconds: float) -> int:
        """Raise ClockIsRealError."""
        raise ClockIsRealError(f"the clock cannot jump by {seconds:g} s: it is real (start with --clock virtual)")

    async def advance_to(self, moment: datetime) -> int:
        """Raise ClockIsRealError."""
        raise ClockIsRealError(
            f"the clock cannot jump to {moment:%Y-%m-%d %H:%M:%S}: it is real (start with --clock virtual)"
        )

    def restart(self) -> None:
        """Drop waiting jobs."""
        for timer in tuple(self._timers):
            timer.cancel()

    def return_to(self, moment: datetime) -> None:
        """Do nothing: real time does not go back."""

    async def aclose(self) -> None:
        """Cancel waiting and running jobs."""
        self.restart()
        await self._jobs.aclose()


class _RealTimer:
    """A job in the event loop's schedule."""

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
    """A repeated job."""

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
