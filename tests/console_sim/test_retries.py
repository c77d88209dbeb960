"""Server tasks: no failure ends their retries, and no attempt is made twice."""

import asyncio
from datetime import timedelta

import pytest

from console_sim.background_tasks import BackgroundTasks
from console_sim.errors import ResetError, UnreachableError
from console_sim.server_tasks import RetryPolicy, ServerTasks, WorkReport
from privman_core.virtual_clock import VirtualClock


async def test_unforeseen_error_is_a_failed_attempt() -> None:
    """An error that nobody foresaw is shown, and the task is attempted again after the usual wait."""
    clock, attempts = VirtualClock(), 0

    async def work() -> WorkReport:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise OverflowError("date value\nout of range")
        return WorkReport("done")

    tasks = ServerTasks(clock, RetryPolicy(timedelta(minutes=1), timedelta(hours=1)), BackgroundTasks())
    failure = await tasks.run("Try", work)
    assert str(failure) == "OverflowError: date value out of range; next attempt 60 s later"
    await clock.advance(60)
    assert [task.failures for task in tasks.waiting()] == [2]
    await clock.advance(120)
    assert [run.failure.partition(":")[0] for run in tasks.runs] == ["OverflowError", "OverflowError", ""]
    assert tasks.waiting() == []


class Attempts:
    """Work of a server task that fails ``failing`` times, and then takes one of the ``endings``; counts attempts."""

    def __init__(self, failing: int) -> None:
        self.clock = VirtualClock()
        self._background = BackgroundTasks()
        self.tasks = ServerTasks(self.clock, RetryPolicy(timedelta(minutes=1), timedelta(hours=1)), self._background)
        self.number = self.most_at_once = 0
        self.endings = asyncio.Semaphore(0)
        self._failing = failing
        self._at_once = 0

    async def attempt(self) -> None:
        """Make an attempt now."""
        await self.tasks.run("Try", self._work)

    async def resume(self) -> None:
        """Attempt what waits for a retry, as a restart does."""
        await self._background.wait_briefly(self.tasks.resume())

    async def _work(self) -> WorkReport:
        self.number += 1
        if self.number <= self._failing:
            raise UnreachableError("no answer")
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await self.endings.acquire()
        self._at_once -= 1
        return WorkReport("done")


async def test_restarts_at_the_same_time_make_one_attempt() -> None:
    """Even if neither has begun when the other comes, and the attempt fails again."""
    attempts = Attempts(failing=9)
    await attempts.attempt()
    await asyncio.gather(attempts.resume(), attempts.resume())
    assert attempts.number == 2
    assert [task.failures for task in attempts.tasks.waiting()] == [1]


async def test_a_restart_takes_the_place_of_the_retry_that_falls_due() -> None:
    """Even if the retry's time has come."""
    attempts = Attempts(failing=9)
    await attempts.attempt()
    await asyncio.gather(attempts.clock.advance(60), attempts.resume())
    assert attempts.number == 2


async def test_attempts_of_one_task_take_turns() -> None:
    """Whether they are retries or not: none begins before the other has ended."""
    attempts = Attempts(failing=1)
    await attempts.attempt()
    advancing = asyncio.ensure_future(attempts.clock.advance(60))
    while attempts.number < 2:
        await asyncio.sleep(0)
    second = asyncio.ensure_future(attempts.attempt())
    await asyncio.sleep(0)
    attempts.endings.release()
    await advancing
    third = asyncio.ensure_future(attempts.attempt())
    await asyncio.sleep(0)
    attempts.endings.release()
    attempts.endings.release()
    await asyncio.gather(second, third)
    assert (attempts.number, attempts.most_at_once) == (4, 1)


async def test_callers_share_the_attempt_that_waits_for_its_turn() -> None:
    """So that many who come during an attempt, and leave, do not queue up attempts of one task."""
    attempts = Attempts(failing=0)
    running = [asyncio.ensure_future(attempts.attempt())]
    while not attempts.number:
        await asyncio.sleep(0)
    running += [asyncio.ensure_future(attempts.attempt()) for _ in range(100)]
    await asyncio.sleep(0)
    for caller in running[:90]:
        caller.cancel()
    for _ in running:
        attempts.endings.release()
    await asyncio.gather(*running[90:])
    assert attempts.number == 2


@pytest.mark.parametrize("steps", range(6))
async def test_callers_share_the_attempt_of_a_restart_or_the_next_one(steps: int) -> None:
    """However far the restart is when the first caller comes."""
    attempts = Attempts(failing=1)
    await attempts.attempt()
    running = [asyncio.ensure_future(attempts.resume())]
    for _ in range(steps):
        await asyncio.sleep(0)
    running.append(asyncio.ensure_future(attempts.attempt()))
    while attempts.number < 2:
        await asyncio.sleep(0)
    running += [asyncio.ensure_future(attempts.attempt()) for _ in range(3)]
    for _ in running:
        attempts.endings.release()
    await asyncio.gather(*running)
    assert attempts.number == 3


@pytest.mark.parametrize("ends", ["by itself", "with the console"])
async def test_work_is_owned_until_it_ends(ends: str) -> None:
    """Even if other work that was started with it has failed; all of it is done before the failure is raised."""
    background, opened, log = BackgroundTasks(), asyncio.Event(), []

    async def fail() -> None:
        log.append("failed")
        raise UnreachableError("no answer")

    async def wait() -> None:
        try:
            await opened.wait()
        finally:
            log.append("ended")

    running = asyncio.ensure_future(background.run_all([fail, wait]))
    for _ in range(10):
        await asyncio.sleep(0)
    assert (log, running.done()) == (["failed"], False)
    if ends == "by itself":
        opened.set()
        await asyncio.wait([running])
    else:
        await background.aclose()
    with pytest.raises(UnreachableError if opened.is_set() else ResetError):
        await running
    assert log == ["failed", "ended"]
