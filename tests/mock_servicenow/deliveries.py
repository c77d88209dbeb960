"""Decisions and their deliveries, as the tests of deliveries make and read them."""

from typing import Any

from .conftest import REQUEST, RESPONSE, Instance


async def decided(instance: Instance, **pairs: str) -> tuple[str, str]:
    """Register with these pairs, ask, and approve; return Instance Id and activity type."""
    instance_id = await instance.register(**pairs)
    ids = instance_id, await instance.add_activity_type(instance_id)
    sys_id = await instance.asked(ids)
    answer = await instance.update(REQUEST, sys_id, {"status": "Approve"})
    assert answer.status == 200
    await instance.clock.settle()
    return ids


async def response_of(instance: Instance) -> tuple[str, str]:
    """Return status code and retries of the only response."""
    (record,) = await instance.read(RESPONSE)
    return record["response_status_code"], record["retry_attempts"]


async def deliveries(instance: Instance) -> Any:
    """Return the deliveries that the control plane shows."""
    return (await instance.call("GET", "/__admin/deliveries", None)).body["deliveries"]
