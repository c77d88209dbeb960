import asyncio
import json
import random
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from mock_servicenow.blueprint import Blueprint
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock

from .conftest import REQUEST, RESPONSE, Instance, running


@pytest.fixture
async def in_memory(blueprint: Blueprint) -> AsyncIterator[Instance]:
    """Serve an instance that keeps its records in memory, since PostgreSQL has no snapshots."""
    async with running(Settings(), blueprint) as served:
        yield served


async def _story(instance: Instance) -> bytes:
    """Live through a round trip with a retry and return the journal as it is printed."""
    instance.console.statuses, instance.console.logons = [503], []
    sys_id = await instance.asked(await instance.set_up())
    await instance.update(REQUEST, sys_id, {"status": "Approve"})
    await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": 50})
    journal = await instance.call("GET", "/__admin/requests", None)
    assert len(journal.body["requests"]) == 7
    return json.dumps(journal.body).encode()


@pytest.mark.long
async def test_reset_goes_back_to_the_start(instance: Instance) -> None:
    """After a reset rows, journal, faults and time are as at the start, and the same story gives the same journal."""
    first = await _story(instance)
    await instance.call("POST", "/__admin/faults", None, json={"kind": "hibernating", "times": None})
    assert (await instance.call("POST", "/__admin/reset", None)).status == 204
    assert await instance.read(REQUEST) == await instance.read(RESPONSE) == []
    assert (await instance.call("GET", "/__admin/clock", None)).body["now"] == "2026-01-05T09:00:00+00:00"
    await instance.call("POST", "/__admin/reset", None)
    assert await _story(instance) == first


@pytest.mark.long
async def test_reset_of_a_shared_database(blueprint: Blueprint, postgresql: Any) -> None:
    """A PostgreSQL database is emptied and filled anew, and the same story gives the same journal."""
    with postgresql.database() as database:
        async with running(Settings(database=database), blueprint) as instance:
            first = await _story(instance)
            assert (await instance.call("POST", "/__admin/reset", None)).status == 204
            assert await instance.read(REQUEST) == []
            await instance.call("POST", "/__admin/reset", None)
            assert await _story(instance) == first


async def _restored_story(instance: Instance) -> list[bytes]:
    """Return the journal of what happens after a snapshot, twice: a delivery that waits for its retry, a time-out."""
    instance.console.statuses, instance.console.logons = [503], []
    ids = await instance.set_up()
    waiting = await instance.asked(ids)
    asked = await instance.asked(ids, request_id="85d71683-7dac-4762-8120-76a9a564fdc2")
    await instance.update(REQUEST, waiting, {"status": "Approve"})
    await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": 10})
    taken = await instance.call("POST", "/__admin/snapshots", None, json={"name": "retrying"})
    assert taken.status == 201
    told = []
    for _ in range(2):
        await instance.call("POST", "/__admin/reset", None)
        assert (await instance.call("POST", "/__admin/snapshots/retrying/restore", None)).status == 204
        assert [each["status"] for each in await instance.read(REQUEST)] == ["Approve", "Pending"]
        await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": 39})
        assert (await instance.read(RESPONSE))[0]["response_status_code"] == "503"
        await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": 1})
        assert (await instance.read(RESPONSE))[0]["response_status_code"] == "200"
        await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": 16.5 * 3600})
        assert (await instance.read(REQUEST, asked))["status"] == "TimedOut"
        told.append(json.dumps((await instance.call("GET", "/__admin/requests", None)).body).encode())
    return told


async def test_snapshots_keep_what_waits(in_memory: Instance) -> None:
    """A restored instance goes on as it would have: retries and time-outs come at their time, with the same journal."""
    first, again = await _restored_story(in_memory)
    assert first == again
    assert b"*** " not in first


@pytest.mark.long
async def test_snapshots_of_a_file(blueprint: Blueprint, tmp_path: Path) -> None:
    """A database in a file has them, too."""
    async with running(Settings(database=f"sqlite:///{tmp_path}/instance.db"), blueprint) as instance:
        first, again = await _restored_story(instance)
    assert first == again


@pytest.mark.long
async def test_a_snapshot_has_its_tables(in_memory: Instance) -> None:
    """Columns that were defined after it are gone, those of before are there again."""
    column = {"name": "incident", "internal_type": "string", "column_label": "Ours", "max_length": "40"}
    for element, snapshot in (("u_before", "one"), ("u_after", "")):
        await in_memory.insert("sys_dictionary", {**column, "element": element})
        if snapshot:
            await in_memory.call("POST", "/__admin/snapshots", None, json={"name": snapshot})
    await in_memory.call("POST", "/__admin/reset", None)
    await in_memory.call("POST", "/__admin/snapshots/one/restore", None)
    created = await in_memory.insert("incident", {"u_before": "kept", "u_after": "dropped"})
    assert (created.result["u_before"], "u_after" in created.result) == ("kept", False)


@pytest.mark.long
async def test_a_shared_database_has_no_snapshots(blueprint: Blueprint, postgresql: Any) -> None:
    """The message says which do, and what PostgreSQL has instead."""
    with postgresql.database() as database:
        async with running(Settings(database=database), blueprint) as instance:
            refused = await instance.call("POST", "/__admin/snapshots", None, json={"name": "one"})
    why = "snapshots need an embedded database; PostgreSQL copies its own with CREATE DATABASE … TEMPLATE …"
    assert (refused.status, refused.body) == (400, {"error": why})


