"""Batches and import sets, which go on after their caller has left: they end with a reset and outlive a restart."""

import asyncio
import json
import sqlite3
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mock_servicenow.blueprint import Blueprint
from mock_servicenow.settings import Settings

from .conftest import GUID, REQUEST, Instance, running

TABLE = "/api/now/table/incident"
BATCH = "/api/now/v1/batch"
ROWS = "/api/now/import/imp_user/insertMultiple"


def _batch(items: int, size: int = 0, name: str = "of a batch") -> dict[str, Any]:
    body = b64encode(json.dumps({"short_description": name, "description": "x" * size}).encode()).decode()
    headers = [{"name": "Content-Type", "value": "application/json"}]
    item = {"method": "POST", "url": "/api/now/table/incident", "headers": headers, "body": body}
    return {"batch_request_id": "1", "rest_requests": [{"id": str(number), **item} for number in range(items)]}


def _rows(count: int) -> dict[str, Any]:
    return {"records": [{"User ID": f"imported.{number}"} for number in range(count)]}


async def _made(instance: Instance) -> int:
    return len(await instance.read("incident", query="short_description=of a batch"))


async def _imported(instance: Instance) -> int:
    return len(await instance.read("sys_user", query="user_nameSTARTSWITHimported."))


async def _until_begun(instance: Instance) -> None:
    while not await _made(instance):
        pass


@pytest.mark.long
@pytest.mark.parametrize("size", [0, 2_000], ids=["short body", "long body"])
async def test_a_reset_ends_a_batch(instance: Instance, size: int) -> None:
    """What a batch would have written after a reset is not written; its caller is told that it was cancelled."""
    batch = asyncio.create_task(instance.call("POST", BATCH, json=_batch(100, size)))
    await _until_begun(instance)
    assert (await instance.call("POST", "/__admin/reset", None)).status == 204
    answer = await batch
    assert answer.status == 500
    assert answer.body["error"]["message"] == "Transaction cancelled: maximum execution time exceeded"
    assert await _made(instance) == 0


@pytest.mark.long
async def test_a_reset_ends_a_transformation(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    """No row is transformed after a reset, neither of a set that waits nor of one that is being transformed."""
    assert (await instance.call("POST", ROWS, json=_rows(40))).status == 201
    jump = asyncio.create_task(instance.clock.advance(1))
    while not await _imported(instance):
        pass
    await instance.call("POST", "/__admin/reset", None)
    await jump
    assert await _imported(instance) == 0
    await instance.clock.advance(10)
    assert await _imported(instance) == 0
    assert not caplog.records


@pytest.mark.long
async def test_a_deleted_row_keeps_no_other_from_being_transformed(
    instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows that vanish while their set is transformed are left out, the set itself too."""
    answer = (await instance.call("POST", ROWS, json=_rows(40))).body
    jump = asyncio.create_task(instance.clock.advance(1))
    while not await _imported(instance):
        pass
    last = (await instance.read("imp_user", query="ORDERBYDESCsys_import_row", sysparm_limit="1"))[0]["sys_id"]
    await instance.call("DELETE", f"/api/now/table/imp_user/{last}")
    await instance.call("DELETE", f"/api/now/table/sys_import_set/{answer['import_set_id']}")
    await jump
    assert await _imported(instance) >= 39
    assert not caplog.records


@pytest.mark.long
async def test_a_restart_goes_on_with_import_sets(tmp_path: Path, blueprint: Blueprint) -> None:
    """Rows that were acknowledged are transformed by the next process if this one ends before."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    async with running(settings, blueprint) as instance:
        assert (await instance.call("POST", ROWS, json=_rows(3))).status == 201
    async with running(settings, blueprint) as instance:
        assert await _imported(instance) == 0
        await instance.clock.advance(1)
        assert await _imported(instance) == 3


async def test_import_sets_outlast_a_locked_database(tmp_path: Path, blueprint: Blueprint) -> None:
    """Rows that cannot be transformed for the moment are transformed when the database can be written again."""
    file = tmp_path / "instance.db"
    async with running(Settings(database=f"sqlite:///{file}"), blueprint) as instance:
        assert (await instance.call("POST", ROWS, json=_rows(3))).status == 201
        with closing(sqlite3.connect(file)) as other:
            other.execute("BEGIN IMMEDIATE")
            await instance.clock.advance(1)
        assert await _imported(instance) == 0
        await instance.clock.advance(1)
        assert await _imported(instance) == 3


@pytest.mark.long
async def test_others_are_answered_between_large_bodies(blueprint: Blueprint) -> None:
    """Many that arrive together are read one by one, since each takes its time."""
    xml = f"<request><entry>{'<a>1</a>' * 40_000}</entry></request>"
    headers = {"Content-Type": "application/xml"}
    async with running(Settings(), blueprint) as instance:
        posted = [asyncio.create_task(instance.call("POST", TABLE, data=xml, headers=headers)) for _ in range(12)]
        answered = 0
        while not all(each.done() for each in posted):
            await instance.call("GET", f"{TABLE}?sysparm_limit=1&sysparm_fields=number")
            answered += 1
    assert [each.result().status for each in posted] == [201] * len(posted)
    assert answered > len(posted) // 3


@pytest.mark.long
async def test_a_reset_ends_time_outs(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    """Requests that are just timing out end with everything else."""
    ids = await instance.set_up()
    await asyncio.gather(*(instance.asked(ids, request_id=f"{GUID[:-3]}{number:03}") for number in range(300)))
    jump = asyncio.create_task(instance.clock.advance(24 * 3600))
    while not await instance.read(REQUEST, query="status=TimedOut"):
        pass
    await instance.call("POST", "/__admin/reset", None)
    await jump
    assert await instance.read(REQUEST) == []
    assert not caplog.records


@pytest.mark.long
async def test_large_batches_whose_caller_leaves_wait_their_turn(instance: Instance) -> None:
    """Six large batches go on at the same time; one that waits for its turn ends with its caller."""
    callers = [asyncio.create_task(instance.call("POST", BATCH, json=_batch(300, 300))) for _ in range(12)]
    while await _arrived(instance) < len(callers):
        pass
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    made, before = await _made(instance), -1
    while made != before:
        answer = await instance.call("POST", BATCH, json=_batch(1, 70_000, "another"))
        assert len(answer.body["serviced_requests"]) == 1
        made, before = await _made(instance), made
    assert 0 < made <= 6 * 300


async def _arrived(instance: Instance) -> int:
    journal = (await instance.call("GET", "/__admin/requests", None)).body["requests"]
    return sum(exchange["url"] == BATCH for exchange in journal)
