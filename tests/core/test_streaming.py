import asyncio
import logging
from collections.abc import AsyncGenerator
from hashlib import pbkdf2_hmac
from threading import Lock

import pytest
from aiohttp import ClientPayloadError, ClientSession, web

from privman_core.control import Control
from privman_core.exchange import Exchange
from privman_core.faults import Handler
from privman_core.findings import Finding
from privman_core.ids import Ids
from privman_core.journal import Journal
from privman_core.serving import serving
from privman_core.snapshots import Snapshots
from privman_core.state_changes import StateChanges
from privman_core.streaming import answer_in_parts

from .conftest import Party


async def _fails_late() -> AsyncGenerator[bytes]:
    yield b"[" + b"1," * 1_000_000
    raise ValueError("the file is gone")


async def _list(request: web.Request) -> web.StreamResponse:
    return await answer_in_parts(request, _fails_late())


@web.middleware
async def _error_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValueError:
        return web.Response(status=500, text="error")


async def test_a_list_that_fails_midway_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    """An error page in the middle of it would pass for a part of the list."""
    app = web.Application(middlewares=[_error_page])
    app.add_routes([web.get("/list", _list)])
    with caplog.at_level(logging.ERROR):
        async with serving(app) as origin, ClientSession() as http, http.get(f"{origin}/list") as answer:
            with pytest.raises(ClientPayloadError):
                await answer.read()
    assert [record.getMessage() for record in caplog.records] == ["GET /list ended early: the file is gone"]


async def _most_between(journal: Journal, readers: int) -> int:
    """Return how many exchanges are read at most before others get to do something."""
    read = most = 0

    async def look() -> None:
        nonlocal read
        async for _ in journal.read(journal.kept()):
            read += 1

    async def others() -> None:
        nonlocal read, most
        while True:
            most, read = max(most, read), 0
            await asyncio.sleep(0)

    watching = asyncio.create_task(others())
    await asyncio.sleep(0)
    await asyncio.gather(*(look() for _ in range(readers)))
    watching.cancel()
    return most


async def test_many_readers_keep_nobody_waiting_longer_than_one(party: Party) -> None:
    """They read one after the other, and others do something in between."""
    journal = Journal(party.clock, party.secrets, lambda _exchange: [])
    for _ in range(200):
        journal.fail(journal.begin("in", "GET", "/", {}, b""), "none")
    assert 0 < await _most_between(journal, 20) == await _most_between(journal, 1) < 200


@pytest.mark.long
async def test_readers_of_long_exchanges_take_turns(party: Party) -> None:
    """One is worked on at a time, however many ask at once: further threads would keep everybody else waiting."""
    busy, most, lock = 0, 0, Lock()

    def judge(_exchange: Exchange) -> list[Finding]:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        pbkdf2_hmac("sha256", b"", b"", 200_000)  # others may go on meanwhile
        with lock:
            busy -= 1
        return []

    async def never() -> None:
        """Nobody resets it."""

    journal = Journal(party.clock, party.secrets, judge)
    for _ in range(5):
        journal.fail(journal.begin("in", "POST", "/", {}, b"x" * 100_000), "none")
    app = web.Application()
    snapshots = Snapshots(party.clock, Ids(1), party.states, StateChanges(), journal.clear)
    app.add_routes(Control(party.clock, journal, party.faults, never, snapshots, "").routes())
    async with serving(app) as origin, ClientSession() as http:

        async def read(number: int) -> object:
            async with http.get(f"{origin}/__admin/requests?after={number}&limit=1") as answer:
                return (await answer.json())["requests"][0]["number"]

        assert await asyncio.gather(*map(read, range(5))) == [1, 2, 3, 4, 5]
    assert most == 1
