"""Work goes on with the rights that its user has by then, and ends with him."""

import asyncio
import json
import random
from base64 import b64encode
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientPayloadError, encode_basic_auth

from .conftest import Auth, Instance

INCIDENTS = "/api/now/table/incident"
BATCH = "/api/now/v1/batch"
IMPORTS = "/api/now/import/imp_user/insertMultiple"
Item = tuple[str, str, dict[str, str]]
JSON = [{"name": "Content-Type", "value": "application/json"}]


def _item(number: int, method: str, url: str, body: dict[str, str]) -> dict[str, Any]:
    encoded = b64encode(json.dumps(body).encode()).decode()
    return {"id": str(number), "method": method, "url": url, "headers": JSON, "body": encoded}


def _batch(*items: Item) -> dict[str, Any]:
    return {"batch_request_id": "1", "rest_requests": [_item(number, *item) for number, item in enumerate(items)]}


async def _id(instance: Instance, auth: Auth) -> str:
    return str((await instance.read("sys_user", query=f"user_name={auth[0]}"))[0]["sys_id"])


async def _statuses(instance: Instance, auth: Auth, *items: Item) -> list[int]:
    answer = await instance.call("POST", BATCH, auth, json=_batch(*items))
    return [each["status_code"] for each in answer.body["serviced_requests"]]


@pytest.mark.long
async def test_a_batch_ends_with_its_user(instance: Instance) -> None:
    """Once he is deactivated the calls that are left are refused, as each would be by itself; a finding says why."""
    auth = await instance.add_user("fired", "admin")
    user = f"/api/now/table/sys_user/{await _id(instance, auth)}"
    create = ("POST", INCIDENTS, {"short_description": "of fired"})
    assert await _statuses(instance, auth, create, ("PATCH", user, {"active": "false"}), create, create) == [
        201,
        200,
        401,
        401,
    ]
    assert len(await instance.read("incident", query="short_description=of fired")) == 1
    assert await instance.findings("user-ended") == [
        "user 'fired' was deleted, deactivated or locked out during the request: what was left of it was refused"
    ]


@pytest.mark.long
async def test_a_batch_goes_on_with_the_roles_that_are_left(instance: Instance) -> None:
    """Whoever is no administrator any more does nothing else as one."""
    auth = await instance.add_user("demoted", "admin", "itil")
    user = await _id(instance, auth)
    [grant] = await instance.read("sys_user_has_role", query=f"user={user}^role.name=admin")
    demote: Item = ("DELETE", f"/api/now/table/sys_user_has_role/{grant['sys_id']}", {})
    rights = ("POST", "/api/now/table/sys_properties", {"name": "of.demoted"})
    assert await _statuses(instance, auth, rights, demote, rights, ("POST", INCIDENTS, {})) == [201, 204, 403, 201]


@pytest.mark.long
async def test_rows_are_transformed_with_the_roles_that_are_left(instance: Instance) -> None:
    """Rows that were acknowledged are transformed after their loader is deleted, and hand out nothing for him."""
    auth = await instance.add_user("fired", "admin")
    other = await _id(instance, await instance.add_user("accomplice"))
    [role] = await instance.read("sys_user_role", query="name=admin")
    grants = {"name": "grants", "source_table": "imp_user", "target_table": "sys_user_has_role", "active": "true"}
    made = await instance.insert("sys_transform_map", {**grants, "order": "1"})
    for source, target in (("user_id", "user"), ("title", "role")):
        entry = {"map": made.result["sys_id"], "source_field": source, "target_field": target}
        await instance.insert("sys_transform_entry", entry)
    rows = {"records": [{"User ID": "accomplice", "Title": role["sys_id"]}]}
    assert (await instance.call("POST", IMPORTS, auth, json=rows)).status == 201
    await instance.call("DELETE", f"/api/now/table/sys_user/{await _id(instance, auth)}")
    await instance.clock.advance(1)
    assert len(await instance.read("imp_user", query="sys_import_state!=pending")) == 1
    assert await instance.read("sys_user_has_role", query=f"user={other}") == []


async def test_a_body_may_arrive_too_late_for_its_user(instance: Instance) -> None:
    """Whoever is deactivated while the body is on its way is refused."""
    auth = await instance.add_user("slow", "itil")
    user, begun, ended = await _id(instance, auth), asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        begun.set()
        await ended.wait()
        yield b"}"

    asked = asyncio.create_task(
        instance.call("POST", INCIDENTS, auth, data=body(), headers={"Content-Type": "application/json"})
    )
    await begun.wait()
    while not [each for each in await _exchanges(instance) if each["url"] == INCIDENTS]:
        pass
    await instance.update("sys_user", user, {"active": "false"})
    ended.set()
    assert (await asked).status == 401


async def _exchanges(instance: Instance) -> Any:
    return (await instance.call("GET", "/__admin/requests", None)).body["requests"]


async def _read_slowly(instance: Instance, path: str) -> None:
    """Read the beginning of a long answer, deactivate its reader, and read on."""
    auth = await instance.add_user("reader", "itil")
    user = await _id(instance, auth)
    headers = {"Authorization": encode_basic_auth(*auth)}
    async with instance.http.get(instance.url + path, headers=headers) as answer:
        assert answer.status == 200
        await answer.content.readany()
        await instance.update("sys_user", user, {"active": "false"})
        await answer.read()


@pytest.mark.long
@pytest.mark.parametrize(
    "path",
    [
        "/api/now/table/problem?sysparm_query=ORDERBYnumber",
        "/api/now/stats/problem?sysparm_count=true&sysparm_group_by=description",
    ],
    ids=["list", "aggregate"],
)
async def test_a_long_answer_ends_with_its_reader(instance: Instance, path: str) -> None:
    """Nothing is shown to him of what he has not been sent yet, and his client can tell."""
    for number in range(250):
        await instance.insert("problem", {"description": f"{number:03}" + "x" * 100_000})
    with pytest.raises(ClientPayloadError):
        await _read_slowly(instance, path)
    assert len(await instance.findings("user-ended")) == 1


@pytest.mark.long
async def test_a_file_ends_with_its_reader(instance: Instance) -> None:
    """What he gets of it is no whole file."""
    problem = (await instance.insert("problem", {})).result["sys_id"]
    content = random.Random(1).randbytes(30_000_000)  # noqa: S311 - bytes that nothing compresses
    path = f"/api/now/attachment/file?table_name=problem&table_sys_id={problem}&file_name=x"
    file = (await instance.call("POST", path, data=BytesIO(content))).result["sys_id"]
    with pytest.raises(ClientPayloadError):
        await _read_slowly(instance, f"/api/now/attachment/{file}/file")
