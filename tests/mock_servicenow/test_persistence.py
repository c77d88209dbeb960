import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import ClientError, ClientSession

from mock_servicenow.app import Blueprint
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.serving import serving

from .command import serving_command, start_command, started
from .conftest import CLIENT_ID, CONFIGURATION, GUID, REQUEST, RESPONSE, Instance, StubConsole, running

PROBLEM = "/api/now/table/problem"


async def _insert_until_killed(instance: Instance, process: Any, kill_after: int) -> list[str]:
    """Insert as fast as it goes, kill the process on the way, and return what was acknowledged."""
    acknowledged: list[str] = []

    async def insert() -> None:
        while True:
            answer = await instance.call("POST", PROBLEM, json={"short_description": "x"})
            assert answer.status == 201
            acknowledged.append(answer.result["sys_id"])
            if len(acknowledged) == kill_after:
                process.kill()

    results = await asyncio.gather(*(insert() for _ in range(4)), return_exceptions=True)
    assert all(isinstance(result, ClientError) for result in results), results
    await process.communicate()
    return acknowledged


@pytest.mark.long
@pytest.mark.parametrize("kill_after", [1, 20, 57])
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, kill_after: int) -> None:
    """A file store loses nothing acknowledged when its process is killed with -9 at any moment."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    async with ClientSession() as http:
        process = await start_command("serve", "--port", "0", "--database", database)
        instance = Instance(await started(process), RealClock(), http, StubConsole())
        acknowledged = await _insert_until_killed(instance, process, kill_after)
        async with serving_command("--database", database) as instance.url:
            kept = await instance.call("GET", PROBLEM, params={"sysparm_fields": "sys_id,number"})
            assert {row["sys_id"] for row in kept.result} >= set(acknowledged)
            numbers = [row["number"] for row in kept.result]
            assert len(set(numbers)) == len(numbers)


async def _approve(instance: Instance, wait: str) -> None:
    """Approve a request of a console that has its decisions repeated after this time."""
    instance_id = await instance.register(**{"Minimum wait time": wait})
    sys_id = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
    assert (await instance.update(REQUEST, sys_id, {"status": "Approve"})).status == 200


async def _until_recorded(instance: Instance, status: str = "200") -> None:
    """Wait until the only response shows that the console has answered this."""
    async with asyncio.timeout(30):
        while [row["response_status_code"] for row in await instance.read(RESPONSE)] != [status]:
            await asyncio.sleep(0)


@pytest.mark.long
async def test_acknowledged_decision_is_delivered_after_a_kill(tmp_path: Path) -> None:
    """A decision acknowledged before a kill reaches the console after the restart."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    async with ClientSession() as http, AsyncExitStack() as stack:
        console = StubConsole(statuses=[503] * 2)
        console.url = await stack.enter_async_context(serving(console.app(), "127.0.0.1", 0))
        process = await start_command("serve", "--port", "0", "--database", database)
        instance = Instance(await started(process), RealClock(), http, console)
        await _approve(instance, wait="00:00:01")
        process.kill()
        await process.communicate()
        async with serving_command("--database", database) as instance.url:
            await console.decided.wait()
            await _until_recorded(instance)
    assert console.decisions[-1]["Response"] == "Approve"


@pytest.mark.long
async def test_a_decision_made_by_a_clock_ahead_is_delivered(tmp_path: Path) -> None:
    """A retry waits as long as it was to wait, although the clock has been set back by months meanwhile."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    async with ClientSession() as http, AsyncExitStack() as stack:
        console = StubConsole(statuses=[503])
        console.url = await stack.enter_async_context(serving(console.app(), "127.0.0.1", 0))
        instance = Instance("", RealClock(), http, console)
        async with serving_command("--database", database) as instance.url:
            await _approve(instance, wait="01:00:00")
            await _until_recorded(instance, "503")
        # Virtual time begins months before the real one.
        async with serving_command("--database", database, "--clock", "virtual") as instance.url:
            for seconds, decisions in ((3_000, 1), (1_000, 2)):
                await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": seconds})
                assert len(console.decisions) == decisions
            (delivery,) = (await instance.call("GET", "/__admin/deliveries", None)).body["deliveries"]
            assert (delivery["state"], len(delivery["attempts"])) == ("delivered", 2)


@pytest.mark.long
async def test_a_claim_made_by_a_clock_ahead_has_ended(postgresql: Any) -> None:
    """A process that died while its clock was years ahead keeps no other one from sending what it had claimed."""
    async with ClientSession() as http, AsyncExitStack() as stack:
        database = stack.enter_context(postgresql.database())
        console = StubConsole(statuses=[503])
        console.url = await stack.enter_async_context(serving(console.app(), "127.0.0.1", 0))
        instance = Instance("", RealClock(), http, console)
        instance.url = await stack.enter_async_context(serving_command("--database", database))
        await _approve(instance, wait="01:00:00")
        await _until_recorded(instance, "503")
        engine = sa.create_engine(database)
        stack.callback(engine.dispose)
        with engine.begin() as connection:
            claimed = f"UPDATE {RESPONSE}_delivery SET due = 1, owner = 'gone', leased_until = 4000000000000000"  # noqa: S608
            connection.execute(sa.text(claimed))
        await _until_recorded(instance)


@pytest.mark.long
async def test_restarted_instance_times_requests_out(tmp_path: Path) -> None:
    """A request whose time was up while the instance was down has timed out when it is back."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    async with ClientSession() as http:
        instance = Instance("", RealClock(), http, StubConsole())
        async with serving_command("--database", database, "--clock", "virtual") as instance.url:
            sys_id = await instance.asked(await instance.set_up())
        # Virtual time begins months before the real one.
        async with serving_command("--database", database) as instance.url:
            assert (await instance.read(REQUEST, sys_id))["status"] == "TimedOut"


