"""A shared instance is left as it was found, and what stays is named."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest
from aiohttp import web

from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.language import known
from privman_scenarios.language.known import TABLES
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.own_records import NotOwnError
from privman_scenarios.playing.reaching import Registration
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world import World
from privman_scenarios.playing.world_builder import WorldBuilder

from .stub_console import StubConsole
from .stub_instance import ACTIVITY_TYPE, CONFIGURATION, REQUEST, RESPONSE, StubInstance
from .targets import play, scenarios

REGISTERED, FIRST, SECOND = "c" * 32, "1" * 32, "2" * 32


async def test_a_real_instance_is_left_as_it_was(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Users, registration, activity type, requests and responses that a scenario made are deleted again."""
    await play(stub[1], scenarios("approve"))
    left = {table: rows for table, rows in stub[0].tables.items() if rows}
    assert list(left) == ["sys_user_role"]
    assert stub[0].deleted == 6


async def leave(worlds: WorldBuilder, work: Callable[[World], Awaitable[None]]) -> None:
    """Do something in a world, and leave it."""
    async with worlds.open() as world:
        await work(world)


async def insert_request(world: World, request_id: str) -> None:
    """Insert a request that names a registration of somebody else."""
    await world.servicenow.insert("request", {"request_id": request_id, "instance_id": REGISTERED})


