import json

from .conftest import REQUEST, RESPONSE, Instance


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
    assert (await instance.call("GET", "/__admin/clock", None)).body == {"now": "2026-01-05T09:00:00+00:00"}
    await instance.call("POST", "/__admin/reset", None)
    assert await _story(instance) == first


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
