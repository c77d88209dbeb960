"""One clock for both parties, on the cockpit of either."""

import html
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

import console_sim.app
import console_sim.settings
import mock_servicenow.app
import mock_servicenow.settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock
from tests.preloaded import start

from .both_fakes import BothFakes, both_fakes


@asynccontextmanager
async def _separate() -> AsyncIterator[BothFakes]:
    async with both_fakes(VirtualClock(), VirtualClock()) as fakes:
        yield fakes


@asynccontextmanager
async def _shared() -> AsyncIterator[BothFakes]:
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes:
        yield fakes


@asynccontextmanager
async def _processes() -> AsyncIterator[BothFakes]:
    async with AsyncExitStack() as stack:
        urls = []
        for command in ("mock-servicenow", "console-sim"):
            process = await start(command, "serve", "--port", "0", "--clock", "virtual", environment={})
            stack.callback(process.kill)
            urls.append((await process.line()).split()[2])
        http = await stack.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        yield BothFakes(urls[0], urls[1], http)


Clocks = Callable[[], AbstractAsyncContextManager[BothFakes]]


@pytest.mark.parametrize("clocks", [_separate, _shared, pytest.param(_processes, marks=pytest.mark.long)])
async def test_retry_arrives_in_one_jump_of_both(clocks: Clocks) -> None:
    """From either cockpit both move as far, and the attempt finds the console at its own time."""
    async with clocks() as fakes:
        await fakes.set_up()
        down = {"party": "Console", "recipe": "delivery-fails", "times": "2", "status": "503"}
        assert (await fakes.post(fakes.servicenow, "/faults", down))[0] == 200
        request_id = await fakes.ask_and_approve()
        page = await fakes.look(fakes.console, "/clock")
        due = page.split("<tbody>")[1].split("</tr>")[0]
        assert re.search(r">09:00:50<.*Deliver &#39;Approve&#39; to the console.*>ServiceNow<", due, re.DOTALL)
        assert f"/requests/{request_id}" in due
        await fakes.post(fakes.console, "/clock", {"jump": "until next delivery"})
        assert await fakes.times() == ("09:00:50", "09:00:50")
        hits = await fakes.look(fakes.console, "/faults")
        assert "Used up: it struck 2 POST requests to */approval/approve." in hits
        assert re.findall(r"Exchange \d+</?span[^>]*> of Console</span></a> at 2026-01-05 (\S+) UTC", hits) == [
            "09:00:50",
            "09:00:00",
        ]
        await fakes.post(fakes.servicenow, "/clock", {"jump": "until next delivery"})
        assert await fakes.times() == ("09:01:40", "09:01:40")
        decided = await fakes.control(fakes.console, "GET", f"/approval-requests/{request_id}")
        assert (decided["state"], decided["decided_at"]) == ("Approved", "2026-01-05T09:01:40+00:00")


async def test_jump_of_many_deadlines_arrives() -> None:
    """At both parties, though the page tells only of the first ones."""
    clock = VirtualClock()

    async def nothing() -> None:
        """Do nothing."""

    async with both_fakes(clock, VirtualClock()) as fakes:
        await fakes.set_up()
        for second in range(1, 105):
            clock.call_at(clock.now() + timedelta(seconds=second), nothing)
        await fakes.post(fakes.console, "/clock", {"jump": "1 minute, 45 s"})
        assert await fakes.times() == ("09:01:45", "09:01:45")


async def test_party_that_is_behind_is_brought_along() -> None:
    """The page shows both times; a script that moves one party is told of the other, once a cockpit has found it."""
    async with _separate() as fakes:
        await fakes.set_up()
        await fakes.ask()
        assert await fakes.control(fakes.servicenow, "POST", "/clock/advance", {"seconds": 3_600}) == {
            "now": "2026-01-05T10:00:00+00:00"
        }
        page = await fakes.look(fakes.servicenow, "/clock")
        assert "The clocks of the parties differ." in page
        assert "10:00:00 UTC <small>ServiceNow" in page
        assert "09:00:00 UTC <small>Console" in page
        assert "2026-01-05 10:00:00 ServiceNow, 2026-01-05 09:00:00 Console" in " ".join(page.split())
        assert await fakes.control(fakes.servicenow, "POST", "/clock/advance", {"seconds": 60}) == {
            "now": "2026-01-05T10:01:00+00:00",
            "other": {"name": "Console", "now": "2026-01-05T09:00:00+00:00"},
        }
        found = re.search(r'value="([^"]+)">Bring Console to 2026-01-05 10:00:00<', page)
        assert found is not None
        first, _ = re.findall(r'<button id="due\d+" name="jump" value="([^"]+)"', page)
        assert first.startswith("until 2026-01-05T09:20:00"), "time-out in the console, which is behind"
        assert (await fakes.post(fakes.servicenow, "/clock", {"jump": html.unescape(first)}))[0] == 200
        assert await fakes.times() == ("10:01:00", "09:20:00")
        await fakes.post(fakes.servicenow, "/clock", {"jump": found[1]})
        assert await fakes.times() == ("10:01:00", "10:01:00")
        assert "Bring" not in await fakes.look(fakes.servicenow, "/clock")


