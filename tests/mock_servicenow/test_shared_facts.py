"""Processes on one database agree: on facts worked out from tables, on sessions and on used credentials.

Instances on one PostgreSQL database stand for processes.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from random import Random
from typing import Any
from uuid import uuid4

import jwt
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


@pytest.mark.long
async def test_a_user_deactivated_by_another_process_is_refused(processes: Pair) -> None:
    """Their credentials were accepted before."""
    one, other = processes
    auth = await one.add_user("anna", "itil")
    for _ in range(2):
        assert (await one.call("GET", TASK, auth)).status == 200
    await other.update("sys_user", await _id(other, "sys_user", "user_name=anna"), {"active": "false"})
    assert (await one.call("GET", TASK, auth)).status == 401


@pytest.mark.long
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


@pytest.mark.long
async def test_a_rule_stored_by_another_process_acts(processes: Pair) -> None:
    """From the next write on."""
    one, other = processes
    assert (await one.insert("problem", {})).status == 201
    rule = {"name": "no", "collection": "problem", "active": "true", "when": "before", "action_insert": "true"}
    stored = (await other.insert("sys_script", {**rule, "abort_action": "true"})).result["sys_id"]
    assert (await one.insert("problem", {})).status == 403
    await other.update("sys_script", stored, {"active": "false"})
    assert (await one.insert("problem", {})).status == 201


@pytest.mark.long
async def test_an_activity_type_changed_by_another_process_governs_the_next_decision(processes: Pair) -> None:
    """Its valid responses were used before."""
    one, other = processes
    ids = await one.set_up()
    refused, decided = [await one.asked(ids, request_id=str(uuid4())) for _ in range(2)]
    assert (await one.update(REQUEST, refused, {"status": "Maybe"})).status == 403
    await other.update(ACTIVITY_TYPE, ids[1], {"valid_responses": "Maybe"})
    assert (await one.update(REQUEST, decided, {"status": "Maybe"})).status == 200
    await one.clock.settle()


@pytest.mark.long
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


async def _pass(processes: Pair, minutes: int) -> None:
    await asyncio.gather(*(each.clock.advance(60 * minutes) for each in processes))


async def _session(instance: Instance) -> dict[str, str]:
    """Return the cookie of a session that a call opens."""
    opened = (await instance.call("GET", TASK)).headers["Set-Cookie"].partition(";")[0]
    return {"Cookie": opened}


async def _shows_pages(instance: Instance, session: dict[str, str]) -> bool:
    page = await instance.call("GET", "/incident_list.do", None, headers=session, allow_redirects=False)
    return page.status == 200


@pytest.mark.long
async def test_a_session_that_another_process_uses_goes_on(processes: Pair) -> None:
    """Thirty minutes after its last use it has ended for both."""
    one, other = processes
    session = await _session(one)
    for _ in range(3):
        await _pass(processes, 29)
        assert await _shows_pages(other, session)
    await _pass(processes, 29)
    assert await _shows_pages(one, session)
    await _pass(processes, 30)
    assert [await _shows_pages(each, session) for each in processes] == [False, False]


@pytest.mark.long
async def test_each_session_of_a_users_calls_lasts(processes: Pair) -> None:
    """Thirty minutes from its opening, though the calls before it were long ago."""
    one, other = processes
    for _ in range(3):
        await _session(one)
        await _pass(processes, 29)
    last = await _session(one)
    await _pass(processes, 29)
    assert await _shows_pages(other, last)


@pytest.mark.long
async def test_an_assertion_is_used_once_at_all_processes(processes: Pair) -> None:
    """Whichever process has taken it."""
    one, other = processes

    async def make(table: str, **values: str) -> str:
        made = await one.call("POST", f"/api/now/table/{table}?sysparm_input_display_value=true", json=values)
        assert made.status == 201
        return str(made.result["sys_id"])

    secret = "shared by the provider and the instance"
    await make("sys_user", user_name="ann", email="ann@example.com", active="true")
    provider = await make("oauth_jwt", name="Provider", client_id="idp", client_secret="s")
    await make("jwt_verifier_map", oauth_jwt=provider, shared_key=secret)
    claims = {"sub": "ann@example.com", "aud": "idp", "iss": "idp", "jti": "1"}
    assertion = jwt.encode({**claims, "exp": one.clock.now().timestamp() + 60}, secret, "HS256")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    client = {"client_id": "idp", "client_secret": "s"}
    answers = [await each.call("POST", "/oauth_token.do", None, data=form | client) for each in (one, other, one)]
    assert [answer.status for answer in answers] == [200, 401, 401]


@pytest.mark.long
async def test_the_content_of_a_deleted_file_is_gone_for_all_processes(processes: Pair) -> None:
    """Nobody reads it under a record that another process gives its sys_id."""
    one, other = processes
    content = Random(1).randbytes(10_000_000)  # noqa: S311 - bytes that nothing compresses
    problem = (await one.insert("problem", {})).result["sys_id"]
    path = f"/api/now/attachment/file?table_name=problem&table_sys_id={problem}&file_name=x"
    file = (await one.call("POST", path, data=BytesIO(content))).result["sys_id"]
    assert (await one.call("DELETE", f"/api/now/attachment/{file}")).status == 204
    assert await other.read("sys_attachment_doc", query=f"sys_attachment={file}", sysparm_fields="sys_id") == []
    again = {"sys_id": file, "table_name": "problem", "table_sys_id": problem, "file_name": "y"}
    assert (await other.insert("sys_attachment", again)).status == 201
    assert (await other.call("GET", f"/api/now/attachment/{file}/file")).body == b""
