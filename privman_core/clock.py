"""Time as a parameter: what every clock can do."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

Job = Callable[[], Awaitable[None]]


LAST = datetime(9000, 1, 1, tzinfo=UTC)
"""No clock goes further, so that what is reckoned from its time is a date too."""


class ClockError(Exception):
    """Raised when a clock can't be moved as somebody asks; the message says why."""


class ClockIsRealError(ClockError):
    """Raised when somebody asks real time to jump."""


class ClockEndsError(ClockError):
    """Raised when somebody asks time to jump past its end."""


class Timer(Protocol):
    """A job that waits for its moment."""

    def cancel(self) -> None:
        """Forget the job; harmless once it has started."""


class Clock(Protocol):
    """The only source of time: nothing else reads a clock or sleeps."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""

    @property
    def next_due(self) -> datetime | None:
        """When the next thing falls due; None when nothing waits, and where time is real."""

    def call_at(self, when: datetime, job: Job) -> Timer:
        """Run the job in the background once ``when`` is reached; at once if it has passed."""

    def poll(self, seconds: float, job: Job) -> Timer:
        """Run the job again and again, for what changes outside of this process.

        Every so many seconds where time is real; at the beginning of every jump where it is virtual.
        """

    async def sleep(self, seconds: float) -> None:
        """Wait that long on this clock."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """Raise TimeoutError in the body once it has lasted that long on this clock."""

    async def settle(self) -> None:
        """Wait until every job that fell due has ended or waits for a later moment."""

    async def advance(self, seconds: float) -> int:
        """Jump, running what falls due in order, and return how many requests timed out as their servers kept silent.

        Raises ClockIsRealError where time is real, and ClockEndsError.
        """

    def restart(self) -> None:
        """Drop the jobs that wait; virtual time begins anew, and its sleeps and time-outs end at once."""

    async def aclose(self) -> None:
        """Cancel what waits and what runs."""


def later(moment: datetime, seconds: float) -> datetime:
    """Return the moment so many seconds later, the end of the calendar at most."""
    most = (datetime.max.replace(tzinfo=UTC) - moment).total_seconds()
    return moment + timedelta(seconds=seconds) if seconds < most else datetime.max.replace(tzinfo=UTC)
