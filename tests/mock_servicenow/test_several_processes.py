"""Decisions reach the console, and requests time out, whatever becomes of processes and of the database between.

Instances on one PostgreSQL database stand for processes: each has a clock of its own.
"""

import asyncio
import signal
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiohttp import ClientSession, encode_basic_auth

from mock_servicenow.app import Blueprint, StartError, create_app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .command import serving_command, start_command, started
from .conftest import REQUEST, RESPONSE, Instance, StubConsole, running


@pytest.fixture
async def other(database: str, blueprint: Blueprint) -> AsyncIterator[Instance]:
    """Serve an instance that outlives the one under test."""
    async with running(Settings(database=database), blueprint, seed=2) as instance:
        yield instance


async def _decided(instance: Instance, **pairs: str) -> str:
    """Decide a request and return its Instance Id."""
    instance_id = await instance.register(**pairs)
    sys_id = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
    assert (await instance.update(REQUEST, sys_id, {"status": "Approve", "comment": "Fine"})).status == 200
    await instance.clock.settle()
    return instance_id


async def _deliveries(instance: Instance) -> Any:
    return (await instance.call("GET", "/__admin/deliveries", None)).body["deliveries"]


async def _state(instance: Instance) -> tuple[str, list[int]]:
    (delivery,) = await _deliveries(instance)
    return delivery["state"], [attempt["status"] for attempt in delivery["attempts"]]


@pytest.mark.long
async def test_a_waiting_retry_is_made_by_another_process(database: str, blueprint: Blueprint, other: Instance) -> None:
    """What a process was to try again is tried at that time by one that lives; both know of all attempts."""
    async with running(Settings(database=database), blueprint) as instance:
        instance.console = other.console
        other.console.statuses = [503]
        await _decided(instance)
        assert await _deliveries(instance) == await _deliveries(other)
        assert await _state(other) == ("pending", [503])
    await other.clock.advance(49)
    assert len(other.console.decisions) == 1
    await other.clock.advance(1)
    first, second = other.console.decisions
    assert first == second
    assert await _state(other) == ("delivered", [503, 200])


@pytest.mark.long
async def test_many_deliveries_under_way_hide_none_that_nobody_makes(
    database: str, blueprint: Blueprint, other: Instance
) -> None:
    """A silent console may keep a process busy with more deliveries than are looked through at a time."""
    async with running(Settings(database=database), blueprint) as instance:
        instance.console = other.console
        other.console.statuses = [503]
        await _decided(instance)
    leased = int((other.clock.now() + timedelta(seconds=10)).timestamp() * 1_000_000)
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        connection.execute(
            f"INSERT INTO {RESPONSE}_delivery (sys_id, due, leased_until, owner) "  # noqa: S608 - our own name
            f"SELECT md5(n::text), n, {leased}, 'busy' FROM generate_series(1, 1000) n"
        )
    await other.clock.advance(50)
    assert len(other.console.decisions) == 2


@pytest.mark.long
async def test_one_process_sends_what_two_are_to_send(database: str, blueprint: Blueprint, other: Instance) -> None:
    """Of two processes for which a response is due at the same time one sends it."""
    async with running(Settings(database=database), blueprint) as instance:
        instance.console.statuses = [503]
        await _decided(instance)
        await asyncio.gather(instance.clock.advance(60), other.clock.advance(60))
        assert len(instance.console.decisions) == 2
        assert await _state(other) == ("delivered", [503, 200])


@pytest.mark.long
async def test_an_attempt_of_a_dead_process_is_made_again(database: str, blueprint: Blueprint, other: Instance) -> None:
    """A claim that is not renewed ends; what its process finds out later counts no more."""
    async with running(Settings(database=database), blueprint) as instance:
        hangs, answers = asyncio.Event(), asyncio.Event()

        async def hang() -> None:
            instance.console.before_answer = None
            hangs.set()
            await answers.wait()

        instance.console.before_answer, instance.console.statuses = hang, [200, 404]
        instance_id = await instance.register()
        sys_id = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
        await instance.update(REQUEST, sys_id, {"status": "Approve"})
        await hangs.wait()
        await other.clock.advance(9)
        assert len(instance.console.decisions) == 1
        assert await _state(other) == ("pending", [])
        await other.clock.advance(1)
        assert len(instance.console.decisions) == 2
        assert await _state(other) == ("delivered", [200])
        answers.set()
        await instance.clock.settle()
        assert await _state(instance) == ("delivered", [200])


