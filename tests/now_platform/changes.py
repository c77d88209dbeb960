"""Calls of the Change Management API."""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
API = "/api/sn_chg_rest/change"


async def got(client: Client, path: str = "", verb: str = "GET", body: object = None, status: int = 200) -> Any:
    """Return a result."""
    answer = await client.request(verb, f"{API}{path}", json=body)
    assert answer.status == status, await answer.text()
    return (await answer.json())["result"]


async def refused(client: Client, path: str, verb: str = "GET", body: object = None) -> tuple[int, str]:
    """Return status and message of an error."""
    answer = await client.request(verb, f"{API}{path}", json=body)
    return answer.status, (await answer.json())["error"]["message"]


async def new(client: Client, **values: object) -> str:
    """Return the sys_id of a new normal change."""
    return str((await got(client, "/normal", "POST", values))["sys_id"]["value"])
