"""The pytest fixtures, as other people's tests use them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
import requests
from aiohttp import ClientSession, web

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_core.tls import issue_certificate
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
    """To people in the console, or to ServiceNow, for which the process does not wait for ever (integration 7, 8)."""
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


BREAKING = """
def test_it(servicenow, console):
    {tolerate}
    import json, requests
    metadata = json.dumps({{"PolicyId": "{{85d71683-7dac-4762-8120-76a9a564fdc1}}"}})
    values = {{"instance_id": console.instance_id, "activity_type_id": console.activity_type_id,
               "request_id": "none", "metadata": metadata}}
    url = f"{{servicenow.url}}/api/now/table/x_thyti_thycotic_p_request"
    assert requests.post(url, json=values, auth=servicenow.auth).status_code == 403
"""


def test_certificates_after_a_run_within_this_one(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """What an inner run has loaded is forgotten; certificates can be issued all the same."""
    pytester.makepyfile("def test_it():\n    import trustme\n    trustme.CA().issue_cert('localhost')\n")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
    issue_certificate("127.0.0.1", tmp_path / "authority.pem")


@pytest.mark.long
def test_a_broken_contract_fails_the_test(pytester: pytest.Pytester) -> None:
    """Once, in one sentence without a traceback; the last exchanges explain it."""
    pytester.makepyfile(BREAKING.format(tolerate=""))
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-r", "N")
    result.assert_outcomes(failed=1)
    assert result.stdout.str().count("breaks the contract") == 1
    result.stdout.fnmatch_lines(
        [
            (
                "servicenow POST /api/now/table/* (#*) breaks the contract approval-request, evidence P: request_id "
                'has value "none". Expected a GUID such as *. To allow it, call servicenow.tolerate(*).'
            ),
            "* last exchanges *",
            "servicenow received #* POST *",
        ]
    )


@pytest.mark.long
def test_a_broken_contract_is_not_forgotten_with_the_journal(pytester: pytest.Pytester) -> None:
    """A test that empties the journal half way is red all the same."""
    pytester.makepyfile(BREAKING.format(tolerate="") + "    servicenow.forget_journal()\n")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(failed=1)


@pytest.mark.long
@pytest.mark.parametrize("wipe", ["requests.post(f'{servicenow.url}/__admin/reset')", "requests.delete(journal)"])
def test_a_broken_contract_is_not_forgotten_by_a_wipe(wipe: str, pytester: pytest.Pytester) -> None:
    """Whoever empties the journal through the control plane itself."""
    file = BREAKING.format(tolerate="") + f"    journal = f'{{servicenow.url}}/__admin/requests'\n    {wipe}\n"
    pytester.makepyfile(file)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(failed=1)


IDLE = """
import requests

def test_it(console):
    console.faults.arm("status", status=503, path="*/approval/approve", method="GET", times=2{optional})
    {clear}
