"""Either end real: an independent stub stands for a ServiceNow instance without a control plane."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import nullcontext, suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from privman_core.clock import RealClock
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.analysis.exploration import Exploration, VariationRunner
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.language.loader import Loader, catalog_files
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import Event, ScenarioEnded, StepPassed
from privman_scenarios.playing.own_records import NotOwnError
from privman_scenarios.playing.processes import Player
from privman_scenarios.playing.reaching import Registration
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world import World
from privman_scenarios.playing.world_builder import Target, WorldBuilder, fresh_console

from .stub_console import StubConsole
from .stub_instance import ACTIVITY_TYPE, CONFIGURATION, REQUEST, RESPONSE, StubInstance, as_stored

REGISTERED, FIRST, SECOND = "c" * 32, "1" * 32, "2" * 32


class Hurried(RealClock):
    """A clock on which waiting takes no time."""

    async def sleep(self, seconds: float) -> None:
        """Return at once."""


def scenarios(*files: str) -> list[Scenario]:
    """Return the scenarios of these files of the catalog."""
    return Loader(vocabulary()).load([path for path in catalog_files() if path.stem in files])


class Eventful(Hurried):
    """A hurried clock on which something happens in a certain second."""

    def __init__(self, second: int, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._second = second
        self._happens = happens

    async def sleep(self, seconds: float) -> None:
        """Return at once, but for what happens."""
        self._second -= int(seconds)
        if not self._second:
            await self._happens()


async def play(worlds: WorldBuilder, played: Sequence[Scenario], clock: RealClock | None = None) -> list[ScenarioEnded]:
    """Play the scenarios and return how each ended."""
    events: list[Event] = []
    await Engine(vocabulary(), worlds, [events.append], clock or Hurried()).run(played, 0)
    return [event for event in events if isinstance(event, ScenarioEnded)]


@pytest.fixture
async def stub() -> AsyncIterator[tuple[StubInstance, WorldBuilder]]:
    """Return a stub instance that is being served, and worlds of it and a console of ours."""
    instance = StubInstance()
    async with serving(instance.app()) as instance.url:
        yield instance, WorldBuilder(0, servicenow=Target(instance.url, "integration", "s3cret"), pauses=Hurried())


async def test_the_catalog_plays_against_a_real_instance(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """What needs neither virtual time nor faults is played as it stands."""
    ended = await play(stub[1], scenarios("approve", "deny", "decision-with-comment-and-duration", "setup-every-step"))
    assert [(each.outcome, each.failure) for each in ended] == [("passed", None)] * 7


async def test_what_a_target_cannot_do_is_skipped_with_its_reason(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Never called passed: the reason names step, line and what is missing."""
    faulty, timeout = await play(stub[1], scenarios("timeout", "request-answer-lost"))
    assert (timeout.outcome, faulty.outcome) == ("skipped", "skipped")
    assert timeout.reason.startswith("clock.advance in line 8 needs a virtual time: http://127.0.0.1:")
    assert timeout.reason.endswith(" keeps real time")
    assert faulty.reason.startswith("servicenow.fault in line 6 needs a servicenow control plane: http://")
    assert faulty.reason.endswith(" has none")


