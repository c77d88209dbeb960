"""Helpers for the tests of import sets."""

from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Values = dict[str, Any]
BASE = "/api/now/import/u_imp_user"


async def make(client: Client, table: str, /, **values: str) -> str:
    """Return the sys_id of a new record."""
    response = await client.post(f"/api/now/table/{table}", json=values)
    assert response.status == 201, await response.text()
    sys_id: str = (await response.json())["result"]["sys_id"]
    return sys_id


async def make_map(
    client: Client, target: str, *fields: str, coalesce: str = "", source: str = "u_imp_user", **more: str
) -> str:
    """Return the sys_id of a new transform map; each of the fields is ``source>target``."""
    values = {"name": "User", "source_table": source, "target_table": target}
    map_id = await make(client, "sys_transform_map", **(values | more))
    for field in fields:
        column, _, to = field.partition(">")
        flag = "true" if to == coalesce else "false"
        entry = {"map": map_id, "source_field": column, "target_field": to, "coalesce": flag}
        await make(client, "sys_transform_entry", **entry)
    return map_id


async def insert(client: Client, values: object, path: str = BASE) -> Values:
    """Return the answer to a row."""
    response = await client.post(path, json=values)
    assert response.status == 201, await response.text()
    answer: Values = await response.json()
    return answer


async def result(client: Client, values: object) -> Values:
    """Return what the one map made of a row."""
    (outcome,) = (await insert(client, values))["result"]
    found: Values = outcome
    return found


async def emails(client: Client) -> list[str]:
    """Return the addresses of imported users."""
    query = "emailENDSWITH@import.example^ORDERBYemail"
    response = await client.get("/api/now/table/sys_user", params={"sysparm_query": query})
    return [user["email"] for user in (await response.json())["result"]]


async def rows(client: Client, **columns: str) -> list[Values]:
    """Return staging rows in their order."""
    query = "^".join([*(f"{name}={value}" for name, value in columns.items()), "ORDERBYsys_import_row"])
    response = await client.get("/api/now/table/u_imp_user", params={"sysparm_query": query})
    found: list[Values] = (await response.json())["result"]
    return found
