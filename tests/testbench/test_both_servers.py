"""What the testbench promises, at both servers' front doors."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from aiohttp import ClientSession

from privman_scenarios.world import Remote, fresh_console, fresh_servicenow

SERVERS: dict[str, Callable[[], AbstractAsyncContextManager[Remote]]] = {
    "mock-servicenow": fresh_servicenow,
    "console-sim": fresh_console,
}


@pytest.fixture(params=SERVERS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Serve one of them and return its address."""
    async with SERVERS[request.param]() as remote:
        yield remote.url


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"X-Forwarded-For": "127.0.0.1"}], ids=str
)
@pytest.mark.parametrize("path", ["/__admin/health", "/__admin/requests", "/__cockpit", "/__cockpit/exchanges/1"])
async def test_foreign_requests_get_403(server: str, path: str, headers: dict[str, str]) -> None:
    """Neither a name that somebody points at this machine nor a proxy on it opens what is for testers."""
    async with ClientSession() as session, session.get(f"{server}{path}", headers=headers) as answer:
        assert answer.status == 403
