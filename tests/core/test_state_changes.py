"""Changes of a server's whole state: one at a time, and none once the server ends."""

import asyncio

import pytest
from aiohttp import ClientSession, web

import console_sim.app
import mock_servicenow.app
from privman_core.ids import Ids
from privman_core.instruments import CHANGES
from privman_core.serving import serving
from privman_core.state_changes import StateChanges
from privman_core.virtual_clock import VirtualClock


class Change:
    """A change that lasts until it is told to end."""

    def __init__(self) -> None:
        self.begun = False
        self.end = asyncio.Event()

    async def __call__(self) -> None:
        """Begin, and wait for the end."""
        self.begun = True
        await self.end.wait()


async def rest() -> None:
    """Let everything go on that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_changes_are_made_one_at_a_time() -> None:
    """In the order of the calls, whether or not the caller of the first one has left."""
    changes, first, second = StateChanges(), Change(), Change()
    calls = [asyncio.ensure_future(changes.make(each)) for each in (first, second)]
    await rest()
    calls[0].cancel()
    await rest()
    assert (first.begun, second.begun) == (True, False)
    first.end.set()
    second.end.set()
    await calls[1]
    assert second.begun


async def test_a_change_that_waits_when_the_server_ends_never_begins() -> None:
    """Its caller's call is cancelled, as that of the change under way is."""
    changes, first, waiting, later = StateChanges(), Change(), Change(), Change()
    calls = [asyncio.ensure_future(changes.make(each)) for each in (first, waiting)]
    await rest()
    await changes.cancel()
    calls.append(asyncio.ensure_future(changes.make(later)))
    for call in calls:
        with pytest.raises(asyncio.CancelledError):
            await call
    assert (first.begun, waiting.begun, later.begun) == (True, False, False)


def both(clock: VirtualClock) -> list[web.Application]:
    """Return both servers."""
    mock = mock_servicenow.app.create_app(mock_servicenow.Settings(), clock=clock, ids=Ids(1))
    return [mock, console_sim.app.create_app(console_sim.Settings(), clock=clock, ids=Ids(2))]


@pytest.mark.parametrize("number", range(2), ids=["mock", "console"])
@pytest.mark.parametrize("path", ["/__admin/restart", "/__admin/reset"])
async def test_a_call_that_changes_everything_waits_for_its_turn(number: int, path: str) -> None:
    """A restart, too; other calls are answered meanwhile."""
    clock, held = VirtualClock(), Change()
    app = both(clock)[number]
    async with serving(app) as url, ClientSession() as session:
        holding = asyncio.ensure_future(app[CHANGES].make(held))
        calling = asyncio.ensure_future(session.post(f"{url}{path}"))
        for _ in range(5):
            async with session.get(f"{url}/__admin/health") as answer:
                assert answer.status == 200
        assert not calling.done()
        held.end.set()
        await holding
        async with await calling as answer:
            assert answer.status == 204
    await clock.aclose()
