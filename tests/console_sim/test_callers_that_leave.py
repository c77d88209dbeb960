"""A client that disconnects: the console finishes what it has begun, as if the client had waited."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from privman_core.serving import serving

from .conftest import BUSY, ConsoleUnderTest, StubServiceNow
from .on_file import console_on
from .slow_calls import SLOW_CALLS

_SYS_ID = re.compile("0{24}[0-9a-f]{8}")
Silent = tuple[ConsoleUnderTest, asyncio.Future[Any], Callable[[], None]]


async def prepared(console: ConsoleUnderTest, *, retried: bool) -> list[str]:
    """Set up a console with a webhook made by hand, and return three requests that wait, perhaps to be sent again."""
    await console.set_up()
    url = f"{console.servicenow.url}/api/now/table/elsewhere"
    await console.admin("POST", "/webhooks", {"name": "Elsewhere", "endpoint_url": url, "enabled": False})
    console.servicenow.conditions.extend([BUSY] * 3 if retried else ())
    waiting = [(await console.ask(UserReason=str(number)))["request_id"] for number in range(3)]
    await console.admin("POST", "/webhook", {"webhook": "Elsewhere", "enabled": True})
    return waiting


async def state(console: ConsoleUnderTest) -> str:
    """Return what the console shows of itself, and all that it has sent, without ports and sys_ids.

    Several requests may be sent at the same time, and each gets the next sys_id.
    """
    paths = ("approval-requests", "foreign-systems", "webhooks", "api-users")
    lists = [await console.admin("GET", f"/{path}") for path in paths]
    calls = [_SYS_ID.sub("sys_id", json.dumps(call)) for call in console.servicenow.calls]
    async with console.session.get(f"{console.url}/admin/tasks") as page:
        attempts = re.findall("<tr>.*?</tr>", await page.text(), re.DOTALL)
    text = _SYS_ID.sub("sys_id", json.dumps([lists, sorted(calls), sorted(attempts)], indent=1))
    return text.replace(console.servicenow.url, "https://sn").replace(console.url, "https://pm")


@asynccontextmanager
async def silent_servicenow(file: Path, name: str) -> AsyncIterator[Silent]:
    """A prepared console whose ServiceNow answers nothing until it is released."""
    stub, released = StubServiceNow(), asyncio.Event()

    async def silent(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        await released.wait()
        return await stub.work(request)

    async with serving(stub.app()) as stub.url, console_on(file, stub) as console:
        waiting = await prepared(console, retried=name == "restart")
        stub.conditions.extend([silent] * 50)
        stub.asked.clear()
        asking = asyncio.ensure_future(SLOW_CALLS[name](console, waiting))
        await stub.asked.wait()
        yield console, asking, released.set
        released.set()


@pytest.mark.long
@pytest.mark.parametrize("name", SLOW_CALLS)
async def test_what_was_begun_is_finished(tmp_path: Path, name: str) -> None:
    """The console and ServiceNow end up as they do if the client waits, and without the clock: nothing is retried."""
    async with silent_servicenow(tmp_path / "stays.db", name) as (console, asking, release):
        release()
        await asking
        expected = await state(console)
    async with silent_servicenow(tmp_path / "leaves.db", name) as (console, asking, release):
        asking.cancel()
        await asyncio.wait({asking})
        await state(console)  # meanwhile the server sees that the client has gone
        release()
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while await state(console) != expected:
                    pass
        assert await state(console) == expected


@pytest.mark.long
async def test_set_ups_of_callers_that_have_left_are_bounded(tmp_path: Path) -> None:
    """At most 32 are in progress; once they have ended, there is room again."""
    async with silent_servicenow(tmp_path / "console.db", "set up") as (console, asking, release):
        others = [asyncio.ensure_future(console.set_up(name=f"Another {number}")) for number in range(31)]
        leaving = {asking, *others}
        while (await console.admin("GET", "/foreign-systems"))["foreign_systems"][32:] == []:
            pass
        for caller in leaving:
            caller.cancel()
        await asyncio.wait(leaving)
        order = {"servicenow_url": console.servicenow.url, "servicenow_user": "x", "servicenow_password": "y"}
        refusal = {"error": "32 set-ups are in progress; expected fewer, so wait until one has ended"}
        assert await console.call("POST", "/__admin/setup", order) == (409, refusal)
        release()
        async with asyncio.timeout(20):
            while (await console.call("POST", "/__admin/setup", order))[0] == 409:
                pass
