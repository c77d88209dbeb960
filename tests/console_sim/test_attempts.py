"""Several requests are attempted at the same time, and no attempt in progress is repeated."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from .conftest import BUSY, REQUESTS, ConsoleUnderTest, StubServiceNow


class Gate:
    """Lets ServiceNow answer only once it is opened."""

    def __init__(self, console: ConsoleUnderTest) -> None:
        self._console = console
        self._opened = asyncio.Event()

    def close(self) -> None:
        """Answer nothing from the next request on."""
        self._console.servicenow.conditions.extend([self._wait] * 50)

    def open(self) -> None:
        """Answer everything."""
        self._console.servicenow.conditions.clear()
        self._opened.set()

    async def _wait(self, stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        await self._opened.wait()
        return await stub.work(request)


async def reached(console: ConsoleUnderTest, number: int) -> int:
    """Return how many calls ServiceNow has, at least that number, once the console is idle."""
    async with asyncio.timeout(10):
        while len(console.servicenow.calls) < number:
            await console.journal()
    await console.journal()
    return len(console.servicenow.calls)


async def together(console: ConsoleUnderTest, number: int, act: Callable[[], Any]) -> int:
    """Return how many calls are made before the first of them is answered."""
    before, gate = len(console.servicenow.calls), Gate(console)
    gate.close()
    acting = asyncio.ensure_future(act())
    try:
        return await reached(console, before + number) - before
    finally:
        gate.open()
        await acting


def sent(console: ConsoleUnderTest) -> int:
    """Return how often a request was sent."""
    return sum(call[:2] == ("POST", REQUESTS) for call in console.servicenow.calls)


async def test_a_restart_attempts_all_that_waits_at_the_same_time(console: ConsoleUnderTest) -> None:
    """As many as the console has connections to one server."""
    console.servicenow.conditions.extend([BUSY] * 5)
    asked = [await console.ask(UserReason=str(number)) for number in range(5)]
    assert await together(console, 4, partial(console.admin, "POST", "/restart")) == 4
    assert [(await console.request(each["request_id"]))["attempts"] for each in asked] == [2] * 5
    assert sent(console) == 10


async def test_several_decisions_are_recorded_at_the_same_time(console: ConsoleUnderTest) -> None:
    """A slow answer to one holds up no other one."""
    ids = [(await console.ask(UserReason=str(number)))["request_id"] for number in range(5)]
    decisions = {"request_ids": ids, "response": "Deny"}
    deciding = partial(console.admin, "POST", "/approval-requests/decide", decisions)
    assert await together(console, 4, deciding) == 4
    assert [(await console.request(each))["recorded"] for each in ids] == [True] * 5


@pytest.mark.long
async def test_a_silent_requests_table_delays_no_save(fresh: ConsoleUnderTest) -> None:
    """A save answers after five seconds, however many requests wait; they are sent as soon as ServiceNow answers."""
    await fresh.set_up(use_webhook=False)
    asked = [(await fresh.ask(UserReason=str(number)))["request_id"] for number in range(5)]
    opened = asyncio.Event()

    async def silent(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        if request.match_info["table"] == REQUESTS:
            await opened.wait()
        return await stub.work(request)

    fresh.servicenow.conditions.extend([silent] * 500)
    async with asyncio.timeout(30):
        await fresh.admin("POST", "/foreign-system", {"use_webhook": True})
        await fresh.admin("POST", "/foreign-system", {"description": "saved while requests wait"})
    assert sent(fresh) == 1
    opened.set()
    async with asyncio.timeout(10):
        for each in asked:
            while not (await fresh.request(each))["sent"]:
                pass
    assert sent(fresh) == 5


@pytest.mark.long
async def test_a_silent_servicenow_delays_no_restart(console: ConsoleUnderTest) -> None:
    """It answers after five seconds, however many retries wait; all of them are attempted."""
    console.servicenow.conditions.extend([BUSY] * 5)
    asked = [(await console.ask(UserReason=str(number)))["request_id"] for number in range(5)]
    gate = Gate(console)
    gate.close()
    async with asyncio.timeout(30):
        await console.admin("POST", "/restart")
    gate.open()
    async with asyncio.timeout(10):
        for each in asked:
            while not (await console.request(each))["sent"]:
                pass
    assert sent(console) == 10


@pytest.mark.long
async def test_a_decision_that_servicenow_has_is_not_recorded_there(console: ConsoleUnderTest) -> None:
    """It was made here and delivered by ServiceNow before the insert was answered."""
    gate = Gate(console)
    gate.close()
    asking = asyncio.ensure_future(console.ask())
    await reached(console, len(console.servicenow.calls) + 1)
    (asked,) = (await console.admin("GET", "/approval-requests"))["approval_requests"]
    path = f"/approval-requests/{asked['request_id']}/decide"
    deciding = asyncio.ensure_future(console.admin("POST", path, {"response": "Deny"}))
    async with asyncio.timeout(10):
        while (await console.request(asked["request_id"]))["state"] == "Pending":
            pass
    assert (await console.deliver(console.decision(asked["request_id"], "Deny")))[0] == 200
    gate.open()
    assert [(await each)["recorded"] for each in (asking, deciding)] == [True, True]
    assert "PATCH" not in [method for method, *_ in console.servicenow.calls]


async def test_a_restart_repeats_no_attempt_in_progress(console: ConsoleUnderTest) -> None:
    """The first attempt to send a request goes on."""
    gate = Gate(console)
    gate.close()
    asking = asyncio.ensure_future(console.ask())
    await reached(console, len(console.servicenow.calls) + 1)
    await console.admin("POST", "/restart")
    gate.open()
    await asking
    assert sent(console) == 1


async def test_a_restart_during_a_retry_makes_no_attempt_of_its_own(console: ConsoleUnderTest) -> None:
    """The retry has begun, so nothing waits."""
    console.servicenow.conditions.append(BUSY)
    await console.ask()
    gate = Gate(console)
    gate.close()
    before = len(console.servicenow.calls)
    advancing = asyncio.ensure_future(console.advance(60))
    await reached(console, before + 1)
    await console.admin("POST", "/restart")
    gate.open()
    await advancing
    assert sent(console) == 2


@pytest.mark.long
async def test_decided_requests_are_answered_even_if_memory_has_dropped_them(console: ConsoleUnderTest) -> None:
    """One that was recorded is dropped for lack of memory while the other is still being recorded."""
    first, second = [await console.ask(UserReason=str(number)) for number in range(2)]
    ids, opened = [first["request_id"], second["request_id"]], asyncio.Event()

    async def slow(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        if second["sys_id"] in request.path:
            await opened.wait()
        return await stub.work(request)

    console.servicenow.conditions.extend([slow] * 500)
    decision = {"request_ids": ids, "response": "Deny"}
    deciding = asyncio.ensure_future(console.admin("POST", "/approval-requests/decide", decision))
    async with asyncio.timeout(10):
        while not (await console.request(ids[0]))["recorded"]:
            pass
    for _ in range(40):
        large = (await console.ask(FilePath="x" * 900_000))["request_id"]
        await console.admin("POST", f"/approval-requests/{large}/decide", {"response": "Deny"})
    assert (await console.call("GET", f"/__admin/approval-requests/{ids[0]}"))[0] == 404
    opened.set()
    assert [each["request_id"] for each in (await deciding)["approval_requests"]] == ids
