"""Background work that is retried until it succeeds."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from console_sim.errors import CutOffError, ResetError, ServiceNowError, failure_of
from console_sim.ongoing import Ongoing
from privman_core.clock import Clock, Timer

Work = Callable[[], Awaitable[None]]
Note = Callable[[ServiceNowError | None], None]
KEPT_RUNS = 1_000
_SHORTEST_WAIT = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt of a server task.

    Attributes:
        task_name: as the Server Tasks page shows it.
        failure: why it failed and when it is retried; empty if it succeeded.
    """

    task_name: str
    ended_at: datetime
    failure: str


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The wait before the next attempt: doubled each time, up to the longest."""

    first: timedelta
    longest: timedelta

    def seconds(self, failures: int) -> float:
        """Return the wait after ``failures`` failures in a row, from 1."""
        # 2^30 is far beyond the longest wait, and larger powers overflow.
        doubled = self.first.total_seconds() * 2.0 ** min(failures - 1, 30)
        return min(doubled, self.longest.total_seconds())


@dataclass(frozen=True, slots=True)
class WaitingTask:
    """A server task that waits for its next attempt, after ``failures`` failures in a row."""

    task_name: str
    failures: int
    next_at: datetime


class ServerTask:
    """Work that is attempted now and, after a transient failure, again later on the clock.

    Attributes:
        failures: failed attempts in a row.
        next_at: time of the next attempt; None during an attempt, and if none follows.
        runners: callers of `run` that have not been answered, one of whom makes the attempt.
    """

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        name: str,
        clock: Clock,
        policy: RetryPolicy | None,
        ongoing: Ongoing,
        work: Work,
        note: Note,
        ended: "Callable[[ServerTask], None]",
    ) -> None:
        self.name = name
        self._clock = clock
        self._policy = policy
        self._ongoing = ongoing
        self._work = work
        self._note = note
        self._ended = ended
        self.failures = self.runners = 0
        self.next_at: datetime | None = None
        self._stopped = False
        self._retry: Timer | None = None
        self._busy = asyncio.Lock()

    async def run(self) -> ServiceNowError | None:
        """Attempt the work now and return why it failed, None on success; and the back-off starts over.

        Raises ResetError.
        """
        self.runners += 1
        try:
            return await self._ongoing.result_of(self._start_over())
        finally:
            self.runners -= 1

    def stop(self) -> None:
        """Make no more attempts."""
        self._stopped = True
        self._drop_retry()

    async def _start_over(self) -> ServiceNowError | None:
        async with self._busy:
            self.failures = 0
            return await self._attempt()

    async def _attempt(self) -> ServiceNowError | None:
        self._drop_retry()
        try:
            await self._work()
        except asyncio.CancelledError:
            self._fail(CutOffError("cancelled: the caller disconnected"))
            raise
        except Exception as error:  # noqa: BLE001 - any failure may be retried
            return self._fail(failure_of(error))
        self._note(None)
        self._ended(self)
        return None

    def _fail(self, failure: ServiceNowError) -> ServiceNowError:
        self._plan_retry(failure)
        if not self._stopped:
            self._note(failure)
        return failure

    def _plan_retry(self, failure: ServiceNowError) -> None:
        if self._policy is None or not failure.transient or self._stopped:
            self._ended(self)
            return
        self.failures += 1
        requested = failure.retry_after
        wait = self._policy.seconds(self.failures) if requested is None else max(requested, _SHORTEST_WAIT)
        failure.retry_in = wait
        self.next_at = self._clock.now() + timedelta(seconds=wait)
        self._retry = self._clock.call_at(self.next_at, self._again)

    async def _again(self) -> None:
        with suppress(ResetError):
            await self._ongoing.result_of(self._go_on())

    async def _go_on(self) -> None:
        async with self._busy:
            await self._attempt()

    def _drop_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = self.next_at = None


class ServerTasks:
    """The server tasks that run or wait for their next attempt.

    Without a policy nothing is retried. ``runs`` are the newest attempts, oldest first.
    """

    def __init__(self, clock: Clock, policy: RetryPolicy | None, ongoing: Ongoing) -> None:
        self._clock = clock
        self._policy = policy
        self._ongoing = ongoing
        self._tasks: dict[str, ServerTask] = {}
        self.runs: deque[Run] = deque(maxlen=KEPT_RUNS)

    async def run(self, task_name: str, work: Work, *, key: str = "", retried: bool = True) -> ServiceNowError | None:
        """Attempt the work now and return why it failed, None on success; raises ResetError.

        Args:
            task_name: as the Server Tasks page shows it.
            work: of a new task; one of that key that is attempted or waits keeps its own.
            key: tells tasks apart whose names may change; the name, if empty.
            retried: whether a transient failure is retried.
        """
        key = key or task_name
        task = self._tasks.get(key)
        if task is None:
            note, ended = partial(self.note, task_name), partial(self._forget, key)
            policy = self._policy if retried else None
            task = self._tasks[key] = ServerTask(
                name=task_name,
                clock=self._clock,
                policy=policy,
                ongoing=self._ongoing,
                work=work,
                note=note,
                ended=ended,
            )
        return await task.run()

    def note(self, task_name: str, failure: ServiceNowError | None) -> None:
        """Add an attempt to the runs; None for a success."""
        self.runs.append(Run(task_name, self._clock.now(), "" if failure is None else str(failure)))

    async def resume(self) -> None:
        """Attempt the waiting tasks now, as after a restart; raises ResetError."""
        for task in tuple(self._tasks.values()):
            if task.next_at is not None:
                await task.run()

    def waiting(self) -> list[WaitingTask]:
        """Return the tasks that wait for their next attempt, the next one first."""
        tasks = [
            WaitingTask(task.name, task.failures, task.next_at)
            for task in self._tasks.values()
            if task.next_at is not None
        ]
        return sorted(tasks, key=lambda task: task.next_at)

    def stop(self) -> None:
        """Stop all tasks."""
        for task in self._tasks.values():
            task.stop()
        self._tasks.clear()

    def _forget(self, key: str, task: ServerTask) -> None:
        # A stopped task may end after another one of the same name has started.
        if self._tasks.get(key) is task and task.runners <= 1:
            del self._tasks[key]