async def test_a_shared_instance_gets_no_request_that_leaves_something(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whatever a call would create, change or delete, nobody could tidy up; calls that read are played."""
    (deleting,) = await play(stub[1], own_scenario("servicenow.delete: {table: response, sys_id: x}"))
    (posting,) = await play(stub[1], own_scenario("servicenow.call: {method: POST, path: /api/now/table/sys_user}"))
    read = "servicenow.call: {path: /api/now/table/sys_user, by: administrator}"
    (reading,) = await play(stub[1], own_scenario(read))
    for each, verb in ((deleting, "delete"), (posting, "call")):
        reason = f"servicenow.{verb} in line 4 needs a instance of its own: others may use {stub[0].url}"
        assert (each.outcome, each.reason) == ("skipped", reason)
    assert reading.outcome == "passed"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_console_of_others_gets_no_request_that_changes_something(method: str) -> None:
    """As an instance gets none: its users decide what is approved."""
    async with fresh_console() as console:
        worlds = WorldBuilder(0, console=console)
        call = f"console.call: {{method: {method}, path: /Tms/services/api/v1/approval/approve, status: 401}}"
        (ended,) = await play(worlds, own_scenario(call))
        reason = f"console.call in line 4 needs a console of its own: others may use {console.url}"
        assert (ended.outcome, ended.reason) == ("skipped", reason)
        (reading,) = await play(worlds, own_scenario("console.call: /Tms/services/api/v1/version/Current"))
        assert reading.outcome == "passed"
        (own,) = await play(WorldBuilder(0, console=console, reset=True), own_scenario(call))
        assert own.outcome != "skipped"


async def test_a_shared_instance_gets_no_request_id_that_every_run_writes(
    stub: tuple[StubInstance, WorldBuilder],
) -> None:
    """Another run may have written it there before, so that its record would be taken for this run's."""
    insert = "servicenow.insert: {table: response, values: {request_id: %s, response: Deny}}"
    (literal,) = await play(stub[1], own_scenario(insert % "85d71683-7dac-4762-8120-76a9a564fdc1"))
    (drawn,) = await play(stub[1], own_scenario(insert % '"${new_guid}"'))
    needed = "servicenow.insert in line 4 needs a request_id of its own"
    reason = f"{needed}: others may use {stub[0].url}, so write ${{new_guid}}"
    assert (literal.outcome, literal.reason) == ("skipped", reason)
    assert drawn.outcome != "skipped"


async def test_a_second_console_is_started_beside_our_own(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Not beside one that already runs."""
    async with stub[1].open() as world:
        assert (await world.another_console()).url not in (world.console.url, world.servicenow.url)
    async with fresh_console() as console:
        worlds = WorldBuilder(0, console=console)
        (ended,) = await play(worlds, own_scenario("console.use: second"))
        assert ended.reason == f"console.use in line 4 needs a second console: none is started beside {console.url}"
        async with worlds.open() as world:
            with pytest.raises(ExpectationError, match="a second console"):
                await world.another_console()


async def test_a_dry_run_sends_nothing_to_either_party(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """A fake takes the place of each address that was given."""
    instance = Target(stub[0].url, "integration", "s3cret")
    check = "servicenow.call: {path: /api/now/table/nothing, unknown_path: true, by: '', status: 401}"
    steps = f"servicenow.create-user: {{name: other, roles: []}}\n- {check}"
    async with fresh_console() as console:
        for servicenow in (instance, None):
            worlds = WorldBuilder(0, servicenow=servicenow, console=console, dry_run=True)
            (ended,) = await play(worlds, own_scenario(steps))
            assert (ended.outcome, ended.failure, ended.reason) == ("passed", None, "")
        async with WorldBuilder(0, console=console, reset=True).open() as world:
            assert {each["method"] for each in await world.console.control.journal()} == {"GET"}
    assert [table for table, rows in stub[0].tables.items() if rows] == ["sys_user_role"]


def own_scenario(step: str) -> list[Scenario]:
    """Return a scenario of one step."""
    return list(Loader(vocabulary()).parse(f"title: T\ngiven: nothing\nsteps:\n- {step}\n", "t.yaml"))


async def test_invariants_are_asked_only_where_they_can_be_seen(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whoever has no journal cannot tell what it was sent: the scenario is skipped, whatever its steps need."""
    (approve,) = scenarios("approve")
    (ended,) = await play(stub[1], [replace(approve, check="invariants")])
    assert ended.outcome == "skipped"
    assert ended.reason.startswith("the invariants need a servicenow control plane: http://")


async def test_variations_are_skipped_where_they_cannot_be_judged(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """The scenario passes; that it is not swept is said once, with the reason, and nothing is called varied."""
    told: list[Event] = []
    worlds = WorldBuilder(0, servicenow=Target(stub[0].url, "integration", "s3cret"), pauses=Hurried(), quiet_time=0)
    exploration = Exploration(VariationRunner(Player(worlds), sweep=True), [told.append], RealClock(), 1)
    ended = await asyncio.to_thread(exploration.run, scenarios("approve"), 0)
    assert (ended.passed, ended.failed, ended.skipped, exploration.varied) == (1, 0, 1, 0)
    (_, skipped) = (event for event in told if isinstance(event, ScenarioEnded))
    assert skipped.reason.startswith("the invariants need a servicenow control plane: http://")


def test_what_already_runs_is_played_on_by_one_at_a_time() -> None:
    """Worlds that are started for a scenario do not know of each other; one that runs is shared by all."""
    assert WorldBuilder(0).at_a_time(4) == 4
    assert WorldBuilder(0, console=Target("http://127.0.0.1:1")).at_a_time(4) == 1
    assert WorldBuilder(0, servicenow=Target("http://127.0.0.1:1")).at_a_time(4) == 1


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


@pytest.mark.parametrize("real", [True, False])
async def test_an_instance_whose_registrations_nobody_may_see(*, real: bool) -> None:
    """Nothing is begun where nothing could be cleaned up, or found, whichever console there is."""
    instance = StubInstance()
    instance.hidden = {CONFIGURATION}
    async with serving(instance.app()) as url, serving(StubConsole().app()) as console:
        far = Target(console) if real else None
        worlds = WorldBuilder(0, servicenow=Target(url, "integration", "s3cret"), console=far)
        with pytest.raises(TargetUnreachableError, match=r"does not list its records: GET /api/.* -> 403"):
            await play(worlds, scenarios("deny"))


async def test_a_real_instance_gets_time_to_answer(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """What is not there yet is looked for again, a second apart."""
    stub[0].late = 3
    (ended,) = await play(stub[1], scenarios("deny"))
    assert ended.outcome == "passed"
    assert stub[0].late == 0


APPROVED = """title: T
steps:
- console.ask: {as: one}
- console.ask: {as: two}
- servicenow.approve: {request: one}
- servicenow.approve: {request: two}
"""
ONE_REQUEST = APPROVED + "- servicenow.expect-records: {table: request, where: {status: Approve}, count: 1}\n"
NO_RESPONSE = (
    APPROVED + '- servicenow.expect-records: {table: response, where: {request_id: "${request_id}"}, count: 0}\n'
)
NOBODY_DECIDES = """title: T
steps:
- console.ask:
- servicenow.decide-at-once: {accepted: 0, decisions: [{response: Approve}, {response: Deny}]}
"""


@pytest.mark.parametrize(("patience", "outcome"), [(15, "failed"), (30, "passed")])
async def test_what_comes_late_is_waited_for_as_long_as_somebody_says(
    stub: tuple[StubInstance, WorldBuilder], patience: int, outcome: str
) -> None:
    """An event queue that is busy shows a response after twenty looks."""
    stub[0].late = 20
    worlds = WorldBuilder(
        0, servicenow=Target(stub[0].url, "integration", "s3cret"), pauses=Hurried(), patience=patience
    )
    (ended,) = await play(worlds, scenarios("deny"))
    assert ended.outcome == outcome


# Each holds as long as the instance has not acted upon the approval, and no longer.
NOT_YET = (
    "console.expect-approval: Pending",
    "console.expect-approval: {state: {not: Approved}}",
    "console.expect-approval: {state: {matches: '^(Pending|Denied)$'}}",
    "console.expect-approval: {responded_by: {absent: true}}",
    "console.expect-approval: {responded_by: {matches: '^$'}}",
    "console.expect-approval: {request: one, responded_by: ''}",
    "console.expect-exchanges: {direction: in, path: '*/approve', count: 0}",
    "servicenow.expect-response: {count: 0}",
    "servicenow.call: {path: '/api/now/table/${table.response}', body: {result: []}, by: administrator}",
)
HEAD = "title: T\nsteps:\n- console.ask: {as: one}\n- servicenow.approve:\n- "


async def answer_late(stub: StubInstance, expectation: str, second: int) -> ScenarioEnded:
    """Play an approval, upon which the instance acts in this second of an expectation that it does not."""
    stub.answering = 1_000
    played = list(Loader(vocabulary()).parse(f"{HEAD}{expectation}\n", "t.yaml"))
    worlds = WorldBuilder(0, servicenow=Target(stub.url, "integration", "s3cret"), pauses=Hurried())
    (ended,) = await play(worlds, played, Eventful(second, stub.act_upon_decision))
    return ended


@pytest.mark.parametrize("expectation", NOT_YET)
async def test_what_must_not_happen_is_watched(expectation: str, stub: tuple[StubInstance, WorldBuilder]) -> None:
    """In real time the first look proves nothing: it may come until the patience of the run ends."""
    late = await answer_late(stub[0], expectation, 15)
    assert late.failure is not None
    assert late.failure.line == 5
    assert late.failure.got.endswith(", 15 s after the last step that acted; earlier it held")
    assert (await answer_late(stub[0], expectation, 16)).outcome == "passed"


PENDING_AT_FIRST = """title: T
steps:
- console.ask:
- servicenow.expect-request: Pending
- servicenow.deny:
- servicenow.expect-request: {status: {not: Pending}}
- console.expect-approval: {state: {not: Approved}}
- console.expect-approval: Denied
"""


async def watch(worlds: WorldBuilder, text: str) -> tuple[list[int], list[int]]:
    """Return for how many seconds each step of a scenario was watched, and each pause."""
    pauses: list[int] = []

    class Noting(Hurried):
        async def sleep(self, seconds: float) -> None:
            pauses.append(int(seconds))

    told: list[Event] = []
    await Engine(vocabulary(), worlds, [told.append], Noting()).run(list(Loader(vocabulary()).parse(text, "t.yaml")), 0)
    assert [event.outcome for event in told if isinstance(event, ScenarioEnded)] == ["passed"]
    return [event.watched for event in told if isinstance(event, StepPassed)], pauses


async def test_a_run_of_expectations_is_watched_once(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """The time counts from the last step that acted; a request that is pending before any decision has just arrived."""
    assert await watch(stub[1], PENDING_AT_FIRST) == ([0, 0, 0, 0, 15, 15, 0], [1] * 15)


async def test_nothing_is_watched_in_virtual_time_and_in_a_dry_run(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """There nothing is under way once a step has ended, or nothing is at stake."""
    assert await watch(WorldBuilder(0), PENDING_AT_FIRST) == ([0] * 7, [])
    dry = WorldBuilder(0, servicenow=Target(stub[0].url, "integration", "s3cret"), pauses=Hurried(), dry_run=True)
    assert (await watch(dry, PENDING_AT_FIRST))[0] == [0] * 7


async def test_what_acts_is_not_taken_again_until_it_holds(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """The second time a decision is refused because the first one was accepted, which was the defect."""
    stub[0].decided_once = True
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(NOBODY_DECIDES, "t.yaml")))
    assert ended.failure is not None
    assert (ended.failure.expected, ended.failure.got[:2]) == ("0 accepted decisions", "1:")


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


OTHERS_RESPONSE = """title: T
steps:
- console.ask: {as: one}
- servicenow.approve:
- servicenow.expect-response: Approve
- console.ask: {as: two}
- servicenow.expect-response: {request: two, response: Approve}
"""


async def test_a_list_of_another_request_is_none_of_this_one(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """As what ignores the query answers it, such as a cache on the way: the second request has no response."""
    stub[0].deaf = True
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(OTHERS_RESPONSE, "t.yaml")))
    assert ended.failure is not None
    assert ended.failure.line == 7
    assert ended.failure.expected.startswith("only records with request_id '")


@pytest.mark.parametrize(("expected", "outcome"), [("", "failed"), (" 500", "passed")])
async def test_a_failure_of_the_server_is_no_refusal(
    expected: str, outcome: str, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """Unless the scenario names its status."""
    stub[0].decisions_answer = (500, "Internal Server Error")
    text = f"title: T\nsteps:\n- console.ask:\n- servicenow.approve:\n- servicenow.expect-refusal:{expected}\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.outcome == outcome


RACES = {
    "decide-at-once": "- servicenow.decide-at-once: {decisions: [{response: Approve}, {response: Deny}], accepted: 0}",
    "together": "- together:\n  - servicenow.approve:\n  - servicenow.deny:\n- console.expect-approval: Pending",
}


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
async def test_a_failure_of_the_server_is_no_lost_race(race: str, stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Who loses a race is refused: a status of 500 says that something went wrong."""
    stub[0].decisions_answer = (500, "Internal Server Error")
    text = f"title: T\nsteps:\n- console.ask:\n{race}\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.failure is not None
    assert "-> 500" in ended.failure.got


NOT_THERE = {
    "expect-response": "- servicenow.expect-response: {count: 0}",
    "expect-records": "- servicenow.expect-records: {table: response, count: 0}",
}


@pytest.mark.parametrize("step", NOT_THERE.values(), ids=NOT_THERE)
async def test_a_record_that_may_not_be_read_is_there(step: str, stub: tuple[StubInstance, WorldBuilder]) -> None:
    """An instance counts the rows that the user may not read: a list without them says nothing of their absence."""
    stub[0].unread = RESPONSE
    text = f"title: T\nsteps:\n- console.ask:\n- servicenow.approve:\n{step}\n"
    with pytest.raises(TargetUnreachableError, match=r"expected all 1 records of .*; got 0 of them"):
        await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))


NOT_SERVICENOW = {
    "a firewall's page": (403, "<html><body>Blocked</body></html>"),
    "a text": (404, "Not Found"),
    "nothing": (403, ""),
    "a gateway": (403, '{"message":"Forbidden"}'),
    "another error": (400, '{"error":"invalid_request"}'),
    "a password that has changed": (401, '{"error":{"message":"User is not authenticated"},"status":"failure"}'),
    "a rate limit": (429, '{"error":{"message":"Rate limit exceeded"},"status":"failure"}'),
    "JSON that is no object": (403, '["Forbidden"]'),
}
NO_REFUSALS = {**RACES, "expect-refusal": "- servicenow.approve:\n- servicenow.expect-refusal:"}


@pytest.mark.parametrize("answer", NOT_SERVICENOW.values(), ids=NOT_SERVICENOW)
@pytest.mark.parametrize("steps", NO_REFUSALS.values(), ids=NO_REFUSALS)
async def test_only_servicenow_refuses_a_decision(
    steps: str, answer: tuple[int, str], stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """What a proxy, a gateway or a limit refuses is neither a refusal nor a lost race."""
    stub[0].decisions_answer = answer
    text = f"title: T\nsteps:\n- console.ask:\n{steps}\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.failure is not None
    assert f"-> {answer[0]}" in ended.failure.got


@pytest.mark.parametrize(
    ("answer", "named", "outcome"),
    [
        (NOT_SERVICENOW["a firewall's page"], "403", "failed"),
        (NOT_SERVICENOW["a gateway"], "403", "failed"),
        (NOT_SERVICENOW["a gateway"], "{status: 403, body: {message: Forbidden}}", "passed"),
        (NOT_SERVICENOW["a rate limit"], "429", "passed"),
        (NOT_SERVICENOW["a password that has changed"], "401", "passed"),
    ],
)
async def test_a_status_that_is_named_is_servicenow_s(
    answer: tuple[int, str], named: str, outcome: str, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """Unless the body is named as well, a 4xx has to carry its error."""
    stub[0].decisions_answer = answer
    text = f"title: T\nsteps:\n- console.ask:\n- servicenow.approve:\n- servicenow.expect-refusal: {named}\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.outcome == outcome


@pytest.mark.parametrize("step", ["expect-records: {count: 1, ", "find: {as: found, "])
async def test_a_record_with_another_value_was_not_asked_for(
    step: str, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """An instance ignores a term of a query about which the user may not ask, and lists what lacks the value."""
    stub[0].unasked = "status"
    text = "title: T\nsteps:\n- console.ask:\n- servicenow.deny:\n"
    text += f"- servicenow.{step}table: request, where: {{status: Approve}}}}\n- servicenow.expect-request:\n"
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.failure is not None
    assert (ended.failure.expected, ended.failure.got) == ("only records with status 'Approve'", "one with 'Deny'")


@pytest.mark.parametrize(
    ("stored", "got"),
    [
        ({"response": "Approve"}, "the response 'Approve'"),
        ({"comment": "Sure"}, "the comment 'Sure'"),
        ({"comment": ""}, "the comment ''"),
        ({"sys_created_by": "somebody"}, "the approver 'somebody'"),
        ({"sys_created_by": "system"}, ""),
        ({}, ""),
    ],
)
def test_another_decision_that_is_delivered_is_not_that_of_the_test(
    stored: dict[str, str], got: str, privman_loop: LoopThread
) -> None:
    """The console accepts both alike: response, comment and approver tell them apart."""
    instance = StubInstance()
    instance.stores = stored
    served = serving(instance.app())
    instance.url = privman_loop.run(served.__aenter__())
    opened = WorldBuilder(
        0, servicenow=Target(instance.url, "integration", "s3cret"), patience=1, pauses=Hurried()
    ).open()
    parties = privman_loop.run(opened.__aenter__())
    world = WorldFixture(
        privman_loop,
        parties,
        ServiceNowFixture(privman_loop, parties),
        console := ConsoleFixture(privman_loop, parties),
    )
    decision = world.decide(console.ask({}), "Deny", comment="Not today")
    expected = pytest.raises(ExpectationError, match=f"to be delivered; got {got}") if got else nullcontext()
    with expected:
        decision.delivered()
    privman_loop.run(opened.__aexit__(None, None, None))
    privman_loop.run(served.__aexit__(None, None, None))


@pytest.mark.parametrize("longest", [1, 2])
async def test_a_list_of_several_pages_is_read_to_its_end(
    longest: int, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """What stands on the second page is neither missed by an expectation nor left behind."""
    stub[0].longest = longest
    (ended,) = await play(stub[1], list(Loader(vocabulary()).parse(ONE_REQUEST, "t.yaml")))
    assert ended.failure is not None
    assert (ended.failure.expected, ended.failure.got) == ("count 1", "count 2")
    assert {table: rows for table, rows in stub[0].tables.items() if rows and table != "sys_user_role"} == {}


@pytest.mark.once
@pytest.mark.parametrize(("row_size", "bound", "pages"), [(32, "1,000,000 rows", 101), (1_500, "64 MiB", 5)])
async def test_a_list_that_goes_on_is_given_up(
    row_size: int, bound: str, pages: int, stub: tuple[StubInstance, WorldBuilder]
) -> None:
    """Before it fills the memory, whether it has many rows or long ones."""
    stub[0].endless, stub[0].row_size = RESPONSE, row_size
    with pytest.raises(TargetUnreachableError, match=f"does not list its records: more than {bound}"):
        await play(stub[1], scenarios("deny"))
    assert stub[0].lists[RESPONSE] == pages


async def test_a_list_that_a_quota_cuts_off_is_no_list(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """A status of 200 with an error beside the rows (platform 5.2): what is missing proves nothing."""
    stub[0].cancelled = RESPONSE
    with pytest.raises(TargetUnreachableError, match="maximum execution time exceeded"):
        await play(stub[1], list(Loader(vocabulary()).parse(NO_RESPONSE, "t.yaml")))


async def test_a_real_instance_has_no_control_plane(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whoever asks for a journal there is told so."""
    async with stub[1].open() as world:
        with pytest.raises(ExpectationError, match=r"expected a control plane at http.*/__admin; got http.* has none"):
            await world.servicenow.control.journal()


async def test_a_failure_shows_the_calls_that_were_made(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Without a journal the harness shows its own last calls, secrets masked."""
    stub[0].late = 1_000
    (ended,) = await play(stub[1], scenarios("deny"))
    assert ended.failure is not None
    assert ended.failure.step == "servicenow.expect-response"
    shown = "\n".join(ended.failure.exchanges)
    assert f"servicenow: GET /api/now/table/{RESPONSE}?" in shown
    assert "console received #" in shown


async def register(instance: StubInstance, url: str, console: StubConsole) -> None:
    """Set the console up by hand, as its administrators do."""
    tms = "/Tms/services/api"
    pairs = {
        "Username": console.user,
        "Password": console.secret,
        "Token Url": f"{url}{tms}/logon/token",
        "Endpoint Url": f"{url}{tms}/v1/approval/approve",
    }
    instance.tables[CONFIGURATION] = [
        {"sys_id": "c0", "instance_metadata": '{"Token Url": "https://other.example/Tms"}'},
        {"sys_id": "c1", "instance_metadata": json.dumps(pairs)},
    ]
    kind = {"name": "PM Approval Request", "description": "Approve or deny PM request", "max_timeout": "16:30:00"}
    more = {"valid_responses": "Approve,Deny", "include_comment": "true", "include_duration": "true"}
    instance.tables[ACTIVITY_TYPE] = [
        as_stored({"sys_id": f"a{number}", "instance_id": f"c{number}", **kind, **more}) for number in (0, 1)
    ]


async def test_both_ends_real(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """What needs no control plane is played with a console that its administrators have set up, which stays so."""
    instance, console = stub[0], StubConsole()
    async with serving(console.app()) as url:
        await register(instance, url, console)
        before = deepcopy(instance.tables)
        worlds = WorldBuilder(0, servicenow=Target(instance.url, "integration", "s3cret"), console=Target(url))
        played = scenarios("setup-activity-type", "decision-nobody-asked-for", "console-api", "approve")
        ended = {Path(each.scenario.file).stem: each for each in await play(worlds, played)}
    assert {stem: each.outcome for stem, each in ended.items()} == {
        "approve": "skipped",
        "console-api": "passed",
        "decision-nobody-asked-for": "passed",
        "setup-activity-type": "passed",
    }
    assert ended["approve"].reason == f"console.ask in line 6 needs a console control plane: {url} has none"
    assert [decision["InstanceId"] for decision in console.decisions] == ["c1"]
    assert {table: rows for table, rows in instance.tables.items() if rows} == before


async def test_a_request_of_a_real_user_is_not_decided(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """It names the registration that the scenarios use, and comes while they are played."""
    instance, console = stub[0], StubConsole()
    asked = {
        "sys_id": "d" * 32,
        "request_id": "8f6d",
        "instance_id": "c1",
        "activity_type_id": "a1",
        "status": "Pending",
    }
    async with serving(console.app()) as url:
        await register(instance, url, console)
        worlds = WorldBuilder(0, servicenow=Target(instance.url, "integration", "s3cret"), console=Target(url))
        async with worlds.open() as world:
            instance.tables[REQUEST] = [{**asked, "metadata": f'{{"Url": "{url}/"}}'}]
            assert await world.servicenow.find("request", status="Pending") == []
            with pytest.raises(ExpectationError, match="expected the request 8f6d in ServiceNow; got none"):
                await world.servicenow.decide("8f6d", "Approve", {})
    assert [row["status"] for row in instance.tables[REQUEST]] == ["Pending"]
    assert console.decisions == []


async def test_a_decision_that_a_real_console_takes_unasked_is_noticed(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """A console that takes a decision on a request it never made is no console to trust."""
    instance, console = stub[0], StubConsole()
    console.status = 200
    async with serving(console.app()) as url:
        await register(instance, url, console)
        worlds = WorldBuilder(0, servicenow=Target(instance.url, "integration", "s3cret"), console=Target(url))
        (ended,) = await play(worlds, scenarios("decision-nobody-asked-for"))
    assert ended.failure is not None
    assert ended.failure.step == "servicenow.expect-response"
    assert ("404" in ended.failure.expected, "200" in ended.failure.got) == (True, True)


async def test_a_real_console_that_is_not_set_up() -> None:
    """Where it is registered with nobody here a scenario that builds on that is skipped, and says so."""
    async with serving(StubConsole().app()) as url:
        played = scenarios("approve", "console-api", "setup-activity-type", "setup-messaging-tab")
        ended = await play(WorldBuilder(0, console=Target(url)), played)
    assert {each.outcome for each in ended} == {"skipped"}
    needs = "console.set-up in line 2 needs a console"
    assert ended[0].reason.startswith(f"{needs} that is set up: {url} is not registered with http://127.0.0.1:")
    assert ended[-1].reason == f"{needs} control plane: {url} has none"


async def test_a_fake_keeps_what_a_real_console_has_registered() -> None:
    """A fake instance elsewhere is not reset under a real console; only its journal and faults are."""
    console = StubConsole()
    async with serving(console.app()) as url, WorldBuilder(0).open() as fakes:
        metadata = {
            "Authentication Type": "Get Token",
            "Username": console.user,
            "Password": console.secret,
            "Minimum wait time": "00:00:50",
            "Token Url": f"{url}/Tms/services/api/logon/token",
            "Endpoint Url": f"{url}/Tms/services/api/v1/approval/approve",
            "Maximum retry attempts": "0",
        }
        servicenow = fakes.servicenow
        answer = await servicenow.insert("integration_configuration", {"instance_metadata": json.dumps(metadata)})
        worlds = WorldBuilder(0, servicenow=Target(servicenow.url, "admin", "admin"), console=Target(url), reset=True)
        async with worlds.open() as world:
            assert world.registration == Registration(answer.json["result"]["sys_id"], "")
            assert await servicenow.control.journal() != []
        assert len(await servicenow.find("integration_configuration")) == 1


@pytest.mark.parametrize("swapped", ["servicenow", "console"])
async def test_a_fake_under_the_wrong_address_is_not_reset(swapped: str) -> None:
    """It has the control plane of the other party, and records that nobody has named."""
    async with WorldBuilder(0).open() as fakes:
        await fakes.set_up({})
        request_id = (await fakes.console.ask({})).json["request_id"]
        console, servicenow = Target(fakes.servicenow.url), Target(fakes.console.url, "admin", "admin")
        swaps = {
            "console": WorldBuilder(0, console=console, reset=True),
            "servicenow": WorldBuilder(0, servicenow=servicenow, reset=True),
        }
        with pytest.raises(TargetUnreachableError, match=r"is no (Serv|Priv).*, so it is not reset\."):
            await swaps[swapped].open().__aenter__()
        assert len(await fakes.servicenow.find("request", request_id=request_id)) == 1
        assert (await fakes.console.approval(request_id))["state"] == "Pending"


@pytest.mark.parametrize("armed", [False, True])
async def test_wrong_credentials_reset_nothing(*, armed: bool) -> None:
    """Of neither party; where a fault may be what answers, the reset that disarms it comes first."""
    async with WorldBuilder(0).open() as fakes:
        await fakes.set_up({})
        request_id = (await fakes.console.ask({})).json["request_id"]
        if armed:
            await fakes.servicenow.control.arm({"kind": "status", "status": 401, "times": None})
        servicenow, console = Target(fakes.servicenow.url, "admin", "wrong"), Target(fakes.console.url)
        with pytest.raises(TargetUnreachableError, match=r"refused the credentials of 'admin' \(401\)"):
            await WorldBuilder(0, servicenow=servicenow, console=console, reset=True).open().__aenter__()
        left = 0 if armed else 1
        assert len(await fakes.servicenow.find("request", request_id=request_id)) == left
        assert len(await fakes.console.approvals()) == left
        if armed:
            await fakes.servicenow.control.arm({"kind": "status", "status": 401, "times": None})
            servicenow = Target(fakes.servicenow.url, "admin", "admin")
            async with WorldBuilder(0, servicenow=servicenow, reset=True).open() as world:
                assert await world.servicenow.find("request") == []


async def test_fakes_that_may_be_reset_are_played_on() -> None:
    """Two fakes elsewhere, each with its own virtual clock, play the catalog like those started here."""
    async with WorldBuilder(1).open() as one, WorldBuilder(2).open() as other:
        worlds = WorldBuilder(
            0, servicenow=Target(one.servicenow.url, "admin", "admin"), console=Target(other.console.url), reset=True
        )
        ended = await play(worlds, scenarios("approve", "retry-maximum", "timeout", "token-expired"))
        late = await play(
            worlds, scenarios("race-of-retry-and-timeout", "timeout-during-retries", "request-rate-limited")
        )
        (slow,) = await play(worlds, scenarios("retry-slow-console"))
    assert [(each.outcome, each.failure) for each in [*ended, *late]] == [("passed", None)] * 7
    assert slow.outcome == "skipped"
    assert re.match(r"console\.fault in line \d+ needs a shared clock: http://127\.0\.0\.1:", slow.reason)
    assert slow.reason.endswith(" have one each")


async def test_spans_between_exchanges_are_compared_in_virtual_time_alone(
    stub: tuple[StubInstance, WorldBuilder],
) -> None:
    """Real time is never to the second, so that a scenario which compares what was waited is skipped, and says so."""
    (ended,) = await play(stub[1], scenarios("token-logged-out"))
    needs = re.escape(f" needs a virtual time: {stub[0].url} keeps real time")
    assert re.fullmatch(rf"console\.expect-exchanges in line \d+{needs}", ended.reason)


async def test_a_refusal_of_a_real_instance_is_seen_by_its_answer(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Why it was refused stands in no journal there; the answer is compared all the same."""
    stub[0].refused = {REQUEST}
    head = "title: T\nsteps:\n- servicenow.insert: {table: request, values: {comment: x}}\n"
    texts = [f"{head}- servicenow.expect-refusal: {{status: {status}, finding: any reason}}\n" for status in (400, 403)]
    held, failed = await play(stub[1], [each for text in texts for each in Loader(vocabulary()).parse(text, "t.yaml")])
    assert (held.outcome, held.checks) == ("passed", 1)
    assert failed.failure is not None
    assert (failed.failure.expected, failed.failure.got) == ("status 403", "status 400")
