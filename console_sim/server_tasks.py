"""Named work with retries and a log of attempts."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from msgspec import Struct

from console_sim.background_tasks import BackgroundTasks
from console_sim.errors import ResetError, ServiceNowError, failure_of
from privman_core.clock import Clock, Timer
from privman_core.exchange import Exchange
from privman_core.sent_calls import SentCall, collecting_calls

Attempt = Callable[[], Coroutine[Any, Any, None]]
Result = asyncio.Future[ServiceNowError | None]
"""Why an attempt failed, None on success."""
KEPT_RUNS, KEPT_CALLS = 1_000, 20
_SHORTEST_WAIT = 1.0


Outcome = Literal["completed", "failed", "failed in part", "nothing to do"]


class WorkReport(Struct, frozen=True):
    """What an attempt did, as a sentence without its full stop, and the outcome. The whole attempt is not repeated."""

    text: str
    outcome: Outcome = "completed"


Work = Callable[[], Awaitable[WorkReport]]
Needed = Callable[[datetime], bool]
"""Whether an attempt at that time will have anything to do."""
Note = Callable[[WorkReport | ServiceNowError, list[Exchange]], None]


class Run(Struct, frozen=True):
    """One attempt of a server task.

    Attributes:
        task_name: as the Server Tasks page shows it.
        report: what it did; empty if it ended with a failure.
        failure: why it failed; empty if it ended with a report.
        next_at: when it was to be retried after it had failed; None for never.
        calls: the newest requests that it sent, in order, at most `KEPT_CALLS`.
        call_count: how many it sent.
        about: RequestId of the approval request that it is about; empty for none.
    """

    task_name: str
    ended_at: datetime
    report: str
    outcome: Outcome
    failure: str
    next_at: datetime | None = None
    calls: tuple[SentCall, ...] = ()
    call_count: int = 0
    about: str = ""


class RetryPolicy(Struct, frozen=True):
    """The wait before the next attempt: doubled each time, up to the longest."""

    first: timedelta
    longest: timedelta

    def seconds(self, failures: int) -> float:
        """Return the wait after ``failures`` failures in a row, from 1."""
        # 2^30 is far beyond the longest wait, and larger powers overflow.
        doubled = self.first.total_seconds() * 2.0 ** min(failures - 1, 30)
        return min(doubled, self.longest.total_seconds())


class WaitingTask(Struct, frozen=True):
    """A server task that waits for its next attempt, after ``failures`` failures in a row.

    Attributes:
        about: RequestId of the approval request that it sends; empty for another task.
    """

    task_name: str
    failures: int
    next_at: datetime
    about: str = ""


class ServerTask:
    """Work that is attempted now and, after a transient failure, again later on the clock.

    Attributes:
        failures: failed attempts in a row.
        next_at: time of the next attempt; None during an attempt, and if none follows.
        needed: whether an attempt at a time will have anything to do.
        active: number of attempts in progress or waiting for their turn.
    """

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        name: str,
        about: str,
        clock: Clock,
        policy: RetryPolicy | None,
        background: BackgroundTasks,
        work: Work,
        needed: Needed,
        note: Note,
        ended: "Callable[[ServerTask], None]",
    ) -> None:
        self.name = name
        self.about = about
        self._clock = clock
        self._policy = policy
        self._background = background
        self._work = work
        self.needed = needed
        self._note = note
        self._ended = ended
        self.failures = self.active = 0
        self.next_at: datetime | None = None
        self._retry: Timer | None = None
        self._busy = asyncio.Lock()
        self._next: Result | None = None  # of the attempt that waits for its turn

    async def run(self) -> ServiceNowError | None:
        """Attempt the work now and return why it failed, None on success; the back-off starts over.

        Callers that arrive during an attempt share the next one, which goes on if they are cancelled. Raises
        ResetError.
        """
        result = self._next
        if result is None:
            attempt, result = self.reserve_attempt()
            self._background.start(attempt())
        return await self._background.wait_for(result)

    def reserve_attempt(self) -> tuple[Attempt, Result]:
        """Return an attempt in place of the retry that waits, and its result; the caller must make it."""
        self._drop_retry()
        self.active += 1
        self._next = result = asyncio.get_running_loop().create_future()
        return partial(self._make_shared, result), result

    def stop(self) -> None:
        """Make no more attempts."""
        self._drop_retry()
        if self._next is not None:
            self._next.cancel()

    async def _make_shared(self, result: Result) -> None:
        try:
            async with self._busy:
                self._next, self.failures = None, 0
                result.set_result(await self._attempt())
        finally:
            result.cancel()  # if it has none, because the attempt was cancelled
            self.active -= 1

    async def _make_retry(self) -> None:
        try:
            async with self._busy:
                await self._attempt()
        finally:
            self.active -= 1

    async def _attempt(self) -> ServiceNowError | None:
        self._drop_retry()
        with collecting_calls() as calls:
            try:
                report = await self._work()
            except Exception as error:  # noqa: BLE001 - any failure may be retried
                return self._fail(failure_of(error), calls)
        self._note(report, calls)
        self._ended(self)
        return None

    def _fail(self, failure: ServiceNowError, calls: list[Exchange]) -> ServiceNowError:
        self._plan_retry(failure)
        self._note(failure, calls)
        return failure

    def _plan_retry(self, failure: ServiceNowError) -> None:
        if self._policy is None or not failure.transient:
            self._ended(self)
            return
        requested = failure.retry_after
        wait = self._policy.seconds(self.failures + 1) if requested is None else max(requested, _SHORTEST_WAIT)
        next_at = self._clock.now() + timedelta(seconds=wait)
        if not self.needed(next_at):
            self._ended(self)
            return
        self.failures += 1
        failure.retry_in, self.next_at = wait, next_at
        self._retry = self._clock.call_at(next_at, self._retry_now)

    async def _retry_now(self) -> None:
        if self.next_at is None:  # another attempt has begun since the time came
            return
        self._drop_retry()
        self.active += 1
        with suppress(ResetError):
            await self._background.result_of(self._make_retry())

    def _drop_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = self.next_at = None


class ServerTasks:
    """The server tasks that run or wait for their next attempt.

    Without a policy nothing is retried. ``runs`` are the newest attempts, oldest first.
    """

    def __init__(self, clock: Clock, policy: RetryPolicy | None, background: BackgroundTasks) -> None:
        self._clock = clock
        self._policy = policy
        self._background = background
        self._tasks: dict[str, ServerTask] = {}
        self.runs: deque[Run] = deque(maxlen=KEPT_RUNS)

    async def run(  # noqa: PLR0913 - what a task is made of
        self,
        task_name: str,
        work: Work,
        *,
        key: str = "",
        about: str = "",
        retried: bool = True,
        needed: Needed = lambda _at: True,
    ) -> ServiceNowError | None:
        """Attempt the work now and return why it failed, None on success; raises ResetError.

        Args:
            task_name: as the Server Tasks page shows it.
            work: of a new task; one of that key that is attempted or waits keeps its own.
            key: tells tasks apart whose names may change; the name, if empty.
            about: RequestId of the approval request that a new task is about; empty for none.
            retried: whether a transient failure is retried.
            needed: of a new task; a retry that will have nothing to do is not planned.
        """
        key = key or task_name
        task = self._tasks.get(key)
        if task is None:
            note, ended = partial(self.note, task_name, about=about), partial(self._forget, key)
            policy = self._policy if retried else None
            task = self._tasks[key] = ServerTask(
                name=task_name,
                about=about,
                clock=self._clock,
                policy=policy,
                background=self._background,
                work=work,
                needed=needed,
                note=note,
                ended=ended,
            )
        return await task.run()

    def note(
        self, task_name: str, outcome: WorkReport | ServiceNowError, calls: Sequence[Exchange] = (), about: str = ""
    ) -> None:
        """Add an attempt to the runs, with what it did or why it failed, and the requests that it sent."""
        now, failure = self._clock.now(), outcome if isinstance(outcome, ServiceNowError) else None
        report = outcome if isinstance(outcome, WorkReport) else WorkReport("", "failed")
        run = Run(
            task_name,
            now,
            report.text,
            report.outcome,
            "" if failure is None else failure.reason,
            None if failure is None or failure.retry_in is None else now + timedelta(seconds=failure.retry_in),
            tuple(map(SentCall.of, calls[-KEPT_CALLS:])),
            len(calls),
            about,
        )
        self.runs.append(run)

    def resume(self) -> Collection[asyncio.Future[None]]:
        """Begin to attempt all waiting tasks, as after a restart, but none that is being attempted."""
        waiting = [task for task in self._tasks.values() if task.next_at is not None and not task.active]
        attempts = self._background.run_all([task.reserve_attempt()[0] for task in waiting])
        return [self._background.start(attempts)]

    def waiting(self) -> list[WaitingTask]:
        """Return the tasks that wait for their next attempt, the next one first."""
        tasks = [
            WaitingTask(task.name, task.failures, task.next_at, task.about)
            for task in self._tasks.values()
            if task.next_at is not None and task.needed(task.next_at)
        ]
        return sorted(tasks, key=lambda task: task.next_at)

    def stop(self) -> None:
        """Stop all tasks."""
        for task in self._tasks.values():
            task.stop()
        self._tasks.clear()

    def _forget(self, key: str, task: ServerTask) -> None:
        # Other attempts may wait for their turn. A stopped task may end after another one of its key has started.
        if self._tasks.get(key) is task and task.active == 1:
            del self._tasks[key]
