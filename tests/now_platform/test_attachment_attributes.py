"""The attributes of attachments."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from .attachments import BASE, upload

Client = TestClient[web.Request, web.Application]
Values = dict[str, Any]


async def test_attributes(client: Client, problem: str) -> None:
    """3.1: an attachment has keys with values: POST adds, GET reads, PUT changes, DELETE removes."""
    attributes = f"{BASE}/{(await upload(client, problem))['sys_id']}/attributes"
    response = await client.post(attributes, json={"key": "alt", "value": "A picture"})
    assert response.status == 201
    assert await response.json() == {"result": {"key": "alt", "value": "A picture"}}
    await client.post(attributes, json={"key": "author", "value": ""})
    response = await client.put(f"{attributes}/alt", json={"value": "Another"})
    assert response.status == 200
    assert await response.json() == {"result": {"key": "alt", "value": "Another"}}
    assert await (await client.get(f"{attributes}/alt")).json() == {"result": {"key": "alt", "value": "Another"}}
    assert (await client.delete(f"{attributes}/alt")).status == 204
    assert await (await client.get(attributes)).json() == {"result": [{"key": "author", "value": ""}]}
    assert (await client.delete(attributes)).status == 204
    assert await (await client.get(attributes)).json() == {"result": []}


@pytest.mark.long
async def test_a_long_list_of_attributes_shows_no_other_file(client: Client, problem: str) -> None:
    """Not even one that is written while the list is read, and stored where one of the list was."""
    mine, other = [f"{BASE}/{(await upload(client, problem))['sys_id']}/attributes" for _ in range(2)]
    for number in range(24):  # longer than all buffers on the way
        assert (await client.post(mine, json={"key": f"{number}", "value": "x" * 1_000_000})).status == 201
    listed = await client.get(mine)
    assert (await client.delete(f"{mine}/23")).status == 204
    assert (await client.post(other, json={"key": "alt", "value": "A picture"})).status == 201
    keys = [attribute["key"] for attribute in (await listed.json())["result"]]
    assert keys == [f"{number}" for number in range(23)]


async def test_unknown_attributes_get_404(client: Client, problem: str) -> None:
    """3.1: an unknown key is 404 for every verb, and so is an unknown attachment."""
    attributes = f"{BASE}/{(await upload(client, problem))['sys_id']}/attributes"
    assert (await client.get(f"{attributes}/bunk")).status == 404
    assert (await client.put(f"{attributes}/bunk", json={"value": "a"})).status == 404
    assert (await client.delete(f"{attributes}/bunk")).status == 404
    assert (await client.get(f"{BASE}/{'0' * 32}/attributes")).status == 404


async def test_attributes_need_key_and_value(client: Client, problem: str) -> None:
    """3.1: an attribute without key or value is refused with 400, and so is a key for the second time."""
    attributes = f"{BASE}/{(await upload(client, problem))['sys_id']}/attributes"
    response = await client.post(attributes, json={})
    assert response.status == 400
    assert "key, value" in (await response.json())["error"]["detail"]
    assert (await client.post(attributes, json={"key": "a", "value": "1"})).status == 201
    response = await client.post(attributes, json={"key": "a", "value": "2"})
    assert response.status == 400
    assert "'a'" in (await response.json())["error"]["detail"]
