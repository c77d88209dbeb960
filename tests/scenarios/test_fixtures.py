"""The pytest fixtures, as other people's tests use them."""

from datetime import timedelta
from pathlib import Path

import pytest
import requests
from aiohttp import ClientSession, web

from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.errors import ExpectationError, UnknownWordError
from privman_scenarios.fixture_set import FixtureSet
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture

pytest_plugins = ["pytester"]


def test_a_synchronous_connector_uses_the_instance(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """A connector written with requests approves, and the console has it."""
    request_id = console.ask({"PolicyName": "Elevate installers"})
    (record,) = servicenow.find("request", request_id=request_id)
    url = f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_request/{record['sys_id']}"
    answer = requests.patch(url, json={"status": "Approve"}, auth=servicenow.auth, timeout=10)
    assert answer.status_code == 200
    servicenow.clock.advance(0)
    assert console.approval(request_id)["state"] == "Approved"


async def test_an_asynchronous_connector_uses_the_instance(servicenow: ServiceNowFixture) -> None:
    """The instance runs in a loop of its own, so that a test's own loop is free."""
    async with (
        ClientSession() as session,
        session.get(f"{servicenow.url}/api/now/table/sys_user?sysparm_limit=1") as answer,
    ):
        assert answer.status == 401


async def test_a_test_may_serve_what_servicenow_calls(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """A receiver in the test's own loop gets the decision while time is moved from there."""
    received = []

    async def receive(request: web.Request) -> web.Response:
        received.append((await request.json())["Response"])
        return web.json_response({"Result": {}, "Status": "ok", "Messages": []})

    async def token(_request: web.Request) -> web.Response:
        return web.json_response("token")

    app = web.Application()
    app.router.add_post("/Tms/services/api/logon/token", token)
    app.router.add_post("/Tms/services/api/v1/approval/approve", receive)
    async with serving(app) as url:
        console.save_foreign_system(post_uri=f"{url}/Tms/services/api/v1/approval/approve")
        request_id = console.ask({})
        (record,) = servicenow.find("request", request_id=request_id)
        async with (
            ClientSession() as session,
            session.patch(
                f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_request/{record['sys_id']}",
                json={"status": "Deny"},
                headers={"Authorization": servicenow.basic_auth},
            ) as answer,
        ):
            assert answer.status == 200
        await servicenow.clock.advance_async("00:00:01")
    assert received == ["Deny"]


def test_the_clock_moves_both_sides(world: WorldFixture) -> None:
    """Sixteen and a half hours pass at once, and both parties time the request out."""
    before = world.console.clock.now()
    request_id = world.console.ask({})
    world.clock.advance("16:30:00")
    assert world.console.clock.now() - before == timedelta(hours=16, minutes=30)
    assert world.console.approval(request_id)["state"] == "TimedOut"
    assert world.servicenow.find("request", request_id=request_id)[0]["status"] == "TimedOut"


REPORT = {"InitiatorUserName": "EXAMPLE\\jdoe", "AgentName": "WS-0042", "FilePath": "C:\\Temp\\setup.exe"}


def test_an_application_runs_as_approved(world: WorldFixture) -> None:
    """An approval without a duration allows one run, after which the endpoint asks again (approval-sudo.md)."""
    asked = world.console.run(REPORT)
    assert (asked["outcome"], asked["state"]) == ("asked", "Pending")
    assert world.console.run(REPORT)["outcome"] == "pending"
    world.decide(asked["request_id"], "Approve").delivered()
    assert [world.console.run(REPORT)["outcome"] for _ in range(2)] == ["allowed", "asked"]


def test_a_request_goes_where_its_process_leads(world: WorldFixture) -> None:
    """To people in the console, or to ServiceNow, for which the process does not wait for ever."""
    world.console.create_type("Decided here", process="Default Manual Approval Process")
    world.console.create_policy("Elevate scripts", approval_type="Decided here")
    world.console.change_process("ServiceNow Approval Process", timeout="1 minute")
    here, there = world.console.ask({"PolicyName": "Elevate scripts"}), world.console.ask({})
    assert [each["request_id"] for each in world.servicenow.find("request")] == [there]
    world.clock.advance(60)
    assert [world.console.approval(each)["state"] for each in (here, there)] == ["Pending", "TimedOut"]


def test_what_decides_where_a_request_goes_is_made_or_changed(world: WorldFixture) -> None:
    """A name that is taken makes nothing, and one that nothing has changes nothing."""
    world.console.create_process("Desk", template="Manual Approval Process")
    world.console.create_type("Decided here")
    world.console.change_type("Decided here", process="Desk")
    world.console.change_policy("Elevate installers", approval_type="Decided here")
    request_id = world.console.ask({"PolicyName": "Elevate installers"})
    assert world.console.approval(request_id)["process"] == "Desk"
    with pytest.raises(ExpectationError, match="approval process 'Desk' exists"):
        world.console.create_process("Desk")
    with pytest.raises(ExpectationError, match=r"unknown policy 'Elevate instalers' .did you mean"):
        world.console.change_policy("Elevate instalers", enabled=False)


def test_faults_are_armed_and_cleared(world: WorldFixture) -> None:
    """A fault strikes until it is cleared; the journal names it."""
    world.console.faults.arm("status", status=503, path="*/approval/approve", times=None)
    request_id = world.console.ask({})
    assert world.decide(request_id, "Approve", comment="Fine").status == 200
    assert [each["fault"] for each in world.console.journal if each["status"] == 503] == ["status"]
    assert world.console.approval(request_id)["state"] == "Pending"
    world.console.faults.clear()
    world.clock.advance(50)
    assert world.console.approval(request_id)["comment"] == "Fine"


def test_what_was_swallowed_can_be_looked_at(world: WorldFixture) -> None:
    """ServiceNow says only that a rule refused; the findings say why."""
    request_id = world.console.ask({})
    world.decide(request_id, "Approve")
    assert world.decide(request_id, "Deny").status == 403
    assert [each["rule"] for each in world.servicenow.findings] == ["rule-aborted"]
    world.servicenow.forget_journal()
    assert world.servicenow.findings == []


def test_both_sides_start_again(world: WorldFixture) -> None:
    """What their databases hold stays; tokens are gone, and a new Secret opens the API once ServiceNow has it."""
    request_id = world.console.ask({})
    world.servicenow.restart()
    world.console.restart()
    world.console.log_out()
    world.console.reset_secret(update_credential=True)
    assert world.decide(request_id, "Approve").status == 200
    world.servicenow.decision(request_id).delivered()
    assert [(each["request_id"], each["state"]) for each in world.console.approvals()] == [(request_id, "Approved")]


def test_a_refused_question_is_told(console: ConsoleFixture) -> None:
    """What the console refuses raises with its own words."""
    with pytest.raises(ExpectationError, match=r"PolicyId.*expected a GUID"):
        console.ask({"PolicyId": "none"})


def test_a_set_up_that_fails_is_told(privman_loop: LoopThread, privman_set: FixtureSet) -> None:
    """A console that cannot be set up is no fixture to go on with."""
    privman_set.servicenow.faults.arm("hibernating", path="/api/*")
    with pytest.raises(ExpectationError, match=r"the set-up to succeed; got register failed: [^{]*hibernating"):
        ConsoleFixture(privman_loop, privman_set.parties)


def test_spans_of_faults_are_seconds_or_text(console: ConsoleFixture) -> None:
    """As the clock takes them; a control plane's refusal is told in its words."""
    console.faults.arm("reset", after=0, lasts="2 minutes", optional=True)
    with pytest.raises(UnknownWordError, match=r"invalid span of time '2 minuts'\. Expected '50 seconds'"):
        console.faults.arm("reset", lasts="2 minuts")
    with pytest.raises(ExpectationError) as refused:
        console.faults.arm("reset", lasts=-1)
    expected = "expected a number of seconds above 0, up to 316224000"
    assert str(refused.value) == f"POST /__admin/faults: 'lasts' is -1; {expected}"
    assert (refused.value.expected, refused.value.got) == (
        "POST /__admin/faults to be accepted",
        f"'lasts' is -1; {expected}",
    )
    with pytest.raises(ExpectationError, match=r"^POST /__admin/policy: [^{]*'Nobody'"):
        console.change_policy("Nobody", enabled=False)


def test_what_a_fixture_lacks_cannot_be_set(world: WorldFixture) -> None:
    """It would be taken and ignored."""
    for each, name in (
        (world, "strict"),
        (world.servicenow, "strict"),
        (world.console, "metadata"),
        (world.clock, "advance"),
        (world.servicenow.faults, "arm"),
    ):
        with pytest.raises(AttributeError, match=name):
            setattr(each, name, 5)


EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.long
@pytest.mark.once
def test_the_examples_run_beside_each_other(pytester: pytest.Pytester) -> None:
    """Each worked example passes as a project of its own, spread over two processes by pytest-xdist."""
    for example in EXAMPLES.glob("test_*.py"):
        pytester.makepyfile(**{example.stem: example.read_text()})
    pytester.makeini("[pytest]\nasyncio_mode = auto\n")
    result = pytester.runpytest_subprocess("-n", "2", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=6)
