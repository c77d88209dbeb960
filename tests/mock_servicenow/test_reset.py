import asyncio
import json
import random
from io import BytesIO
from typing import Any

from mock_servicenow.blueprint import Blueprint
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock

from .conftest import REQUEST, RESPONSE, Instance, running


async def _story(instance: Instance) -> bytes:
    """Live through a round trip with a retry and return the journal as it is printed."""
    instance.console.statuses, instance.console.logons = [503], []
    sys_id = await instance.asked(await instance.set_up())
    await instance.update(REQUEST, sys_id, {"status": "Approve"})
    await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": 50})
    journal = await instance.call("GET", "/__admin/requests", None)
    assert len(journal.body["requests"]) == 7
    return json.dumps(journal.body).encode()


async def test_reset_goes_back_to_the_start(instance: Instance) -> None:
    """After a reset rows, journal, faults and time are as at the start, and the same story gives the same journal."""
    first = await _story(instance)
    await instance.call("POST", "/__admin/faults", None, json={"kind": "hibernating", "times": None})
    assert (await instance.call("POST", "/__admin/reset", None)).status == 204
    assert await instance.read(REQUEST) == await instance.read(RESPONSE) == []
    assert (await instance.call("GET", "/__admin/clock", None)).body["now"] == "2026-01-05T09:00:00+00:00"
    await instance.call("POST", "/__admin/reset", None)
    assert await _story(instance) == first


async def test_reset_of_a_shared_database(blueprint: Blueprint, postgresql: Any) -> None:
    """A PostgreSQL database is emptied and filled anew, and the same story gives the same journal."""
    with postgresql.database() as database:
        async with running(Settings(database=database), blueprint) as instance:
            first = await _story(instance)
            assert (await instance.call("POST", "/__admin/reset", None)).status == 204
            assert await instance.read(REQUEST) == []
            await instance.call("POST", "/__admin/reset", None)
            assert await _story(instance) == first


async def test_reset_without_a_seed(blueprint: Blueprint) -> None:
    """Where identifiers are random there is no sequence to begin anew."""
    async with running(Settings(), blueprint, seed=None) as instance:
        ids = []
        for _ in range(2):
            ids.append((await instance.insert("problem", {})).result["sys_id"])
            await instance.call("POST", "/__admin/reset", None)
        assert ids[0] != ids[1]


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
