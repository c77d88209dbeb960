"""Helpers for the tests of written records."""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Swallowed = Callable[[], list[str]]
ADMIN = "6816f79cc0a8016401c5a33be04be441"


async def post(client: Client, table: str, values: object, **parameters: str) -> dict[str, Any]:
    """Return the record that a successful POST created."""
    response = await client.post(f"/api/now/table/{table}", json=values, params=parameters)
    assert response.status == 201, await response.text()
    result: dict[str, Any] = (await response.json())["result"]
    return result


async def patch(client: Client, table: str, sys_id: str, values: object, **parameters: str) -> dict[str, Any]:
    """Return the record after a successful PATCH."""
    response = await client.patch(f"/api/now/table/{table}/{sys_id}", json=values, params=parameters)
    assert response.status == 200, await response.text()
    result: dict[str, Any] = (await response.json())["result"]
    return result