@pytest.mark.long
async def test_a_retry_comes_before_the_end_of_the_last_claim(
    database: str, blueprint: Blueprint, other: Instance
) -> None:
    """A process that has seen another one's claim makes its retry when that is due, not when the claim would end."""
    async with running(Settings(database=database), blueprint) as instance:
        instance.console = other.console
        hangs, answers = asyncio.Event(), asyncio.Event()

        async def hang() -> None:
            other.console.before_answer = None
            hangs.set()
            await answers.wait()

        other.console.before_answer, other.console.statuses = hang, [503]
        instance_id = await instance.register(**{"Minimum wait time": "00:00:01"})
        sys_id = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
        await instance.update(REQUEST, sys_id, {"status": "Approve"})
        await hangs.wait()
        await other.clock.advance(0)
        answers.set()
        await instance.clock.settle()
    await other.clock.advance(1)
    assert await _state(other) == ("delivered", [503, 200])


@pytest.mark.long
async def test_a_claim_is_renewed_while_its_process_lives(own_postgresql: Any, blueprint: Blueprint) -> None:
    """What a process has sent and cannot record yet is left to it."""
    async with AsyncExitStack() as stack:
        settings = Settings(database=stack.enter_context(own_postgresql.database()))
        instance = await stack.enter_async_context(running(settings, blueprint))
        other = await stack.enter_async_context(running(settings, blueprint, seed=2))

        async def halt() -> None:
            own_postgresql.halt()

        instance.console.before_answer = halt
        sys_id = await instance.asked(await instance.set_up())
        await instance.update(REQUEST, sys_id, {"status": "Approve"})
        await instance.clock.settle()
        await instance.clock.advance(5)
        own_postgresql.resume()
        await instance.clock.advance(0)  # a jump renews for ten seconds from its beginning
        await other.clock.advance(12)
        await instance.clock.advance(1)
        assert await _state(other) == ("delivered", [200])
        assert len(instance.console.decisions) == 1


@pytest.mark.long
async def test_a_request_is_timed_out_by_another_process(database: str, blueprint: Blueprint, other: Instance) -> None:
    """A request that a process took in times out although that process is gone; it does so once."""
    async with running(Settings(database=database), blueprint) as instance:
        sys_id = await instance.asked(await instance.set_up())
        late = await instance.asked(await instance.set_up(), request_id="85d71683-7dac-4762-8120-000000000002")
        await instance.clock.advance(1)
    await other.clock.advance(16.5 * 3600 - 1)
    assert (await other.read(REQUEST, sys_id))["status"] == "Pending"
    await other.clock.advance(1)
    for each in (sys_id, late):
        record = await other.read(REQUEST, each)
        assert (record["status"], record["sys_mod_count"]) == ("TimedOut", "1")


@pytest.mark.long
async def test_a_restarted_server_loses_no_delivery(own_postgresql: Any, blueprint: Blueprint) -> None:
    """While PostgreSQL is down nothing is sent twice and nothing is forgotten; when it is back all goes on."""
    with own_postgresql.database() as url:
        async with running(Settings(database=url), blueprint) as instance:
            instance.console.statuses = [503]
            sys_id = await instance.asked(await instance.set_up())
            await instance.update(REQUEST, sys_id, {"status": "Approve"})
            await instance.clock.settle()

            async def halt() -> None:
                own_postgresql.halt()

            own_postgresql.halt()
            await instance.clock.advance(60)
            assert len(instance.console.decisions) == 1
            own_postgresql.resume()
            instance.console.before_answer = halt
            await instance.clock.advance(60)
            assert len(instance.console.decisions) == 2
            own_postgresql.resume()
            await instance.clock.advance(60)
            assert len(instance.console.decisions) == 2
            assert await _state(instance) == ("delivered", [503, 200])


@pytest.mark.long
async def test_a_server_that_goes_just_when_an_instance_starts(own_postgresql: Any, blueprint: Blueprint) -> None:
    """A database that is gone before an instance serves is told in one line."""
    with own_postgresql.database() as url:
        app = create_app(Settings(database=url), clock=VirtualClock(), ids=Ids(3), blueprint=blueprint)
        own_postgresql.halt()
        with pytest.raises(StartError, match="the database cannot be used: "):
            async with serving(app):
                pass
        own_postgresql.resume()


