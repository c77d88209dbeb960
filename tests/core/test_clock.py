import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from privman_core.clock import Clock, RealClock
from privman_core.outbound import NoAnswerError
from privman_core.virtual_clock import START, VirtualClock

from .conftest import Party


def _later(clock: Clock, seconds: float, log: list[str], word: str) -> None:
    async def job() -> None:
        log.append(f"{word} at {(clock.now() - START).total_seconds():g}")

    clock.call_at(clock.now() + timedelta(seconds=seconds), job)


async def test_jobs_run_in_order_of_their_time() -> None:
    """A jump runs what falls due on the way, at its own time, the earlier armed first on a tie."""
    clock = VirtualClock()
    log: list[str] = []
    _later(clock, 20, log, "late")
    _later(clock, 10, log, "early")
    _later(clock, 20, log, "tied")
    _later(clock, 31, log, "never")
    await clock.advance(30)
    assert log == ["early at 10", "late at 20", "tied at 20"]


async def test_what_falls_due_may_arm_more() -> None:
    """A job that arms another within the jump sees it run in the same jump."""
    clock = VirtualClock()
    log: list[str] = []

    async def again() -> None:
        log.append("first")
        _later(clock, 5, log, "second")

    clock.call_at(clock.now() + timedelta(seconds=5), again)
    await clock.advance(10)
    assert log == ["first", "second at 10"]


async def test_job_already_due_runs_at_once() -> None:
    """A job whose time has come runs without a jump."""
    clock = VirtualClock()
    log: list[str] = []
    _later(clock, 0, log, "now")
    await clock.settle()
    assert log == ["now at 0"]


async def test_cancelled_job_never_runs() -> None:
    """A cancelled timer is forgotten."""
    clock = VirtualClock()
    log: list[str] = []

    async def job() -> None:
        log.append("ran")

    clock.call_at(clock.now() + timedelta(seconds=5), job).cancel()
    await clock.advance(10)
    assert log == []


async def test_closing_cancels_what_runs_and_waits() -> None:
    """After closing neither a waiting nor a running job goes on."""
    for clock in (VirtualClock(), RealClock()):
        log: list[str] = []
        started = asyncio.Event()

        async def stuck(started: asyncio.Event = started, log: list[str] = log) -> None:
            started.set()
            await asyncio.Event().wait()
            log.append("went on")

        clock.call_at(clock.now(), stuck)
        _later(clock, 5, log, "waited")
        await started.wait()
        await clock.aclose()
        assert log == []


async def test_jump_waits_for_a_sleeping_job() -> None:
    """A job that sleeps on the clock is woken on the way and may sleep again."""
    clock = VirtualClock()
    log: list[float] = []

    async def job() -> None:
        for _ in range(3):
            await clock.sleep(10)
            log.append((clock.now() - START).total_seconds())

    clock.call_at(clock.now(), job)
    await clock.advance(25)
    assert log == [10, 20]
    await clock.advance(5)
    assert log == [10, 20, 30]


async def test_real_clock_keeps_the_same_promises() -> None:
    """On the real clock jobs run when due, time-outs raise, sleeping sleeps and cancelled jobs never run."""
    clock = RealClock()
    log: list[str] = []
    before = clock.now()

    async def job() -> None:
        log.append("ran")

    clock.call_at(before, job)
    clock.call_at(before + timedelta(hours=1), job).cancel()
    await clock.sleep(0)
    while not log:
        await asyncio.sleep(0)
    await clock.settle()
    with pytest.raises(TimeoutError):
        async with clock.timeout(0):
            await asyncio.Event().wait()
    assert log == ["ran"]
    assert clock.now() >= before


async def test_settling_waits_for_a_running_job_on_the_real_clock() -> None:
    """On the real clock, settling waits until what has started has ended."""
    clock = RealClock()
    go_on = asyncio.Event()
    log: list[str] = []

    async def job() -> None:
        log.append("started")
        await go_on.wait()
        log.append("ended")

    clock.call_at(clock.now(), job)
    while not log:
        await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(go_on.set)
    await clock.settle()
    assert log == ["started", "ended"]


async def test_time_out_does_not_overtake_an_answer(party: Party) -> None:
    """A call in flight is answered before the jump goes on, so its time-out never strikes."""
    log: list[int] = []

    async def call() -> None:
        log.append((await party.caller.send("POST", party.url + "/", {}, b"x", 5)).status)

    party.clock.call_at(party.clock.now() + timedelta(seconds=1), call)
    await party.clock.advance(3600)
    assert log == [200]


async def test_slow_answer_is_timed_out_on_the_clock(party: Party) -> None:
    """An answer slower than the caller's patience is given up at the right virtual time."""
    await party.call("POST", "/__admin/faults", json={"kind": "slow", "seconds": 60})
    log: list[str] = []

    async def call() -> None:
        try:
            await party.caller.send("POST", party.url + "/a?secret=1", {}, b"x", 5)
        except NoAnswerError as error:
            log.append(f"{error} ({(party.clock.now() - START).total_seconds():g})")

    party.clock.call_at(party.clock.now() + timedelta(seconds=1), call)
    await party.clock.advance(120)
    assert log == [f"POST {party.url}/a: no answer within 5 s (6)"]


async def test_slow_answer_within_patience_arrives(party: Party) -> None:
    """An answer that is slow but not too slow arrives."""
    await party.call("POST", "/__admin/faults", json={"kind": "slow", "seconds": 4})
    log: list[int] = []

    async def call() -> None:
        log.append((await party.caller.send("POST", party.url + "/", {}, b"x", 5)).status)

    party.clock.call_at(party.clock.now(), call)
    await party.clock.advance(10)
    assert log == [200]