"""


@pytest.mark.long
@pytest.mark.parametrize(
    "clear",
    [
        "",
        "console.faults.clear()",
        "requests.delete(f'{console.url}/__admin/faults')",
        "requests.post(f'{console.url}/__admin/reset')",
    ],
)
def test_a_fault_that_never_strikes_fails_the_test(clear: str, pytester: pytest.Pytester) -> None:
    """At its end, cleared or not; one that is optional may strike nothing."""
    pytester.makepyfile(IDLE.format(optional="", clear=clear))
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "*console: the fault 'status' on GET */approval/approve has struck no request. "
                "Expected 2 requests that it fits, or optional=True."
            ),
        ]
    )
    pytester.makepyfile(IDLE.format(optional=", optional=True", clear=clear))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (1, "has struck no request. Expected 1 request that it fits, or"),
        (3, "has struck no request. Expected 3 requests that it fits, or"),
        (None, "has struck no request. Expected at least 1 request that it fits, or"),
    ],
)
def test_an_idle_fault_says_what_is_missing(times: int | None, told: str, servicenow: ServiceNowFixture) -> None:
    """It has struck nothing so far."""
    servicenow.faults.arm("status", status=503, times=times, optional=False)
    [words] = servicenow.faults.idle()
    assert told in words
    servicenow.faults.reset()


def test_a_fault_that_struck_too_seldom_says_how_often(servicenow: ServiceNowFixture) -> None:
    """One that has struck as often as it was to is not idle, and one without a number is not once it struck."""
    servicenow.faults.arm("status", status=503, path="/api/now/table/sys_user", times=3)
    servicenow.faults.arm("status", status=503, path="/api/now/table/*_request", times=None)
    for table in ("sys_user", "request"):
        with pytest.raises(ExpectationError):
            servicenow.find(table)
    [words] = servicenow.faults.idle()
    assert words.endswith("has struck 1 of 3 requests. Expected 2 more requests that it fits, or optional=True.")
    servicenow.faults.reset()


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


SWALLOWING = """
def test_it(servicenow):
    {tolerate}
    import requests
    requests.get(f"{{servicenow.url}}/api/now/table/sys_user?sysparm_query=nosuch=1", auth=servicenow.auth)
"""


@pytest.mark.long
def test_what_servicenow_swallows_fails_a_strict_test(pytester: pytest.Pytester) -> None:
    """As --strict does for scenarios; a test that means it says so."""
    pytester.makepyfile(SWALLOWING.format(tolerate=""))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-strict")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["servicenow GET /api/now/table/sys_user (#1): query-term-ignored: *nosuch*. To allow it, call servicenow.*"]
    )
    pytester.makepyfile(SWALLOWING.format(tolerate="servicenow.tolerate('query-term-ignored')"))
    pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-strict").assert_outcomes(passed=1)


SEEING = """
def test_it(servicenow):
    assert servicenow.findings == []
"""


@pytest.mark.long
def test_findings_that_nobody_sees_are_not_none(pytester: pytest.Pytester, real_instance: Callable[[str], str]) -> None:
    """A real system has no control plane: a strict test, and one that expects no findings, cannot be checked."""
    target = ["-p", "no:asyncio", "--privman-servicenow-url", real_instance("")]
    pytester.makepyfile(SEEING)
    result = pytester.runpytest_inprocess(*target)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expected a control plane at *"])
    pytester.makepyfile("def test_it(servicenow):\n    pass\n")
    pytester.runpytest_inprocess(*target).assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess(*target, "--privman-strict")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["--privman-strict cannot be checked, as no findings are seen: *"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("content", "password", "complaint"),
    [
        ("tabels: {}", "A-long-Pass-0123456789", "*names.yaml: unknown wire name 'tabels'. Did you mean 'tables'?"),
        ("", "\udcff", "SERVICENOW_PASSWORD: invalid secret: expected UTF-8 text."),
    ],
    ids=["names", "password"],
)
def test_a_mistake_is_told_in_a_line(
    content: str, password: str, complaint: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a traceback, which would show the password among the local variables."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", password)
    pytester.makepyfile("def test_it(servicenow):\n    pass\n")
    names = pytester.makefile(".yaml", names=content)
    target = ["--privman-servicenow-url", "http://127.0.0.1:9", "--privman-inferred", str(names), "--showlocals"]
    result = pytester.runpytest_inprocess("-p", "no:asyncio", *target)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([complaint])
    assert "WorldBuilder" not in result.stdout.str()
    assert "During handling" not in result.stdout.str()
    assert password not in result.stdout.str()


SHOWING = """
import requests
def test_it(servicenow):
    auth = servicenow.auth
    answer = requests.get(servicenow.url + "/api/now/table/sys_user", auth=auth)
    assert answer.status_code == 200
    print(auth)
    assert auth is None
