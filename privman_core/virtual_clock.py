"""A clock that moves only when it is advanced."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from time import monotonic

from privman_core.clock import LAST, UNLISTED, ClockEndsError, Due, Label, Timer, later
from privman_core.errands import Errand, Job, Jobs, current_errand

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
GUARD_SECONDS = 60
"""Real time after which a time-out ends even if nobody advances the clock, so that no caller waits for ever."""
PATIENCE = (20.0, 2.0, 2.0, 2.0, 0.2)
"""Real seconds that a jump waits for the first missing answer, the second, and so on."""
_LOOKS = 4  # checks within that time


@dataclass(slots=True, order=True)
class _VirtualTimer:
    when: datetime
    turn: int
    fire: Callable[[], None] = field(compare=False)
    is_job: bool = field(default=False, compare=False)
    label: Label = field(default=UNLISTED, compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class _JumpJob:
    """A job that runs at the start of every jump."""

    def __init__(self, polls: "list[_JumpJob]", job: Job) -> None:
        self._polls = polls
        self.job = job
        polls.append(self)

    def cancel(self) -> None:
        with suppress(ValueError):
            self._polls.remove(self)


class Awaited:
    """An answer that a job waits for.

    Args:
        errand: the job.
        expire: ends the wait as if its time had passed.
    """

    def __init__(self, errand: Errand, expire: Callable[[], None]) -> None:
        self._errand = errand
        self._since = monotonic()
        self.expire = expire

    def is_silence(self, seconds: float) -> bool:
        """Return whether the server has been silent for so many real seconds; waiting on the clock is not silence."""
        if self._errand.waits:
            self._since = monotonic()
        return monotonic() - self._since >= seconds


class VirtualClock:
    """A clock for tests; implements `Clock`.

    A jump stops at every deadline on its way, in order, and goes on only when the work that fell due there has ended or
    waits for a later moment. So a time-out never overtakes an answer that is on the wire, unless the answer takes
    longer in real time than ``patience``.
    """

    virtual = True

    def __init__(self, start: datetime = START, patience: Sequence[float] = PATIENCE) -> None:
        self._start = self._now = start
        self._turns = count()
        self._timers: list[_VirtualTimer] = []
        self._polls: list[_JumpJob] = []
        self._jobs = Jobs()
        self._jumping = asyncio.Lock()
        self._patience = patience
        self._awaited: set[Awaited] = set()

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self._now

    @property
    def next_due(self) -> datetime | None:
        """When the next thing falls due; None when nothing waits."""
        return min((timer.when for timer in self._timers if not timer.cancelled), default=None)

    @property
    def waiting(self) -> list[Due]:
        """What waits under a label, earliest first."""
        listed = sorted(timer for timer in self._timers if timer.label.what and not timer.cancelled)
        return [Due(each.when, each.label.what, each.label.about, each.label.kind) for each in listed]

    def call_at(self, when: datetime, job: Job, label: Label = UNLISTED) -> Timer:
        """Run the job in the background once ``when`` is reached; at once if it has passed."""
        timer = _VirtualTimer(when, next(self._turns), partial(self._jobs.spawn, job), is_job=True, label=label)
        if when <= self._now:
            timer.fire()
        else:
            heapq.heappush(self._timers, timer)
        return timer

    def poll(self, seconds: float, job: Job) -> Timer:  # noqa: ARG002 - nothing changes between jumps
        """Run the job at the start of every jump, so that what it finds due is done during the jump."""
        return _JumpJob(self._polls, job)

    async def sleep(self, seconds: float, label: Label = UNLISTED) -> None:
        """Wait until the clock has been advanced that far."""
        if seconds <= 0:
            return await asyncio.sleep(0)
        woken = asyncio.Event()
        timer = self._push(seconds, woken.set, label)
        try:
            with self._errand.pause() if self._errand else nullcontext():
                await woken.wait()
        finally:
            timer.cancel()

    @asynccontextmanager
    async def timeout(self, seconds: float, label: Label = UNLISTED) -> AsyncIterator[None]:
        """Raise TimeoutError in the body once the clock is that far, or after `GUARD_SECONDS` of real time."""
        errand = self._errand
        async with asyncio.timeout(GUARD_SECONDS) as scope:
            with errand.request() if errand else nullcontext(_nothing) as abandon:

                def expire() -> None:
                    abandon()  # the waiting job is busy again
                    scope.reschedule(0)

                timer = self._push(seconds, expire, label)
                awaited = Awaited(errand, expire) if errand else None
                if awaited:
                    self._awaited.add(awaited)
                try:
                    yield
                finally:
                    timer.cancel()
                    if awaited:
                        self._awaited.discard(awaited)

    async def settle(self) -> None:
        """Wait until every job that fell due has ended or waits for a later moment."""
        await self._jobs.settle()

    async def advance(self, seconds: float) -> int:
        """Jump, running what falls due on the way in order; return how many requests were given up."""
        return await self._jump(lambda: later(self._now, seconds))

    async def advance_to(self, moment: datetime) -> int:
        """Jump as `advance` does, unless it is that late already."""
        return await self._jump(lambda: max(moment, self._now))

    async def _jump(self, find_target: Callable[[], datetime]) -> int:
        async with self._jumping, self._impatience() as silent:
            await self._jobs.settle()
            for poll in tuple(self._polls):
                self._jobs.spawn(poll.job)
            await self._jobs.settle()
            target = find_target()
            if target > LAST:
                raise ClockEndsError(f"the clock ends on {LAST:%Y-%m-%d}; it is {self._now:%Y-%m-%d %H:%M:%S} now")
            while self._timers and self._timers[0].when <= target:
                await self._reach(heapq.heappop(self._timers))
            self._now = target
        return len(silent)

    def restart(self) -> None:
        """Drop waiting jobs, end every sleep and time-out at once, and go back to the start."""
        waiting, self._timers = self._timers, []
        self._now = self._start
        for timer in waiting:
            if not timer.is_job and not timer.cancelled:
                timer.fire()

    def return_to(self, moment: datetime) -> None:
        """Let it be that moment; what waits goes on waiting for its own."""
        self._now = moment

    async def aclose(self) -> None:
        """Cancel what waits and what runs."""
        self._timers.clear()
        await self._jobs.aclose()

    @asynccontextmanager
    async def _impatience(self) -> AsyncIterator[list[Awaited]]:
        """During the body, end requests that stay silent too long; yields the list of them."""
        silent: list[Awaited] = []
        ending = asyncio.create_task(self._expire(silent))
        try:
            yield silent
        finally:
            ending.cancel()

    async def _expire(self, silent: list[Awaited]) -> None:
        while True:
            seconds = self._patience[min(len(silent), len(self._patience) - 1)]
            await asyncio.sleep(seconds / _LOOKS)
            for awaited in [each for each in self._awaited if each.is_silence(seconds)]:
                self._awaited.discard(awaited)
                silent.append(awaited)
                awaited.expire()

    async def _reach(self, timer: _VirtualTimer) -> None:
        if timer.cancelled:
            return
        self._now = max(self._now, timer.when)
        timer.fire()
        await asyncio.sleep(0)  # a sleeper must wake before it can count as busy
        await self._jobs.settle()

    def _push(self, seconds: float, fire: Callable[[], None], label: Label) -> _VirtualTimer:
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        timer = _VirtualTimer(later(self._now, seconds), next(self._turns), fire, label=label)
        heapq.heappush(self._timers, timer)
        return timer

    @property
    def _errand(self) -> Errand | None:
        """The errand that the current task runs for a job of this clock; None for other work."""
        errand = current_errand()
        return errand if errand and errand.changed is self._jobs.changed else None


def _nothing() -> None:
    """Do nothing: no job waits for it."""
