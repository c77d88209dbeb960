"""Helpers for the tests of attachments."""

import asyncio
from io import BytesIO
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance

Client = TestClient[web.Request, web.Application]
Values = dict[str, Any]
URL = "https://dev12345.service-now.com"
BASE = "/api/now/attachment"


async def make(client: Client, table: str, **values: str) -> str:
    """Return the sys_id of a new record."""
    response = await client.post(f"/api/now/table/{table}", json=values)
    assert response.status == 201, await response.text()
    sys_id: str = (await response.json())["result"]["sys_id"]
    return sys_id


async def upload(client: Client, record: str, name: str = "test.txt", content: bytes = b"x", **more: Any) -> Values:
    """Return the metadata of a file uploaded to a problem."""
    where = {"file_name": name, "table_name": "problem", "table_sys_id": record}
    response = await client.post(f"{BASE}/file", params=where, data=BytesIO(content), **more)
    assert response.status == 201, await response.text()
    result: Values = (await response.json())["result"]
    return result


async def listed(client: Client, query: str = "", **parameters: str) -> list[str]:
    """Return the names of the files that a list answers."""
    response = await client.get(BASE, params={"sysparm_query": query, **parameters})
    assert response.status == 200, await response.text()
    return [attachment["file_name"] for attachment in (await response.json())["result"]]


def rows(instance: Instance, table: str) -> int:
    """Return how many rows a table has."""
    with instance.transaction(instance.system) as session:
        return session.count(table)


async def vanished(instance: Instance, table: str, left: int = 0) -> None:
    """Wait until no more rows are left: files vanish in steps, after the answer."""
    while rows(instance, table) != left or (instance.vanishing and not left):
        await asyncio.sleep(0)