async def test_tokens_of_after_a_snapshot_are_unknown(in_memory: Instance) -> None:
    """Those of before are as good as they were."""
    client = {"client_id": "3f1c9a7be52d4c08a6d90b5e7714c2fd", "client_secret": "ready-made-secret"}

    async def log_in(user: str) -> str:
        form = {"grant_type": "password", "username": user, "password": "admin", **client}
        return str((await in_memory.call("POST", "/oauth_token.do", None, data=form)).body["access_token"])

    before = await log_in("admin")
    await in_memory.call("POST", "/__admin/snapshots", None, json={"name": "one"})
    after = await log_in("privman.approver")
    await in_memory.call("POST", "/__admin/snapshots/one/restore", None)
    path, found = "/api/now/table/incident", []
    for token in (before, after):
        answer = await in_memory.call("GET", path, None, headers={"Authorization": f"Bearer {token}"})
        found.append(answer.status)
    assert found == [200, 401]


@pytest.mark.long
async def test_resets_restores_and_restarts_at_the_same_time(blueprint: Blueprint, lasting: str) -> None:
    """Nothing is left of them, nor of calls meanwhile: after a reset the story is that of a new instance."""
    async with running(Settings(database=lasting), blueprint) as instance:
        first = await _story(instance)
        await instance.call("POST", "/__admin/snapshots", None, json={"name": "one"})  # which PostgreSQL refuses
        column = {"name": "incident", "internal_type": "string", "element": "u_ours"}
        calls = [
            *(
                instance.call("POST", f"/__admin/{each}", None)
                for each in ("reset", "snapshots/one/restore", "restart")
            ),
            *(instance.call("GET", "/api/now/table/incident", ("admin", "wrong")) for _ in range(5)),
            instance.insert("sys_dictionary", column),
            instance.insert("sys_user", {"user_name": "somebody"}),
        ]
        await asyncio.gather(*calls)
        assert (await instance.call("POST", "/__admin/reset", None)).status == 204
        assert await _story(instance) == first


async def test_a_snapshot_has_its_lockouts(in_memory: Instance) -> None:
    """Who was locked out is locked out again, until a reset."""
    path, wrong = "/api/now/table/incident", ("admin", "wrong")
    for _ in range(5):
        await in_memory.call("GET", path, wrong)
    await in_memory.call("POST", "/__admin/snapshots", None, json={"name": "locked"})
    statuses = []
    for change in ("reset", "snapshots/locked/restore", "reset"):
        await in_memory.call("POST", f"/__admin/{change}", None)
        statuses.append((await in_memory.call("GET", path)).status)
    assert statuses == [200, 401, 200]


async def test_reset_without_a_seed(blueprint: Blueprint) -> None:
    """Where identifiers are random there is no sequence to begin anew."""
    async with running(Settings(), blueprint, seed=None) as instance:
        ids = []
        for _ in range(2):
            ids.append((await instance.insert("problem", {})).result["sys_id"])
            await instance.call("POST", "/__admin/reset", None)
        assert ids[0] != ids[1]


@pytest.mark.long
async def test_reset_forgets_deliveries_that_wait(instance: Instance) -> None:
    """A delivery that waits for its retry is gone after a reset."""
    instance.console.statuses = [503]
    sys_id = await instance.asked(await instance.set_up())
    await instance.update(REQUEST, sys_id, {"status": "Approve"})
    await instance.clock.settle()
    await instance.call("POST", "/__admin/reset", None)
    await instance.clock.advance(3600)
    assert len(instance.console.decisions) == 1
    assert (await instance.call("GET", "/__admin/deliveries", None)).body == {"deliveries": []}


async def test_a_delivery_from_before_a_reset_is_none_afterwards(blueprint: Blueprint) -> None:
    """With a seed the next response has the same id; that its namesake was delivered says nothing of it."""
    async with running(Settings(), blueprint, clock=RealClock()) as instance:
        arrived, heard = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            instance.console.before_answer = None
            arrived.set()
            await heard.wait()

        async def decide() -> Any:
            sys_id = await instance.asked(await instance.set_up())
            await instance.update(REQUEST, sys_id, {"status": "Approve"})
            return (await instance.read(RESPONSE))[0]["sys_id"]

        instance.console.before_answer, instance.console.statuses = wait, [503]
        first = await decide()
        await arrived.wait()
        await instance.call("POST", "/__admin/reset", None)
        assert await decide() == first
        while instance.console.statuses:
            await instance.call("GET", "/__admin/health", None)
        heard.set()
        await instance.clock.settle()
        (delivery,) = (await instance.call("GET", "/__admin/deliveries", None)).body["deliveries"]
        assert (delivery["state"], [each["status"] for each in delivery["attempts"]]) == ("pending", [503])


@pytest.mark.long
async def test_a_file_that_was_vanishing_at_a_reset_can_be_attached_again(blueprint: Blueprint) -> None:
    """After the reset the same story draws the same sys_ids."""
    content = random.Random(1).randbytes(30_000_000)  # noqa: S311 - bytes that nothing compresses
    async with running(Settings(), blueprint) as instance:
        for _ in range(2):
            problem = (await instance.insert("problem", {})).result["sys_id"]
            path = f"/api/now/attachment/file?table_name=problem&table_sys_id={problem}&file_name=x"
            file = await instance.call("POST", path, data=BytesIO(content))
            assert file.status == 201
            assert (await instance.call("DELETE", f"/api/now/attachment/{file.result['sys_id']}")).status == 204
            assert (await instance.call("POST", "/__admin/reset", None)).status == 204