async def test_the_response_to_an_inserted_request_is_deleted(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Its request_id was drawn by this run, so it is nobody else's."""
    stub[0].tables[CONFIGURATION] = [{"sys_id": REGISTERED, "instance_metadata": "{}"}]
    async with stub[1].open() as world:
        request_id = world.servicenow.draw_request_id()
        await insert_request(world, request_id)
        stub[0].tables[RESPONSE] = [{"sys_id": FIRST, "request_id": request_id}, {"sys_id": SECOND, "request_id": "g2"}]
    kept = {table: len(rows) for table, rows in stub[0].tables.items() if rows}
    assert kept == {"sys_user_role": 1, CONFIGURATION: 1, RESPONSE: 1}


async def test_a_response_that_may_be_of_another_run_is_named_and_stays(
    stub: tuple[StubInstance, WorldBuilder],
) -> None:
    """Two runs of one scenario may insert the same request_id, when a file has it."""
    wanted = rf"keeps records of this run: /api/now/table/{RESPONSE}/{FIRST} \(perhaps of another run"

    async def insert(world: World) -> None:
        await insert_request(world, "g1")
        stub[0].tables[RESPONSE] = [{"sys_id": FIRST, "request_id": "g1"}]

    with pytest.raises(TargetUnreachableError, match=wanted):
        await leave(stub[1], insert)
    assert (len(stub[0].tables[RESPONSE]), stub[0].tables[REQUEST]) == (1, [])


async def test_more_records_than_were_created_stop_the_cleanup(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Nothing is deleted by a query that finds more than this run can have made."""
    wanted = rf"cannot be cleaned up: expected at most 1 records of {RESPONSE} with request_id '[^']+', as many as"

    async def insert(world: World) -> None:
        request_id = world.servicenow.draw_request_id()
        await insert_request(world, request_id)
        stub[0].tables[RESPONSE] = [{"sys_id": each, "request_id": request_id} for each in (FIRST, SECOND)]

    with pytest.raises(TargetUnreachableError, match=wanted):
        await leave(stub[1], insert)
    assert (len(stub[0].tables[RESPONSE]), len(stub[0].tables[REQUEST]), stub[0].deleted) == (2, 1, 0)


@pytest.mark.parametrize("sys_id", [REGISTERED, "../incident/1", "", "1" * 31, "G" * 32, f"{FIRST}?x", 7, None])
async def test_a_sys_id_that_is_not_of_the_creation_is_never_deleted(
    sys_id: object, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """An instance may answer a creation with anything: what it names is read and compared before it is touched."""
    stub[0].tables[CONFIGURATION] = [{"sys_id": REGISTERED, "instance_metadata": "{}"}]
    stub[0].tables["sys_user"] = [{"sys_id": REGISTERED, "user_name": "somebody.else"}]
    stub[0].answered_sys_id = [sys_id]
    with suppress(TargetUnreachableError, ExpectationError):
        async with stub[1].open() as world:
            await world.servicenow.create_user("scenario.user", [])
    assert stub[0].deleted == 0
    assert stub[0].tables["sys_user"][0] == {"sys_id": REGISTERED, "user_name": "somebody.else"}


async def test_only_records_of_this_run_are_changed(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Neither by their sys_id, nor by one that leads elsewhere, nor by a request that hides its method."""
    other = {"sys_id": FIRST, "request_id": "g1", "comment": ""}
    stub[0].tables[REQUEST] = [dict(other)]
    async with stub[1].open() as world:
        servicenow = world.servicenow
        for sys_id in (FIRST, f"../{REQUEST}/{FIRST}", ""):
            with pytest.raises(NotOwnError):
                await servicenow.update("request", sys_id, {"comment": "changed"}, servicenow.admin)
            with pytest.raises(NotOwnError):
                await servicenow.delete("request", sys_id, servicenow.admin)
        with pytest.raises(ExpectationError, match="the request g1 in ServiceNow"):
            await servicenow.decide("g1", "Approve", {})
        path = f"/api/now/table/{REQUEST}/{FIRST}"
        for method in ("DELETE", "PATCH", "PUT", "delete"):
            with pytest.raises(ExpectationError, match="no request that may change what others have"):
                await servicenow.api.call(method, path, {}, auth=servicenow.admin)
        for tunnel in ({"X-HTTP-Method-Override": "DELETE"}, {"x-http-method": "DELETE"}):
            with pytest.raises(ExpectationError, match="no request that may change what others have"):
                await servicenow.api.call("POST", path, {}, auth=servicenow.admin, headers=tunnel)
        for elsewhere in ("/api/now/v1/batch", "/%5F_admin/reset", "/__admin/reset"):
            with pytest.raises(ExpectationError, match="no request that may change what others have"):
                await servicenow.api.call("POST", elsewhere, {}, auth=servicenow.admin)
        with pytest.raises(ExpectationError, match="a path that begins with /"):
            await servicenow.api.call("GET", "@elsewhere.example/", auth=servicenow.admin)
    assert stub[0].tables[REQUEST] == [other]


async def test_a_record_of_this_run_may_be_changed_and_deleted(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """By a step of a scenario, before the run deletes what it has created."""
    async with stub[1].open() as world:
        servicenow = world.servicenow
        created = await servicenow.insert("activity_type", {"name": "a", "description": "x"})
        sys_id = created.json["result"]["sys_id"]
        changed = await servicenow.update("activity_type", sys_id, {"description": "y"}, servicenow.admin)
        assert changed.json["result"]["description"] == "y"
        assert (await servicenow.delete("activity_type", sys_id, servicenow.admin)).status == 204
    assert stub[0].deleted == 1


async def test_what_a_console_may_have_created_is_named(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """An answer to the console names no record: nobody knows what to delete."""

    async def set_up(world: World) -> None:
        stub[0].answered_sys_id = ["none"]
        await world.set_up({})

    with pytest.raises(TargetUnreachableError, match=r"perhaps created, but no answer names the record"):
        await leave(stub[1], set_up)


async def test_a_record_that_was_changed_into_another_stays(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """What no longer shows what this run sent may be somebody else's by now: it is named."""

    async def rename(world: World) -> None:
        await world.servicenow.create_user("scenario.user", [])
        stub[0].tables["sys_user"][0]["user_name"] = "renamed"

    with pytest.raises(
        TargetUnreachableError, match=r"its user_name is 'renamed', and this run sent 'scenario.user[.]"
    ):
        await leave(stub[1], rename)
    assert len(stub[0].tables["sys_user"]) == 1


async def test_a_record_that_is_gone_needs_no_deletion(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Somebody else has tidied up already."""
    async with stub[1].open() as world:
        await world.servicenow.create_user("scenario.user", [])
        stub[0].tables["sys_user"].clear()
    assert stub[0].deleted == 0


async def test_what_others_have_in_an_instance_stays(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Not even where an instance ignores what it is asked for is a row deleted that was there before."""
    stub[0].deaf = True
    others = {
        CONFIGURATION: [{"sys_id": REGISTERED, "instance_metadata": '{"Token Url": "https://other.example/Tms"}'}],
        REQUEST: [{"sys_id": FIRST, "instance_id": REGISTERED, "request_id": "g1", "status": "Pending"}],
        RESPONSE: [{"sys_id": SECOND, "request_id": "g1", "response": "Deny"}],
    }
    stub[0].tables.update(deepcopy(others))
    await play(stub[1], scenarios("deny", "setup-saved-again"))
    assert {table: stub[0].tables[table] for table in others} == others


async def test_a_registration_of_a_colleague_stays(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """It names the console's address, but no answer to this run's console has named it."""
    async with stub[1].open() as world:
        await world.set_up({})
        metadata = f'{{"Token Url": "{world.console.url}/Tms/services/api/logon/token"}}'
        colleagues = {"sys_id": REGISTERED, "instance_metadata": metadata}
        stub[0].tables[CONFIGURATION].append(colleagues)
    assert stub[0].tables[CONFIGURATION] == [colleagues]


async def test_what_the_console_did_before_its_journal_was_emptied_is_deleted(
    stub: tuple[StubInstance, WorldBuilder],
) -> None:
    """A test may empty the journal at any time."""
    async with stub[1].open() as world:
        await world.set_up({})
        await world.console.control.forget_journal()
    assert [table for table, rows in stub[0].tables.items() if rows] == ["sys_user_role"]


async def test_what_cannot_be_deleted_is_named(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """An instance that keeps what a scenario made ends the run before more is made."""
    stub[0].kept = {"sys_user"}
    wanted = r"^http://[\d.:]+ keeps records of this run: /api/now/table/sys_user/[0-9a-f]{32} \(DELETE .* -> 403"
    with pytest.raises(TargetUnreachableError, match=wanted):
        await play(stub[1], scenarios("approve", "deny"))


async def test_an_instance_that_breaks_down_meanwhile(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Each record that it may still hold is named."""

    async def create(world: World) -> None:
        await world.servicenow.create_user("scenario.user", [])
        stub[0].broken = True

    wanted = r"^http://[\d.:]+ keeps records of this run: /api/now/table/sys_user/\w+ \(it cannot be read: .* -> 500"
    with pytest.raises(TargetUnreachableError, match=wanted):
        await leave(stub[1], create)


async def test_an_instance_that_does_not_list_responses_meanwhile(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whether a response follows from a decision is not known then."""

    async def draw(world: World) -> None:
        world.servicenow.draw_request_id()
        stub[0].broken = True

    with pytest.raises(TargetUnreachableError, match=r"^http://[\d.:]+ cannot be cleaned up: .* GET /api/.* -> 500"):
        await leave(stub[1], draw)


NOT_THERE = [web.HTTPBadRequest, web.HTTPForbidden, web.HTTPNotFound]


@pytest.mark.long
@pytest.mark.parametrize("answer", NOT_THERE)
@pytest.mark.parametrize("table", TABLES)
async def test_a_table_that_is_not_there_fails_the_steps_that_need_it(
    table: str, answer: type[web.HTTPError], stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """The run goes on, deletes what it created in the other tables, and says once which table is not listed."""
    wire = known.names().table(table)
    stub[0].lacking = {wire: answer}
    both = await play(stub[1], scenarios("approve", "deny"))
    of_round_trip = wire in (CONFIGURATION, ACTIVITY_TYPE, REQUEST, RESPONSE)
    assert [each.outcome for each in both] == ["failed" if of_round_trip else "passed"] * 2
    assert not any(rows for name, rows in stub[0].tables.items() if name not in ("sys_user_role", wire))
    assert list(stub[1].unlisted) == [f"{stub[0].url} does not list {wire}, so nothing is deleted there"]


@pytest.mark.long
@pytest.mark.parametrize("answer", NOT_THERE)
def test_reports_name_a_table_that_is_not_there(
    answer: type[web.HTTPError],
    privman_loop: LoopThread,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Scenarios that need other tables only pass."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "s3cret")
    instance = StubInstance()
    instance.lacking = {RESPONSE: answer}
    scenario, junit, page, report = (tmp_path / name for name in ("pending.yaml", "j.xml", "h.html", "r.json"))
    scenario.write_text("title: T\nsteps:\n- console.ask:\n- console.expect-approval: Pending\n", encoding="utf-8")
    served = serving(instance.app())
    url = privman_loop.run(served.__aenter__())
    target = ["--servicenow-url", url, "--servicenow-user", "integration", "--quiet-time", "0"]
    files = ["--junit-xml", str(junit), "--html", str(page), "--json", str(report)]
    assert main(["run", str(scenario), *target, *files]) == 0
    privman_loop.run(served.__aexit__(None, None, None))
    said = f"{url} does not list {RESPONSE}, so nothing is deleted there"
    assert capsys.readouterr().out.count(said) == 1
    assert json.loads(report.read_text())["remarks"] == [said]
    assert all(said in each.read_text() for each in (junit, page))
    assert [table for table, rows in instance.tables.items() if rows] == ["sys_user_role"]


async def test_a_record_in_a_table_that_is_not_listed_is_named_and_stays(
    stub: tuple[StubInstance, WorldBuilder],
) -> None:
    """Nobody can tell whether it was there before."""
    stub[0].hidden = {ACTIVITY_TYPE}

    async def insert(world: World) -> None:
        await world.servicenow.insert("activity_type", {"name": "a"})

    wanted = rf"keeps records of this run: /api/now/table/{ACTIVITY_TYPE}/\w+ \(it may have been there before this run"
    with pytest.raises(TargetUnreachableError, match=wanted):
        await leave(stub[1], insert)
    assert len(stub[0].tables[ACTIVITY_TYPE]) == 1


async def test_an_instance_without_any_of_the_tables(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """The app is not installed, so nothing can be played."""
    stub[0].hidden = {known.names().table(table) for table in TABLES}
    with pytest.raises(TargetUnreachableError, match=r"does not list its records: GET /api/.* -> 403"):
        await play(stub[1], scenarios("deny"))


@pytest.mark.parametrize("table", [CONFIGURATION, ACTIVITY_TYPE])
async def test_a_real_console_whose_registration_nobody_may_see(table: str) -> None:
    """Its registration must be known; its activity type may be unknown."""
    instance = StubInstance()
    instance.hidden = {table}
    async with serving(instance.app()) as url, serving(StubConsole().app()) as console:
        metadata = f'{{"Token Url": "{console}/Tms/services/api/logon/token"}}'
        instance.tables[CONFIGURATION] = [{"sys_id": REGISTERED, "instance_metadata": metadata}]
        worlds = WorldBuilder(0, servicenow=Target(url, Credentials("integration", "s3cret")), console=Target(console))
        if table == CONFIGURATION:
            with pytest.raises(TargetUnreachableError, match=r"does not list its records: GET /api/.* -> 403"):
                await play(worlds, scenarios("deny"))
        else:
            async with worlds.open() as world:
                assert world.registration == Registration(REGISTERED, "")


async def test_what_follows_from_a_decision_in_the_background_is_deleted(
    stub: tuple[StubInstance, WorldBuilder],
) -> None:
    """The scenario ends with the decision; the instance delivers it, and writes the response, a little later."""
    stub[0].answering = 1
    text = "title: T\nsteps:\n- console.ask:\n- console.expect-approval: Pending\n- servicenow.approve:\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert (ended.outcome, stub[0].answering) == ("passed", 0)
    assert [table for table, rows in stub[0].tables.items() if rows] == ["sys_user_role"]


async def test_what_never_follows_from_a_decision_is_not_waited_for_long(
    stub: tuple[StubInstance, WorldBuilder],
) -> None:
    """Whether the instance writes a response is its own affair."""
    stub[0].answering = 1_000
    (ended,) = await play(stub[1], scenarios("deny"))
    assert ended.failure is not None
    assert [table for table, rows in stub[0].tables.items() if rows] == ["sys_user_role"]