"""


@pytest.mark.long
def test_a_traceback_shows_no_password(pytester: pytest.Pytester) -> None:
    """Neither do local variables and what a test prints; the client gets it all the same."""
    pytester.makepyfile(SHOWING)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--showlocals")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert ('admin', '[*][*][*]') is None", "auth *= ('admin', '[*][*][*]')"])
    assert "('admin', 'admin')" not in result.stdout.str()


def test_a_pattern_that_fits_almost_any_rule_is_not_tolerated(servicenow: ServiceNowFixture) -> None:
    """Whoever means every rule says so."""
    servicenow.tolerate("*")
    with pytest.raises(UnknownWordError, match=r"'a\*' fits almost any rule. Expected a rule, a glob with a word"):
        servicenow.tolerate("a*")
    with pytest.raises(UnknownWordError, match=r"names no rule. Expected text, in a call for each"):
        servicenow.tolerate(["approval-request"])  # type: ignore[arg-type]  # what somebody may try


def test_a_rule_that_the_party_lacks_is_not_tolerated(world: WorldFixture) -> None:
    """A typo would tolerate nothing, and neither would a rule of the other party; an own rule is declared."""
    with pytest.raises(
        UnknownWordError, match=r"unknown rule of findings 'aproval-request'. Did you mean 'approval-re"
    ):
        world.servicenow.tolerate("aproval-request")
    with pytest.raises(UnknownWordError, match=r"unknown rule of findings 'quer-\*'"):
        world.servicenow.tolerate("quer-*")
    with pytest.raises(UnknownWordError, match="unknown rule of findings 'column-ignored'"):
        world.console.tolerate("column-ignored")
    world.console.tolerate("report-parameter-ignored")
    world.servicenow.tolerate("aproval-request", own={"findings": ["aproval-request"]})


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


@pytest.mark.long
def test_a_broken_contract_may_be_tolerated(pytester: pytest.Pytester) -> None:
    """A test that breaks a contract on purpose says so."""
    pytester.makepyfile(BREAKING.format(tolerate="servicenow.tolerate('approval-*')"))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


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


FILLING = """
def test_it(servicenow):
    import requests
    for _ in range(50):
        requests.post(f"{{servicenow.url}}/api/now/table/sys_user", data=b"x" * 1_048_576, auth=servicenow.auth)
        {after}
"""


@pytest.mark.long
def test_exchanges_that_left_the_journal_unchecked_fail_the_test(pytester: pytest.Pytester) -> None:
    """Nobody knows any more what they broke; findings that were read before are known."""
    pytester.makepyfile(FILLING.format(after=""))
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["servicenow: journal-evicted: * exchanges have left the journal unchecked. *"])
    pytester.makepyfile(FILLING.format(after="servicenow.findings"))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


WRONG = """
import requests

TABLE = "/api/now/table/x_thyti_thycotic_p_request"

def approve(servicenow, request_id, status):
    (record,) = servicenow.find("request", request_id=request_id)
    url = f"{servicenow.url}{TABLE}/{record['sys_id']}"
    requests.patch(url, json={"status": status}, auth=servicenow.auth)

def test_wait(servicenow, console):
    request_id = console.ask({})
    approve(servicenow, request_id, "Approved")
    servicenow.decision(request_id).delivered()  # the line of the user

async def test_asynchronous_wait(servicenow, console):
    request_id = console.ask({})
    console.faults.arm("status", status=400)
    await servicenow.decision(request_id).delivered()  # the line of the user

def test_assertion(servicenow, session_console):
    decision = servicenow.decision(session_console.ask({}))
    assert session_console.approvals()[0]["state"] == "Approved"  # the line of the user

def test_key(console):
    console.ask({"PolicyNam": "Elevate installers"})  # the line of the user

def test_span(servicenow):
    servicenow.clock.advance("soon")  # the line of the user

def test_request(console):
    console.approval("none")  # the line of the user
