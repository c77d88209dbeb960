"""What a process has worked out from tables is never out of date, though others write them.

Instances on one PostgreSQL database stand for processes.
"""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from mock_servicenow.app import Blueprint
from mock_servicenow.settings import Settings

from .conftest import ACTIVITY_TYPE, CONFIGURATION, REQUEST, Instance, running

Pair = tuple[Instance, Instance]
TASK = "/api/now/table/incident"


@pytest.fixture
async def processes(postgresql: Any, blueprint: Blueprint) -> AsyncIterator[Pair]:
    """Serve two instances from one database."""
    with postgresql.database() as url:
        settings = Settings(database=url)
        async with running(settings, blueprint) as one, running(settings, blueprint, seed=2) as other:
            yield one, other


async def _id(instance: Instance, table: str, query: str) -> str:
    [record] = await instance.read(table, query=query)
    return str(record["sys_id"])


async def test_a_user_deactivated_by_another_process_is_refused(processes: Pair) -> None:
    """Their credentials were accepted before."""
    one, other = processes
    auth = await one.add_user("anna", "itil")
    for _ in range(2):
        assert (await one.call("GET", TASK, auth)).status == 200
    await other.update("sys_user", await _id(other, "sys_user", "user_name=anna"), {"active": "false"})
    assert (await one.call("GET", TASK, auth)).status == 401


async def test_a_role_of_another_process_counts_as_long_as_it_is_granted(processes: Pair) -> None:
    """Only administrators create users."""
    one, other = processes
    auth = await one.add_user("anna")
    granted = {"user": await _id(other, "sys_user", "user_name=anna")}
    granted["role"] = await _id(other, "sys_user_role", "name=admin")

    async def create(name: str) -> int:
        return (await one.insert("sys_user", {"user_name": name}, auth)).status

    assert await create("first") == 403
    grant = (await other.insert("sys_user_has_role", granted)).result["sys_id"]
    assert await create("second") == 201
    await other.call("DELETE", f"/api/now/table/sys_user_has_role/{grant}")
    assert await create("third") == 403


async def test_a_rule_stored_by_another_process_acts(processes: Pair) -> None:
    """From the next write on."""
    one, other = processes
    assert (await one.insert("problem", {})).status == 201
    rule = {"name": "no", "collection": "problem", "active": "true", "when": "before", "action_insert": "true"}
    stored = (await other.insert("sys_script", {**rule, "abort_action": "true"})).result["sys_id"]
    assert (await one.insert("problem", {})).status == 403
    await other.update("sys_script", stored, {"active": "false"})
    assert (await one.insert("problem", {})).status == 201


async def test_an_activity_type_changed_by_another_process_governs_the_next_decision(processes: Pair) -> None:
    """Its valid responses were used before."""
    one, other = processes
    ids = await one.set_up()
    refused, decided = [await one.asked(ids, request_id=str(uuid4())) for _ in range(2)]
    assert (await one.update(REQUEST, refused, {"status": "Maybe"})).status == 403
    await other.update(ACTIVITY_TYPE, ids[1], {"valid_responses": "Maybe"})
    assert (await one.update(REQUEST, decided, {"status": "Maybe"})).status == 200
    await one.clock.settle()


async def test_a_secret_changed_by_another_process_is_sent_next(processes: Pair) -> None:
    """So is an address."""
    one, other = processes
    ids = await one.set_up()
    for secret in ("the-first-secret-of-the-user", "the-second-secret-of-the-user"):
        pairs = json.dumps(one.metadata() | {"Password": secret})
        await other.update(CONFIGURATION, ids[0], {"instance_metadata": pairs})
        await one.update(REQUEST, await one.asked(ids, request_id=str(uuid4())), {"status": "Approve"})
        await one.clock.settle()
        assert one.console.logons[-1]["Password"] == secret