def _calls_later(party: Party, path: str, at: float, patience: float, log: list[str]) -> None:
    """Let a job call that path then; the log gets when it knows the outcome."""

    async def call() -> None:
        try:
            outcome = str((await party.caller.send("POST", party.url + path, {}, b"x", patience)).status)
        except NoAnswerError:
            outcome = "none"
        log.append(f"{path} {outcome} at {(party.clock.now() - START).total_seconds():g}")

    party.clock.call_at(START + timedelta(seconds=at), call)


async def test_a_slow_call_in_the_foreground_lets_no_job_be_overtaken(party: Party) -> None:
    """Only what waits on behalf of a job counts as the job's waiting."""
    await party.call("POST", "/__admin/faults", json={"kind": "slow", "seconds": 60})
    front = asyncio.create_task(party.call("POST", "/front"))
    while party.clock.next_due is None:  # the call sleeps
        await asyncio.sleep(0)
    log: list[str] = []
    _calls_later(party, "/back", 1, 5, log)
    await party.clock.advance(60)
    assert log == ["/back 200 at 1"]
    assert (await front)[0] == 200


async def test_an_abandoned_call_lets_no_other_job_be_overtaken(party: Party) -> None:
    """A server that goes on with what timed out waits on behalf of nobody."""
    await party.call("POST", "/__admin/faults", json={"kind": "slow", "seconds": 60, "path": "/slow"})
    log: list[str] = []
    _calls_later(party, "/slow", 1, 5, log)
    _calls_later(party, "/other", 6.5, 5, log)
    await party.clock.advance(120)
    assert sorted(log) == ["/other 200 at 6.5", "/slow none at 6"]


async def test_calls_that_wait_for_a_connection_wait_on_the_clock(party: Party) -> None:
    """They go on when those that hold the connections have been answered."""
    await party.call("POST", "/__admin/faults", json={"kind": "slow", "seconds": 4, "times": 6})
    log: list[str] = []
    for number in range(6):
        _calls_later(party, f"/{number}", 1, 20, log)
    await party.clock.advance(60)
    assert sorted(log) == [*(f"/{number} 200 at 5" for number in range(4)), "/4 200 at 9", "/5 200 at 9"]


async def test_foreground_calls_that_wait_for_a_connection_are_answered(party: Party) -> None:
    """No job waits for them, so no jump does."""
    await party.call("POST", "/__admin/faults", json={"kind": "slow", "seconds": 1, "times": 6})
    patience = 1_000_000
    calls = asyncio.gather(*(party.caller.send("POST", party.url + "/", {}, b"x", patience) for _ in range(6)))
    while not calls.done():
        await party.clock.advance(1)
        await asyncio.sleep(0)
    assert [each.status for each in await calls] == [200] * 6


async def test_many_calls_leave_no_timers_behind(party: Party) -> None:
    """Each call's own time-out is gone once the call is over; one left over would strike the next."""
    for _ in range(3):
        await party.caller.send("GET", party.url + "/", {}, b"", 5)
    await party.clock.advance(100)
    assert (await party.caller.send("GET", party.url + "/", {}, b"", 5)).status == 200


async def test_restart_ends_what_waits() -> None:
    """A restart ends every time-out and sleep at once, so that nobody waits for a moment that never comes."""
    clock = VirtualClock()
    log: list[str] = []
    _later(clock, 5, log, "dropped")
    forever = asyncio.Event()

    async def give_up() -> None:
        async with clock.timeout(30):
            await forever.wait()

    waiting = asyncio.gather(give_up(), clock.sleep(30), return_exceptions=True)
    await asyncio.sleep(0)
    clock.restart()
    outcome, slept = await waiting
    assert isinstance(outcome, TimeoutError)
    assert slept is None
    await clock.advance(60)
    assert log == []


@pytest.mark.parametrize("clock", [VirtualClock(), RealClock()], ids=["virtual", "real"])
async def test_a_poll_runs_again_and_again_until_it_is_cancelled(clock: Clock) -> None:
    """What changes outside is looked at again and again: at every jump where time is virtual."""
    runs: list[int] = []
    done = asyncio.Event()

    async def look() -> None:
        runs.append(len(runs))
        if len(runs) == 3:
            poll.cancel()
            poll.cancel()
            done.set()

    poll = clock.poll(0.001, look)
    if isinstance(clock, VirtualClock):
        for _ in range(5):
            await clock.advance(0)
    await done.wait()
    await clock.settle()
    assert runs == [0, 1, 2]
    await clock.aclose()


async def test_what_a_poll_finds_is_done_on_the_way() -> None:
    """A jump runs at its time what a poll arms at the jump's beginning."""
    clock = VirtualClock()
    log: list[str] = []

    async def look() -> None:
        _later(clock, 5, log, "found")

    clock.poll(1, look)
    await clock.advance(10)
    assert log == ["found at 5"]


async def test_whoever_waits_for_a_later_moment_is_not_silent() -> None:
    """A jump gives up what has no answer in real time, and nothing that virtual time will bring."""
    clock, log = VirtualClock(patience=(0.05,)), list[str]()

    async def slow() -> None:
        async with clock.timeout(1000):
            await clock.sleep(60)
        log.append("answered")

    async def silent() -> None:
        with suppress(TimeoutError):
            async with clock.timeout(1000):
                await asyncio.Event().wait()
        log.append("given up")

    clock.call_at(clock.now() + timedelta(seconds=1), slow)
    clock.call_at(clock.now() + timedelta(seconds=2), silent)
    assert (await clock.advance(10), log) == (1, ["given up"])
    assert (await clock.advance(60), log) == (0, ["given up", "answered"])