async def test_party_with_real_time_stays() -> None:
    """The other one jumps, and the page says that it does so alone."""
    async with both_fakes(VirtualClock(), RealClock()) as fakes:
        await fakes.set_up()
        page = await fakes.look(fakes.servicenow, "/clock")
        assert "Only ServiceNow can jump: the time of Console is real." in page
        assert "Bring" not in page
        assert (await fakes.post(fakes.console, "/clock", {"jump": "50"}))[0] == 200
        assert (await fakes.times())[0] == "09:00:50"


async def test_time_outs_and_ends_are_listed_with_their_request() -> None:
    """Those of both parties, whether a timer waits for them or not; a type without a limit has none."""
    async with _separate() as fakes:
        await fakes.set_up()
        first, second = [await fakes.ask(user) for user in ("ann", "ben")]
        decision = {"response": "Approve", "duration": "02:00:00"}
        await fakes.control(fakes.console, "POST", f"/approval-requests/{second}/decide", decision)
        assert await _due(fakes) == [
            ["09:20:00", "Time out in the console", "Console", f"{first[:8]}…"],
            ["11:00:00", "Approval ends", "Console", f"{second[:8]}…"],
            ["2026-01-06 01:30:00", "Time out in ServiceNow", "ServiceNow", f"{first[:8]}…"],
        ]
        await fakes.change_activity_type({"max_timeout": ""})
        assert [each[1] for each in await _due(fakes)] == ["Time out in the console", "Approval ends"]


async def _due(fakes: BothFakes) -> list[list[str]]:
    """Return time, words, party and request of what falls due."""
    page = await fakes.look(fakes.servicenow, "/clock")
    rows = page.split("<tbody>")[1].split("</tbody>")[0].split("<tr>")[1:]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]
    texts = [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]
    return [[row[0], row[1], row[3], row[4]] for row in texts if "Token" not in row[1]]


async def test_party_named_by_an_option_is_compared_at_once() -> None:
    """Without a look at any cockpit; once it is gone, nothing is said of it."""
    async with AsyncExitStack() as stack:
        clocks = VirtualClock(), VirtualClock()
        for clock in clocks:
            stack.push_async_callback(clock.aclose)
        console = console_sim.app.create_app(console_sim.settings.Settings(), clock=clocks[1], ids=Ids(2))
        http = await stack.enter_async_context(ClientSession())

        async def advance(url: str) -> Any:
            async with http.post(f"{url}/__admin/clock/advance", json={"seconds": 60}) as answer:
                return await answer.json()

        async with serving(console, "127.0.0.1", 0) as console_url:
            settings = mock_servicenow.settings.Settings(console_url=console_url)
            instance = mock_servicenow.app.create_app(settings, clock=clocks[0], ids=Ids(1))
            url = await stack.enter_async_context(serving(instance, "127.0.0.1", 0))
            assert (await advance(url))["other"] == {"name": "Console", "now": "2026-01-05T09:00:00+00:00"}
        assert await advance(url) == {"now": "2026-01-05T09:02:00+00:00"}


async def test_a_jump_that_is_too_long_moves_neither_party() -> None:
    """It is refused before the first one moves."""
    async with _separate() as fakes:
        status, page = await fakes.post(fakes.servicenow, "/clock", {"jump": "until 9000-01-01 00:00"})
        assert (status, "expected at most ten years" in page) == (400, True)
        for url in (fakes.servicenow, fakes.console):
            assert (await fakes.control(url, "GET", "/clock"))["now"].startswith("2026-01-05T09:00:00")


async def test_wait_between_clocks_that_differ_is_not_shown() -> None:
    """Whichever party is ahead: a wait is one that a clock has measured, and the page says that the clocks differ."""
    async with _separate() as fakes:
        await fakes.set_up()
        differ, request_id = "The clocks of ServiceNow and Console differ, or have differed.", ""
        for ahead, hours in ((fakes.console, 100), (fakes.servicenow, 300)):
            await fakes.control(ahead, "POST", "/clock/advance", {"seconds": hours * 3_600})
            request_id = await fakes.ask_and_approve()
            for path in (f"/requests/{request_id}", f"/sequence?find=request:{request_id}"):
                page = await fakes.look(fakes.servicenow, path)
                assert re.findall(r"\d+ h[^<]* later|\d+ min[^<]* later", page) == []
                assert differ in page
        await fakes.control(fakes.console, "POST", "/clock/advance", {"seconds": 200 * 3_600})
        assert differ in await fakes.look(fakes.servicenow, f"/requests/{request_id}")
        request_id = await fakes.ask_and_approve()
        assert differ not in await fakes.look(fakes.servicenow, f"/requests/{request_id}")
