"""Either end real: an independent stub stands for a ServiceNow instance without a control plane."""

import asyncio
import json
import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from mock_servicenow import MockServiceNow
from privman_core.clock import RealClock
from privman_core.serving import serving
from privman_scenarios.analysis.exploration import Exploration, VariationRunner
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.language.loader import Loader
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.events import Event, ScenarioEnded
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.processes import Player
from privman_scenarios.playing.reaching import Registration
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder, fresh_console, fresh_servicenow

from .stub_console import StubConsole
from .stub_instance import ACTIVITY_TYPE, CONFIGURATION, REQUEST, StubInstance, as_stored
from .targets import Hurried, play, scenarios


@pytest.mark.long
async def test_the_catalog_plays_against_a_real_instance(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """What needs neither virtual time nor faults is played as it stands."""
    ended = await play(stub[1], scenarios("approve", "deny", "decision-with-comment-and-duration", "setup-every-step"))
    assert [(each.outcome, each.failure) for each in ended] == [("passed", None)] * 7


async def test_what_a_target_cannot_do_is_skipped_with_its_reason(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Never called passed: the reason names step, line and what is missing."""
    faulty, timeout = await play(stub[1], scenarios("timeout", "request-answer-lost"))
    assert (timeout.outcome, faulty.outcome) == ("skipped", "skipped")
    assert timeout.reason.startswith("clock.advance in line 9 needs virtual time: http://127.0.0.1:")
    assert timeout.reason.endswith(" keeps real time")
    assert faulty.reason.startswith("servicenow.fault in line 6 needs a servicenow control plane: http://")
    assert faulty.reason.endswith(" has no control plane")


async def test_a_shared_instance_gets_no_request_that_leaves_something(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whatever a call would create, change or delete, nobody could tidy up; calls that read are played."""
    (deleting,) = await play(stub[1], own_scenario("servicenow.delete: {table: response, sys_id: x}"))
    (posting,) = await play(stub[1], own_scenario("servicenow.call: {method: POST, path: /api/now/table/sys_user}"))
    read = "servicenow.call: {path: /api/now/table/sys_user, by: administrator}"
    (reading,) = await play(stub[1], own_scenario(read))
    for each, verb in ((deleting, "delete"), (posting, "call")):
        reason = f"servicenow.{verb} in line 4 needs an instance of its own: others may use {stub[0].url}"
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


@pytest.mark.long
async def test_a_second_instance_is_started_beside_our_own() -> None:
    """Not beside one that already runs."""
    async with WorldBuilder(0).open() as world:
        assert (await world.another_instance()).url not in (world.console.url, world.servicenow.url)
        assert list(world.parties) == ["servicenow", "servicenow 2", "console"]
    async with fresh_servicenow() as instance:
        worlds = WorldBuilder(0, servicenow=instance)
        (ended,) = await play(worlds, own_scenario("servicenow.use: second"))
        assert (
            ended.reason == f"servicenow.use in line 4 needs a second instance: none is started beside {instance.url}"
        )
        async with worlds.open() as world:
            with pytest.raises(ExpectationError, match="a second instance"):
                await world.another_instance()


@pytest.mark.long
async def test_a_start_of_the_application_waits_for_a_decision_that_is_on_its_way() -> None:
    """It is taken again while it does nothing; what it expects besides is told at once."""
    late = "console.fault: {kind: slow, method: POST, path: '*/logon/token', options: {seconds: 1}}"
    steps = f"{late}\n- console.run: {{outcome: asked, as: one}}\n- servicenow.approve: {{request: one}}"
    async with MockServiceNow(clock="real") as instance:
        target = Target(instance.url, Credentials(*instance.auth))
        worlds = WorldBuilder(0, servicenow=target, reset=True, patience=30)
        allowed = own_scenario(f"{steps}\n- console.run: {{outcome: allowed, request: one}}", "")
        (waited,) = await play(worlds, allowed, RealClock())
        assert (waited.outcome, waited.failure, waited.reason) == ("passed", None, "")
        (wrong,) = await play(worlds, own_scenario("console.run: allowed", ""))
        assert wrong.failure is not None
        assert wrong.failure.got == "outcome 'asked'"


async def test_a_dry_run_sends_nothing_to_either_party(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """A fake takes the place of each address that was given."""
    instance = Target(stub[0].url, Credentials("integration", "s3cret"))
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


def own_scenario(step: str, given: str = "given: nothing") -> list[Scenario]:
    """Return a scenario of one step."""
    return list(Loader(vocabulary()).parse(f"title: T\n{given}\nsteps:\n- {step}\n", "t.yaml"))


async def test_invariants_are_asked_only_where_they_can_be_seen(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whoever has no journal cannot tell what it was sent: the scenario is skipped, whatever its steps need."""
    (approve,) = scenarios("approve")
    (ended,) = await play(stub[1], [replace(approve, check="invariants")])
    assert ended.outcome == "skipped"
    assert ended.reason.startswith("the invariants need a servicenow control plane: http://")


@pytest.mark.long
async def test_variations_are_skipped_where_they_cannot_be_judged(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """The scenario passes; that it is not swept is said once, with the reason, and nothing is called varied."""
    told: list[Event] = []
    worlds = WorldBuilder(
        0, servicenow=Target(stub[0].url, Credentials("integration", "s3cret")), pauses=Hurried(), quiet_time=0
    )
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
        worlds = WorldBuilder(
            0, servicenow=Target(instance.url, Credentials("integration", "s3cret")), console=Target(url)
        )
        played = scenarios("setup-activity-type", "decision-nobody-asked-for", "console-api", "approve")
        ended = {Path(each.scenario.file).stem: each for each in await play(worlds, played)}
    assert {stem: each.outcome for stem, each in ended.items()} == {
        "approve": "skipped",
        "console-api": "passed",
        "decision-nobody-asked-for": "passed",
        "setup-activity-type": "passed",
    }
    assert ended["approve"].reason == f"console.ask in line 6 needs a console control plane: {url} has no control plane"
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
        worlds = WorldBuilder(
            0, servicenow=Target(instance.url, Credentials("integration", "s3cret")), console=Target(url)
        )
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
        worlds = WorldBuilder(
            0, servicenow=Target(instance.url, Credentials("integration", "s3cret")), console=Target(url)
        )
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
    needs = "the set-up before the steps needs a console"
    assert ended[0].reason.startswith(f"{needs} that is set up: {url} is not registered with http://127.0.0.1:")
    assert ended[0].reason.endswith(", and its administrators must connect it")
    assert ended[-1].reason == f"{needs} control plane: {url} has no control plane"


async def test_a_console_registered_under_another_address(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """The reason names both addresses, which may differ though they lead to one console."""
    instance, console = stub[0], StubConsole()
    async with serving(console.app()) as url:
        elsewhere = url.replace("127.0.0.1", "localhost")
        await register(instance, elsewhere, console)
        worlds = WorldBuilder(
            0, servicenow=Target(instance.url, Credentials("integration", "s3cret")), console=Target(url)
        )
        (ended,) = await play(worlds, scenarios("setup-activity-type"))
    assert ended.reason == (
        f"the set-up before the steps needs a console that is set up: {url} is not registered with "
        f"{instance.url}, which has registrations of {elsewhere}, https://other.example. "
        f"Expected the registered address as --console-url, "
        "CONSOLE_URL or console.url in a profile"
    )


@pytest.mark.parametrize(
    "step",
    [
        "console.run: asked",
        "console.set-up: {name: Lab}",
        "console.create-process: {name: Desk}",
        "console.create-type: {name: Requests of the desk}",
        "console.create-policy: {name: Elevate for the desk}",
        "console.create-webhook: {name: Ours, endpoint_url: 'https://dev.example/hook'}",
        "console.create-api-user: {credential: Next key}",
    ],
)
async def test_a_real_console_is_not_configured(step: str) -> None:
    """What its users and its administrators do is skipped, as a scenario that asks is."""
    instance, console = StubInstance(), StubConsole()
    async with serving(instance.app()) as instance.url, serving(console.app()) as url:
        await register(instance, url, console)
        target = Target(instance.url, Credentials("integration", "s3cret"))
        (ended,) = await play(WorldBuilder(0, servicenow=target, console=Target(url)), own_scenario(step))
    told = f"{step.partition(':')[0]} in line 4 needs a console control plane: {url} has no control plane"
    assert (ended.outcome, ended.reason) == ("skipped", told)
    assert console.decisions == []


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
        worlds = WorldBuilder(
            0, servicenow=Target(servicenow.url, Credentials("admin", "admin")), console=Target(url), reset=True
        )
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
        console, servicenow = Target(fakes.servicenow.url), Target(fakes.console.url, Credentials("admin", "admin"))
        swaps = {
            "console": WorldBuilder(0, console=console, reset=True),
            "servicenow": WorldBuilder(0, servicenow=servicenow, reset=True),
        }
        with pytest.raises(
            TargetUnreachableError,
            match=r"is not a (Serv|Priv).* and was not reset: it is the other party's\. Expected --",
        ):
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
        servicenow, console = Target(fakes.servicenow.url, Credentials("admin", "wrong")), Target(fakes.console.url)
        with pytest.raises(TargetUnreachableError, match=r"refused the credentials of 'admin' \(401\)"):
            await WorldBuilder(0, servicenow=servicenow, console=console, reset=True).open().__aenter__()
        left = 0 if armed else 1
        assert len(await fakes.servicenow.find("request", request_id=request_id)) == left
        assert len(await fakes.console.approvals()) == left
        if armed:
            await fakes.servicenow.control.arm({"kind": "status", "status": 401, "times": None})
            servicenow = Target(fakes.servicenow.url, Credentials("admin", "admin"))
            async with WorldBuilder(0, servicenow=servicenow, reset=True).open() as world:
                assert await world.servicenow.find("request") == []


@pytest.mark.long
async def test_fakes_that_may_be_reset_are_played_on() -> None:
    """Two fakes elsewhere, each with its own virtual clock, play the catalog like those started here."""
    async with WorldBuilder(1).open() as one, WorldBuilder(2).open() as other:
        worlds = WorldBuilder(
            0,
            servicenow=Target(one.servicenow.url, Credentials("admin", "admin")),
            console=Target(other.console.url),
            reset=True,
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