@pytest.mark.long
async def test_a_locked_file_loses_no_delivery(tmp_path: Path, blueprint: Blueprint) -> None:
    """While a tool has the file locked deliveries and time-outs wait."""
    file = tmp_path / "instance.db"
    async with running(Settings(database=f"sqlite:///{file}"), blueprint) as instance:
        instance.console.statuses = [503]
        await _decided(instance)
        ids = await instance.set_up()
        sys_id = await instance.asked(ids, request_id="85d71683-7dac-4762-8120-000000000002")
        with closing(sqlite3.connect(file, isolation_level=None)) as tool:
            tool.execute("BEGIN IMMEDIATE")
            await instance.clock.advance(60)
            assert len(instance.console.decisions) == 1
        await instance.clock.advance(1)
        assert await _state(instance) == ("delivered", [503, 200])
        await instance.clock.advance(16.5 * 3600 - 62)
        with closing(sqlite3.connect(file, isolation_level=None)) as tool:
            tool.execute("BEGIN IMMEDIATE")
            await instance.clock.advance(5)
            assert (await instance.read(REQUEST, sys_id))["status"] == "Pending"
        await instance.clock.advance(1)
        assert (await instance.read(REQUEST, sys_id))["status"] == "TimedOut"


@pytest.mark.long
async def test_a_file_that_is_locked_just_when_an_instance_starts(tmp_path: Path, blueprint: Blueprint) -> None:
    """What an earlier process left is sent once the file is free."""
    file, clock = tmp_path / "instance.db", VirtualClock()
    settings = Settings(database=f"sqlite:///{file}")
    async with AsyncExitStack() as stack:
        console = StubConsole(statuses=[503])
        console.url = await stack.enter_async_context(serving(console.app()))
        async with running(settings, blueprint) as instance:
            instance.console = console
            await _decided(instance)
        with closing(sqlite3.connect(file, isolation_level=None)) as tool:
            app = create_app(settings, clock=clock, ids=Ids(3), blueprint=blueprint)
            tool.execute("BEGIN IMMEDIATE")
            await stack.enter_async_context(serving(app))
            assert clock.next_due == clock.now() + timedelta(seconds=1)
        await clock.advance(50)
        assert [decision["Comment"] for decision in console.decisions] == ["Fine", "Fine"]
        await clock.aclose()


IMPORT = "/api/now/import/imp_user/insertMultiple"


def _rows(count: int) -> dict[str, Any]:
    return {"records": [{"User ID": f"user{number:02}", "Last name": "Imported"} for number in range(count)]}


async def _imported(instance: Instance) -> int:
    return len(await instance.read("sys_user", query="last_name=Imported"))


async def _sets(instance: Instance) -> list[str]:
    return [each["state"] for each in await instance.read("sys_import_set")]


@pytest.mark.long
async def test_an_import_set_of_a_dead_process_is_transformed_by_another(
    database: str, blueprint: Blueprint, other: Instance
) -> None:
    """Rows that were acknowledged are transformed once the claim of the process that took them has ended."""
    async with running(Settings(database=database), blueprint) as instance:
        assert (await instance.call("POST", IMPORT, json=_rows(3))).status == 201
    await other.clock.advance(9)
    await other.clock.advance(0)
    assert (await _imported(other), await _sets(other)) == (0, ["loaded"])
    await other.clock.advance(1)
    await other.clock.advance(1)
    assert (await _imported(other), await _sets(other)) == (3, ["processed"])


@pytest.mark.long
async def test_an_import_set_is_transformed_by_one_process(
    database: str, blueprint: Blueprint, other: Instance
) -> None:
    """Whoever has loaded the rows transforms them, and then those of the set that was to run after them."""
    async with running(Settings(database=database), blueprint) as instance:
        first = (await instance.call("POST", IMPORT, json=_rows(2))).body["import_set_id"]
        rows = {"records": [{"User ID": "last", "Last name": "Imported"}]}
        later = await instance.call("POST", IMPORT, json=rows, params={"run_after": first})
        assert later.status == 201
        await other.clock.advance(5)
        assert await _imported(other) == 0
        await asyncio.gather(instance.clock.advance(1), other.clock.advance(1))
        await asyncio.gather(instance.clock.advance(1), other.clock.advance(2))
        assert (await _imported(other), await _sets(other)) == (3, ["processed", "processed"])