"""


@pytest.mark.long
def test_a_failure_shows_the_users_line_and_what_explains_it(pytester: pytest.Pytester) -> None:
    """No frame of ours, no second failure for what may have caused the first, or come of it; the last exchanges."""
    pytester.makepyfile(WRONG)
    result = pytester.runpytest_inprocess("-o", "asyncio_mode=auto", "-W", "ignore")
    result.assert_outcomes(failed=6)
    out = result.stdout.str()
    assert out.count(">       ") == out.count("  # the line of the user\n") == 6
    assert "privman_scenarios/" not in out
    assert "asyncio" not in out.partition("= FAILURES =")[2].replace("asyncio_mode", "")
    result.stdout.fnmatch_lines(
        [
            "*expected the decision on * to be delivered; got no decision",
            "* broken contracts *",
            (
                'servicenow PATCH * breaks the contract decision-update, evidence P: status has value "Approved". '
                'Expected * To allow it, call servicenow.tolerate("decision-update").'
            ),
            "* last exchanges *",
            "servicenow received #* PATCH /api/now/table/x_thyti_thycotic_p_request/*",
            '  > {"status": "Approved"}',
        ]
    )


RESTRICTED = """
sys_properties:
  - {name: glide.authenticate.basic_auth.restriction.active, value: "true"}
  - {name: glide.authenticate.basic_auth.restriction.enforce, value: "true"}
"""
REFUSED = """
import pytest

@pytest.mark.servicenow(release="zurich", data=["rows.yaml"])
def test_it(world):
    pass
"""


@pytest.mark.long
def test_a_refused_password_is_explained(pytester: pytest.Pytester) -> None:
    """ServiceNow's 401 says nothing of its reason, so the finding does; it explains, and is no failure itself."""
    pytester.makefile(".yaml", rows=RESTRICTED)
    pytester.makepyfile(REFUSED)
    result = pytester.runpytest_inprocess("-W", "ignore")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "* findings *",
            (
                "servicenow POST *integration_configuration (#1): basic-refused: 'admin' has the right password, but * "
                "which glide.authenticate.basic_auth.restriction.enforce requires. Add "
                "a role of the user to that property by a row in --data, "
                "or set web_service_access_only of the user."
            ),
            "* last exchanges *",
        ]
    )
    result.stdout.no_fnmatch_line("* broken contracts *")


ASKING = """
def test_it(world):
    world.console.ask({})
    world.console.approval("none")
"""


@pytest.mark.long
def test_a_failed_test_shows_its_own_exchanges(pytester: pytest.Pytester) -> None:
    """Not those of the set-up; the line of the summary begins with what failed."""
    pytester.makepyfile(test_a=ASKING)
    result = pytester.runpytest_inprocess("-W", "ignore")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["* last exchanges *", "FAILED test_a.py::test_it - ControlRefusedError: *"])
    assert "instance_metadata" not in result.stdout.str()


VANISHING = """
def test_it(servicenow, vanish):
    vanish()
    assert {passes}
"""


@pytest.mark.long
@pytest.mark.parametrize("passes", [True, False])
def test_a_fake_that_has_vanished_is_named(
    passes: bool,  # noqa: FBT001 - of the inner test
    pytester: pytest.Pytester,
    privman_loop: LoopThread,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows what it has seen: a test that passes fails for it, and one that fails has one failure."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    clock = RealClock()
    served = serving(mock_servicenow.app.create_app(Settings(), clock=clock, ids=Ids(5)))
    url = privman_loop.run(served.__aenter__())
    vanish = ModuleType("vanish")
    vanish.vanish = pytest.fixture(lambda: lambda: privman_loop.run(served.__aexit__(None, None, None)), name="vanish")  # type: ignore[attr-defined]
    pytester.makepyfile(VANISHING.format(passes=passes))
    options = ("-p", "no:asyncio", "--privman-servicenow-url", url, "--privman-reset")
    result = pytester.runpytest_inprocess(*options, plugins=[vanish])
    privman_loop.run(clock.aclose())
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["expected an answer; got GET /__admin/*"])
