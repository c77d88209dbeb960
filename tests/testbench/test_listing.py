import logging
from collections.abc import AsyncGenerator

import pytest
from aiohttp import ClientPayloadError, ClientSession, web

from privman_testbench.faults import Handler
from privman_testbench.listing import answer_in_parts
from privman_testbench.serving import serving


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
