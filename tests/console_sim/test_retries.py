"""No failure whatever ends the retries of a server task."""

import asyncio
from datetime import timedelta

from aiohttp import ClientSession

from console_sim.app import create_app
from console_sim.ongoing import Ongoing
from console_sim.server_tasks import RetryPolicy, ServerTasks
from console_sim.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .conftest import ConsoleUnderTest, StubServiceNow, hanging


async def test_unforeseen_error_is_a_failed_attempt() -> None:
    """An error that nobody foresaw is shown, and the task is attempted again after the usual wait."""
    clock, attempts = VirtualClock(), 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise OverflowError("date value\nout of range")

    tasks = ServerTasks(clock, RetryPolicy(timedelta(minutes=1), timedelta(hours=1)), Ongoing())
    failure = await tasks.run("Try", work)
    assert str(failure) == "OverflowError: date value out of range; retrying in 60 s"
    await clock.advance(60)
    assert [task.failures for task in tasks.waiting()] == [2]
    await clock.advance(120)
    assert [run.failure.partition(":")[0] for run in tasks.runs] == ["OverflowError", "OverflowError", ""]
    assert tasks.waiting() == []


async def test_client_that_hangs_up_does_not_end_the_send(servicenow: StubServiceNow) -> None:
    """A request whose endpoint hung up while it was sent is sent again on the clock."""
    clock = VirtualClock()
    async with serving(create_app(Settings(), clock=clock, ids=Ids(1))) as url, ClientSession() as session:
        console = ConsoleUnderTest(url, clock, session, servicenow)
        await console.set_up()
        servicenow.conditions.append(hanging)
        servicenow.asked.clear()
        asking = asyncio.create_task(console.ask())
        await servicenow.asked.wait()
        asking.cancel()
        await asyncio.wait({asking})
        while not (await _deliveries(console)):
            await asyncio.sleep(0)
        await console.advance(60)
        (request,) = (await console.admin("GET", "/approval-requests"))["approval_requests"]
        assert (request["sent"], request["attempts"]) == (True, 2)
        await clock.aclose()


async def _deliveries(console: ConsoleUnderTest) -> bool:
    async with console.session.get(f"{console.url}/__cockpit/deliveries") as answer:
        return "cancelled: the caller disconnected" in await answer.text()