@pytest.mark.long
async def test_an_import_set_whose_claim_is_lost_is_left_to_the_other(
    database: str, blueprint: Blueprint, other: Instance
) -> None:
    """A process that was away too long goes on with nothing that another one has taken over."""
    async with running(Settings(database=database), blueprint) as instance:
        assert (await instance.call("POST", IMPORT, json=_rows(40))).status == 201
        slow = asyncio.create_task(instance.clock.advance(1))
        while not await _imported(other):
            pass
        await other.clock.advance(30)
        await other.clock.advance(1)
        await slow
        assert (await _imported(other), await _sets(other)) == (40, ["processed"])


@pytest.mark.long
async def test_kill_of_either_process_loses_no_decision(database: str) -> None:
    """Decisions of a process that is killed while its console answers 503 are sent by the one that is left."""
    async with ClientSession() as http, AsyncExitStack() as stack:
        console = StubConsole(statuses=[503])
        console.url = await stack.enter_async_context(serving(console.app(), "127.0.0.1", 0))
        process = await start_command("serve", "--port", "0", "--database", database)
        instance = Instance(await started(process), RealClock(), http, console)
        async with serving_command("--database", database) as url:
            await _decided(instance, **{"Minimum wait time": "00:00:01"})
            process.kill()
            await process.communicate()
            await console.decided.wait()
            instance.url = url
            async with asyncio.timeout(60):
                while (await instance.read(RESPONSE))[0]["response_status_code"] != "200":
                    await asyncio.sleep(0)
    assert [decision["Comment"] for decision in console.decisions] == ["Fine", "Fine"]