@pytest.mark.long
async def test_a_request_made_by_a_clock_ahead_times_out(tmp_path: Path, blueprint: Blueprint) -> None:
    """It waits its max timeout from the start on by which the clock has been set back, also where a rule delays it."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    async with running(settings, blueprint) as instance:
        ids = await instance.set_up(max_timeout="01:00:00")
        await instance.clock.advance(3 * 365 * 86_400)
        sys_ids = [await instance.asked(ids, request_id=f"{GUID[:-1]}{number}") for number in range(3)]
        assert (await instance.update(REQUEST, sys_ids[2], {"status": "Approve"})).status == 200
        stay = {"name": "Stay", "collection": REQUEST, "when": "before", "action_update": "true"}
        stay |= {"abort_action": "true", "filter_condition": f"request_id={GUID[:-1]}1"}
        rule = (await instance.insert("sys_script", stay)).result["sys_id"]
    async with running(settings, blueprint) as instance:

        async def statuses_after(seconds: float) -> list[str]:
            await instance.clock.advance(seconds)
            return [(await instance.read(REQUEST, sys_id))["status"] for sys_id in sys_ids]

        assert await statuses_after(3_599) == ["Pending", "Pending", "Approve"]
        assert await statuses_after(1) == ["TimedOut", "Pending", "Approve"]
        await instance.call("DELETE", f"/api/now/table/sys_script/{rule}")
        assert await statuses_after(60) == ["TimedOut", "TimedOut", "Approve"]


@pytest.mark.long
async def test_two_processes_share_one_instance(postgresql: Any) -> None:
    """Two processes may start at once on an empty PostgreSQL database, and of racing decisions exactly one is taken."""
    async with ClientSession() as http, AsyncExitStack() as stack:
        database = stack.enter_context(postgresql.database())
        console = StubConsole()
        console.url = await stack.enter_async_context(serving(console.app(), "127.0.0.1", 0))
        starting = [stack.enter_async_context(serving_command("--database", database)) for _ in range(2)]
        urls = await asyncio.gather(*starting)
        first, second = (Instance(url, RealClock(), http, console) for url in urls)
        ids = await first.set_up()
        for turn in range(25):
            sys_id = await first.asked(ids, request_id=f"85d71683-7dac-4762-8120-{turn:012x}")
            racing = [
                side.update(REQUEST, sys_id, {"status": word})
                for side in (first, second)
                for word in ("Approve", "Deny")
            ]
            statuses = [answer.status for answer in await asyncio.gather(*racing)]
            assert sorted(statuses) == [200, 403, 403, 403]
        assert len(await second.read(RESPONSE)) == 25


@pytest.mark.long
async def test_what_an_earlier_process_was_told_stays_masked(tmp_path: Path) -> None:
    """A Client Id that the Table API shows is in full in no journal, after a restart either."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    async with ClientSession() as http:
        async with serving_command("--database", database) as url:
            instance = Instance(url, RealClock(), http, StubConsole(url="http://console.example"))
            await instance.insert(CONFIGURATION, {"instance_metadata": "no pairs"})
            instance_id = await instance.register()
        async with serving_command("--database", database) as instance.url:
            assert CLIENT_ID in (await instance.read(CONFIGURATION, instance_id))["instance_metadata"]
            journal = await instance.call("GET", "/__admin/requests", None)
    assert [each["url"] for each in journal.body["requests"]] == [f"/api/now/table/{CONFIGURATION}/{instance_id}"]
    assert CLIENT_ID not in str(journal.body)