@pytest.mark.long
async def test_a_process_ends_while_it_waits_for_a_lock(database: str) -> None:
    """Whatever locks the database, a process that is told to end does so, and complains about nothing."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession(raise_for_status=False))
        patient = f"{database}&options=-clock_timeout=600s"
        process = await start_command("serve", "--port", "0", "--database", patient)
        instance = Instance(await started(process), RealClock(), http, StubConsole())
        other = stack.enter_context(closing(psycopg.connect(database.replace("+psycopg", ""))))
        other.execute("LOCK TABLE task IN EXCLUSIVE MODE")
        waiting = [asyncio.create_task(instance.insert("incident", {})) for _ in range(3)]
        while other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (3,):
            await asyncio.sleep(0)
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (process.returncode, err.decode()) == (0, "")


@pytest.mark.long
async def test_reads_end_with_their_callers(
    database: str, blueprint: Blueprint, caplog: pytest.LogCaptureFixture
) -> None:
    """Others need not wait for them, those that had not begun among them; what has begun to write is written."""
    patient = Settings(database=f"{database}&options=-clock_timeout=600s")
    async with running(patient, blueprint) as instance, AsyncExitStack() as stack:
        session = stack.enter_context(closing(psycopg.connect(database.replace("+psycopg", ""))))
        session.execute("LOCK TABLE task IN ACCESS EXCLUSIVE MODE")
        write = asyncio.create_task(instance.insert("incident", {"short_description": "kept"}))
        while session.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (1,):
            await asyncio.sleep(0)
        # Lists wait for their turn, single records for a thread.
        reads = [asyncio.create_task(instance.read("incident", sys_id)) for sys_id in ("", "0" * 32) for _ in range(20)]
        while session.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (1,):
            await asyncio.sleep(0)
        for each in (write, *reads):
            each.cancel()
        assert (await instance.call("GET", "/api/now/table/sys_user?sysparm_limit=1")).status == 200
        while session.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (1,):
            await asyncio.sleep(0)
        session.rollback()
        assert "kept" in [row["short_description"] for row in await instance.read("incident")]
    assert caplog.text == ""


@pytest.mark.long
async def test_a_request_that_both_processes_get_is_stored_once(
    database: str, blueprint: Blueprint, other: Instance
) -> None:
    """A console that had no answer in time repeats its request, and may reach another process than before."""
    async with running(Settings(database=database), blueprint) as instance, AsyncExitStack() as stack:
        ids = await instance.set_up()
        session = stack.enter_context(closing(psycopg.connect(database.replace("+psycopg", ""))))
        session.execute(f"LOCK TABLE {REQUEST} IN SHARE MODE")
        asking = [asyncio.create_task(each.ask(ids)) for each in (instance, other)]
        while session.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (2,):
            await asyncio.sleep(0)
        session.rollback()
        first, second = await asyncio.gather(*asking)
        assert (first.status, second.status) == (201, 201)
        assert first.result == second.result
        assert len(await instance.read(REQUEST)) == 1


@pytest.mark.long
async def test_guesses_at_the_same_time_are_all_counted(database: str, blueprint: Blueprint, other: Instance) -> None:
    """Whoever guesses a password by both processes has no more guesses than by one."""
    async with running(Settings(database=database), blueprint) as instance, AsyncExitStack() as stack:
        name, _ = await instance.add_user("ann")
        assert (await instance.call("GET", "/api/now/table/incident", (name, "a guess"))).status == 401
        session = stack.enter_context(closing(psycopg.connect(database.replace("+psycopg", ""))))
        session.execute("SELECT 1 FROM sys_user WHERE user_name = 'ann' FOR UPDATE")
        guesses = [
            asyncio.create_task(each.call("GET", "/api/now/table/incident", (name, "a guess")))
            for each in (instance, other, instance, other, instance)
        ]
        while session.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (5,):
            await asyncio.sleep(0)
        session.rollback()
        assert {answer.status for answer in await asyncio.gather(*guesses)} == {401}
        (user,) = await instance.read("sys_user", query="user_name=ann")
        assert (user["failed_attempts"], user["locked_out"]) == ("5", "true")


async def _log_in(instance: Instance, name: str) -> dict[str, str]:
    """Return the cookie of a session of a user."""
    headers = {"Authorization": encode_basic_auth(name, "pass-word")}
    async with instance.http.get(f"{instance.url}/api/now/table/incident?sysparm_limit=1", headers=headers) as answer:
        return {"Cookie": f"JSESSIONID={answer.cookies['JSESSIONID'].value}"}


@pytest.mark.long
async def test_a_reset_by_another_process_ends_sessions(database: str, blueprint: Blueprint, other: Instance) -> None:
    """They let nobody in as a later user who has the sys_id of the one that they were opened for."""
    async with running(Settings(database=database), blueprint) as instance:
        user = {"sys_id": "1" * 32, "user_name": "ann", "user_password": "pass-word"}
        create = "/api/now/table/sys_user?sysparm_input_display_value=true"
        assert (await instance.call("POST", create, json=user)).status == 201
        session = await _log_in(instance, "ann")
        page = await instance.call("GET", "/incident_list.do", None, headers=session, allow_redirects=False)
        assert page.status == 200
        assert (await other.call("POST", "/__admin/reset", None)).status == 204
        assert (await other.call("POST", create, json=user | {"user_name": "bob"})).status == 201
        page = await instance.call("GET", "/incident_list.do", None, headers=session, allow_redirects=False)
        assert page.status == 303


@pytest.mark.long
async def test_a_reset_by_another_process_ends_batches(database: str, blueprint: Blueprint, other: Instance) -> None:
    """What is left of them writes nothing into the new rows."""
    body = b64encode(b'{"short_description": "of a batch"}').decode()
    headers = [{"name": "Content-Type", "value": "application/json"}]
    create = {"method": "POST", "url": "/api/now/table/incident", "headers": headers, "body": body}
    items = [{"id": str(number), **create} for number in range(200)]
    async with running(Settings(database=database), blueprint) as instance:
        asked = {"batch_request_id": "1", "rest_requests": items}
        batch = asyncio.create_task(instance.call("POST", "/api/now/v1/batch", json=asked))
        while not await other.read("incident", query="short_description=of a batch"):
            pass
        assert (await other.call("POST", "/__admin/reset", None)).status == 204
        statuses = [each["status_code"] for each in (await batch).body["serviced_requests"]]
        assert (statuses[0], statuses[-1]) == (201, 401)
        assert len(await other.read("incident", query="short_description=of a batch")) <= 1


@pytest.mark.long
async def test_a_reset_brings_no_default_password(database: str, other: Instance) -> None:
    """A process that knows no password leaves the one that another has started with."""
    another = Settings(database=database, password="another")
    async with running(another) as instance:
        assert (await other.call("POST", "/__admin/reset", None)).status == 204
        for name in ("admin", "privman.approver"):
            for password, status in (("another", 200), ("admin", 401)):
                assert (await instance.call("GET", "/api/now/table/incident", (name, password))).status == status
