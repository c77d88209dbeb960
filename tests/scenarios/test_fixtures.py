"""The pytest fixtures, as other people's tests use them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
import requests
from aiohttp import ClientSession, web

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import issue_certificate, serving
from privman_core.virtual_clock import VirtualClock
from privman_scenarios.decision import Decision, DecisionDelivery
from privman_scenarios.errors import ExpectationError, UnknownWordError
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.playing.world import World

from .shared_instance import read_all, shared_mock

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
    """Sixteen and a half hours pass at once, and both sides time the request out."""
    before = world.console.clock.now()
    request_id = world.console.ask({})
    world.clock.advance("16:30:00")
    assert world.console.clock.now() - before == timedelta(hours=16, minutes=30)
    assert world.console.approval(request_id)["state"] == "TimedOut"
    assert world.servicenow.find("request", request_id=request_id)[0]["status"] == "TimedOut"


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


def test_a_set_up_that_fails_is_told(privman_loop: LoopThread, privman_world: World) -> None:
    """A console that cannot be set up is no fixture to go on with."""
    ServiceNowFixture(privman_loop, privman_world).faults.arm("hibernating", path="/api/*")
    with pytest.raises(ExpectationError, match=r"the set-up to hold.*hibernating"):
        ConsoleFixture(privman_loop, privman_world)


BREAKING = """
def test_it(servicenow, console):
    {tolerate}
    import requests
    values = {{"instance_id": console.instance_id, "activity_type_id": console.activity_type_id,
               "request_id": "none", "metadata": "{{}}"}}
    url = f"{{servicenow.url}}/api/now/table/x_thyti_thycotic_p_request"
    assert requests.post(url, json=values, auth=servicenow.auth).status_code == 403
"""


def test_certificates_after_a_run_within_this_one(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """What an inner run has loaded is forgotten; certificates can be issued all the same."""
    pytester.makepyfile("def test_it():\n    import trustme\n    trustme.CA().issue_cert('localhost')\n")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
    issue_certificate("127.0.0.1", tmp_path / "authority.pem")


def test_a_broken_contract_fails_the_test_at_its_end(pytester: pytest.Pytester) -> None:
    """The message is named in plain words, without a traceback."""
    pytester.makepyfile(BREAKING.format(tolerate=""))
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["servicenow saw * broken contract(s):", "#* approval-request: request_id has value *"])


def test_a_broken_contract_is_not_forgotten_with_the_journal(pytester: pytest.Pytester) -> None:
    """A test that empties the journal half way is red all the same."""
    pytester.makepyfile(BREAKING.format(tolerate="") + "    servicenow.forget_journal()\n")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1, errors=1)


@pytest.mark.parametrize("wipe", ["requests.post(f'{servicenow.url}/__admin/reset')", "requests.delete(journal)"])
def test_a_broken_contract_is_not_forgotten_by_a_wipe(wipe: str, pytester: pytest.Pytester) -> None:
    """Whoever empties the journal through the control plane itself."""
    file = BREAKING.format(tolerate="") + f"    journal = f'{{servicenow.url}}/__admin/requests'\n    {wipe}\n"
    pytester.makepyfile(file)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1, errors=1)


IDLE = """
import requests

def test_it(console):
    console.faults.arm("status", status=503, path="*/approval/approve", method="GET"{optional})
    {clear}
"""


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
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*console: the fault 'status' on GET */approval/approve has struck no request, or fewer *"]
    )
    pytester.makepyfile(IDLE.format(optional=", optional=True", clear=clear))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


SWALLOWING = """
def test_it(servicenow):
    {tolerate}
    import requests
    requests.get(f"{{servicenow.url}}/api/now/table/sys_user?sysparm_query=nosuch=1", auth=servicenow.auth)
"""


def test_what_servicenow_swallows_fails_a_strict_test(pytester: pytest.Pytester) -> None:
    """As --strict does for scenarios; a test that means it says so."""
    pytester.makepyfile(SWALLOWING.format(tolerate=""))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-strict")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["servicenow saw 1 finding(s):", "#* query-term-ignored: *nosuch*"])
    pytester.makepyfile(SWALLOWING.format(tolerate="servicenow.tolerate('query-term-ignored')"))
    pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-strict").assert_outcomes(passed=1)


SEEING = """
def test_it(servicenow):
    assert servicenow.findings == []
"""


def test_findings_that_nobody_sees_are_not_none(pytester: pytest.Pytester, real_instance: Callable[[str], str]) -> None:
    """A real system has no control plane: a strict test, and one that expects no findings, has nothing to judge by."""
    target = ["-p", "no:asyncio", "--servicenow-url", real_instance("")]
    pytester.makepyfile(SEEING)
    result = pytester.runpytest_inprocess(*target)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expected a control plane at *"])
    pytester.makepyfile("def test_it(servicenow):\n    pass\n")
    pytester.runpytest_inprocess(*target).assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess(*target, "--privman-strict")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["--privman-strict has nothing to judge by, as no findings are seen: *"])


@pytest.mark.parametrize(
    ("content", "password", "complaint"),
    [
        ("tabels: {}", "A-long-Pass-0123456789", "*names.yaml: 'tabels' is no wire name. Did you mean 'tables'?"),
        ("", "\udcff", "SERVICENOW_PASSWORD is not UTF-8 text."),
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
    target = ["--servicenow-url", "http://127.0.0.1:9", "--privman-inferred", str(names), "--showlocals"]
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


def test_a_broken_contract_may_be_tolerated(pytester: pytest.Pytester) -> None:
    """A test that breaks a contract on purpose says so."""
    pytester.makepyfile(BREAKING.format(tolerate="servicenow.tolerate('approval-*')"))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


SEEDED = """
import os
def test_it(console):
    with open(os.environ["SEEN"], "a") as seen:
        print(console.instance_id, file=seen)
"""


def test_the_seed_decides_about_identifiers(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same --privman-seed gives the same ids, another one gives others."""
    seen = pytester.path / "seen"
    monkeypatch.setenv("SEEN", str(seen))
    pytester.makepyfile(SEEDED)
    for seed in ("1", "1", "2"):
        pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-seed", seed).assert_outcomes(passed=1)
    first, again, other = seen.read_text().split()
    assert first == again != other


ADDRESSED = """
def test_it(servicenow, console):
    assert (servicenow.url, console.url) == ({servicenow!r}, {console!r})
"""


def test_the_options_name_systems_that_already_run(
    pytester: pytest.Pytester, privman_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--servicenow-url and --console-url take the place of what would be started; --privman-reset resets it."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    servicenow, console = privman_world.servicenow.url, privman_world.console.url
    pytester.makepyfile(ADDRESSED.format(servicenow=servicenow, console=console))
    options = ("--servicenow-url", servicenow, "--console-url", console)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", *options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the console cannot be set up: *--privman-reset*"])
    pytester.runpytest_inprocess("-p", "no:asyncio", *options, "--privman-reset").assert_outcomes(passed=1)


WORKING = """
def test_it(world):
    request_id = world.console.ask({"PolicyName": "Elevate installers"})
    assert world.decide(request_id, "Approve").delivered().status == 200
    assert len(world.servicenow.find("request")) == 1
"""


def test_an_instance_that_already_runs_keeps_its_records(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mock with records in it is like a real instance: nothing is reset, and what a test made is deleted."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    pytester.makepyfile(WORKING)
    with shared_mock(privman_loop) as url:
        before = read_all(url)
        pytester.runpytest_inprocess("-p", "no:asyncio", "--servicenow-url", url).assert_outcomes(passed=1)
        assert read_all(url) == before


@pytest.mark.once
def test_a_journal_of_writes_is_kept(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--privman-writes has what each process of pytest-xdist has written, its deletions among it, and begins anew."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    pytester.makepyfile(WORKING)
    file = pytester.path / "writes"
    with shared_mock(privman_loop) as url:
        for _ in range(2):
            options = ("-p", "no:cacheprovider", "-n", "1", "--servicenow-url", url, "--privman-writes", file)
            pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
            writes = [orjson.loads(line) for line in file.read_text().splitlines()]
            assert [(each["by"], each["method"]) for each in writes].count(("run", "PATCH")) == 1
            assert {"POST", "PATCH", "DELETE"} == {each["method"] for each in writes}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--privman-reset",), "--privman-reset requires --servicenow-url or --console-url."),
        (("--privman-writes", "kept"), "--privman-writes requires --servicenow-url: nothing else keeps what is wri"),
        (
            ("--privman-writes", "kept", "--servicenow-url", "http://127.0.0.1:9"),
            "--privman-writes would overwrite kept, which it has not written.",
        ),
        (
            ("--privman-writes", "nowhere/kept", "--servicenow-url", "http://127.0.0.1:9"),
            "--privman-writes nowhere/kept: No such file or directory.",
        ),
    ],
)
def test_options_that_would_count_for_nothing_are_refused(
    pytester: pytest.Pytester, options: tuple[str, ...], message: str
) -> None:
    """As the command refuses them: whoever gives one believes that a system which already runs is meant."""
    (pytester.path / "kept").write_text("somebody's")
    result = pytester.runpytest_inprocess("-p", "no:asyncio", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {message}" in result.stderr.str()
    assert (pytester.path / "kept").read_text() == "somebody's"


TOO_MUCH = """
def test_time(world): world.clock.advance("1 day")
def test_journal(servicenow): servicenow.journal
def test_console(console): console.ask({})
"""


def test_what_a_target_cannot_do_fails_a_test(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is skipped, so that no test is green which has tried nothing."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    pytester.makepyfile(TOO_MUCH)
    with shared_mock(privman_loop) as url:
        result = pytester.runpytest_inprocess("-p", "no:asyncio", "--servicenow-url", url)
        result.assert_outcomes(failed=2, passed=1)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--console-url", "http://127.0.0.1:9")
    result.assert_outcomes(errors=3)


LATE = """
def test_it(world, privman_world):
    request_id = world.console.ask({})
    world.clock.settle()
    assert world.console.approval(request_id)["state"] == "Pending"
    assert (privman_world.patience, privman_world.quiet_time) == (60, 0)
"""


def test_patience_and_quiet_time_are_options(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what is to come, and of what must not; virtual time needs neither."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    pytester.makepyfile(LATE)
    options = ("-p", "no:asyncio", "--privman-patience", "60", "--privman-quiet-time", "0", "--privman-timeout", "9")
    with shared_mock(privman_loop) as url:
        for target in ((), ("--servicenow-url", url)):
            pytester.runpytest_inprocess(*options, *target).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--privman-patience", "0", "invalid count '0': expected a whole number from 1"),
        ("--privman-quiet-time", "-1", "invalid count '-1'"),
        ("--privman-ca-file", "nowhere.pem", "no certificate in 'nowhere.pem': "),
        ("--privman-timeout", "soon", "invalid span 'soon': expected 0.1 to 3600 seconds"),
    ],
)
def test_options_are_read_as_by_the_commands(
    option: str, value: str, complaint: str, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """What they refuse is refused before any test."""
    assert pytester.runpytest_inprocess(f"{option}={value}").ret is pytest.ExitCode.USAGE_ERROR
    assert f"argument {option}: {complaint}" in capsys.readouterr().err


def test_an_option_names_the_spelling_of_an_instance(
    pytester: pytest.Pytester, real_instance: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As --inferred does for the commands."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    theirs = "tables: {request: u_requests}\n"
    (pytester.path / "theirs.yaml").write_text(theirs)
    pytester.makepyfile(WORKING)
    options = ("-p", "no:asyncio", "--servicenow-url", real_instance(theirs))
    pytester.runpytest_inprocess(*options, "--privman-inferred", "theirs.yaml").assert_outcomes(passed=1)


@pytest.mark.parametrize("option", ["--servicenow-url", "--console-url"])
def test_an_option_that_names_no_address(
    pytester: pytest.Pytester, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no address is refused before any test."""
    assert pytester.runpytest_inprocess("-p", "no:asyncio", option, "nope").ret is pytest.ExitCode.USAGE_ERROR
    assert f"argument {option}: 'nope'; expected an address such as https://" in capsys.readouterr().err


def test_an_address_where_nothing_runs_is_told(pytester: pytest.Pytester) -> None:
    """The test has an error of one line, without a traceback."""
    pytester.makepyfile("def test_it(servicenow): ...")
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--servicenow-url", "http://127.0.0.1:9")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*http://127.0.0.1:9*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_an_option_names_the_certificate_of_an_instance(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance whose certificate no authority of this machine has signed is trusted with --privman-ca-file."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    authority = pytester.path / "ca.pem"
    tls = issue_certificate("127.0.0.1", authority)
    served = serving(mock_servicenow.app.create_app(Settings(), clock=VirtualClock(), ids=Ids(0)), tls=tls)
    options = ("--servicenow-url", privman_loop.run(served.__aenter__()), "--privman-ca-file", str(authority))
    pytester.makepyfile("def test_it(servicenow): assert servicenow.find('request') == []")
    pytester.runpytest_inprocess("-p", "no:asyncio", *options).assert_outcomes(passed=1)
    privman_loop.run(served.__aexit__(None, None, None))


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_a_delivery_is_waited_for(world: WorldFixture, failures: int) -> None:
    """Virtual time jumps to each retry, and no further than the one that succeeds (integration 4)."""
    if failures:
        world.console.faults.arm("status", status=503, path="*/approval/approve", times=failures)
    decision = world.decide(world.console.ask({}), "Approve")
    before = world.clock.now()
    delivery = decision.delivered()
    assert (decision.status, delivery.status, delivery.retries) == (200, 200, failures)
    assert world.clock.now() - before == timedelta(seconds=50) * failures


async def test_a_delivery_is_awaited(world: WorldFixture) -> None:
    """In an asynchronous test the loop goes on while the delivery is waited for."""
    world.console.faults.arm("reset", path="*/approval/approve")
    delivery = await world.decide(world.console.ask({}), "Approve").delivered()
    assert delivery.retries == 1


FORGETTING = """
import asyncio
def test_it(world):
    request_id = world.console.ask({{}})
    async def work():
        decision = world.decide(request_id, "Approve")
        {within}
    asyncio.run(work())
    {after}
"""


@pytest.mark.parametrize(
    ("within", "after"),
    [
        ("decision.delivered()", ""),
        ("asyncio.ensure_future(decision.delivered())", ""),
        ("await decision.delivered()", "world.servicenow.decision(request_id)"),
        ("await decision.delivered()", "world.servicenow.decision(request_id).delivered"),
    ],
)
def test_a_delivery_that_nothing_waits_for_fails_the_test(pytester: pytest.Pytester, within: str, after: str) -> None:
    """At its end: nothing would have been noticed."""
    pytester.makepyfile(FORGETTING.format(within=within, after=after))
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-W", "ignore")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["nothing waited to the end for the decision on *. Expected 'decision.delivered()', with *"]
    )


def test_a_jump_that_nothing_waits_for_fails_the_test(pytester: pytest.Pytester) -> None:
    """Time has not moved; one that fails has been waited for."""
    pytester.makepyfile("""
import asyncio
import pytest
def test_forgetting(world):
    request_id = world.console.ask({})
    world.clock.advance_async("17:00:00")
    assert world.console.approval(request_id)["state"] == "Pending"
def test_waiting(world):
    asyncio.run(world.clock.advance_async("17:00:00"))
    with pytest.raises(ValueError, match="soon"):
        asyncio.run(world.clock.advance_async("soon"))
""")
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-W", "ignore")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["nothing waited to the end for clock.advance_async('17:00:00'). Expected *"])


def test_a_delivery_is_waited_for_with_a_loop_and_without(pytester: pytest.Pytester) -> None:
    """As often as a test likes."""
    within = "await asyncio.gather(decision.delivered(), decision.delivered())"
    pytester.makepyfile(FORGETTING.format(within=within, after="world.servicenow.decision(request_id).delivered()"))
    pytester.runpytest_inprocess("-p", "no:asyncio", "-W", "ignore").assert_outcomes(passed=1)


def test_a_refused_decision_is_not_delivered(world: WorldFixture) -> None:
    """The delivery of the decision before it is another's."""
    request_id = world.console.ask({})
    world.decide(request_id, "Approve").delivered()
    with pytest.raises(ExpectationError, match="403 from ServiceNow, which refused it"):
        world.decide(request_id, "Deny").delivered()


async def test_a_refused_decision_is_not_delivered_to_who_awaits_it(world: WorldFixture) -> None:
    """The reason is raised where it is awaited, and nothing is left to wait for."""
    request_id = world.console.ask({})
    await world.decide(request_id, "Approve").delivered()
    with pytest.raises(ExpectationError, match="403 from ServiceNow, which refused it"):
        await world.decide(request_id, "Deny").delivered()


def test_a_decision_without_the_comments_that_its_type_excludes_is_delivered(world: WorldFixture) -> None:
    """A comment that is missing, or another one, is somebody else's decision unless the activity type has none."""
    commented = world.decide(world.console.ask({}), "Deny", comment="Not today")
    (response,) = world.servicenow.find("response")
    table = "x_thyti_thycotic_p_response"
    url = f"{world.servicenow.url}/api/now/table/{table}/{response['sys_id']}"
    assert requests.patch(url, json={"comment": ""}, auth=world.servicenow.auth, timeout=10).status_code == 200
    with pytest.raises(ExpectationError, match="to be delivered; got the comment ''"):
        commented.delivered()
    url = f"{world.servicenow.url}/api/now/table/x_thyti_thycotic_p_activity_type/{world.console.activity_type_id}"
    requests.patch(url, json={"include_comment": "false"}, auth=world.servicenow.auth, timeout=10)
    assert commented.delivered().status == 200


def test_a_delivery_that_is_given_up_is_told(world: WorldFixture) -> None:
    """The status of the last attempt is named."""
    world.console.faults.arm("status", status=503, path="*/approval/approve", times=None)
    decision = world.decide(world.console.ask({}), "Approve")
    with pytest.raises(ExpectationError, match=r"^expected the decision on .* to be delivered; got 503 after 3 retr"):
        decision.delivered()


def test_a_request_that_nobody_decided_has_no_delivery(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """Waiting for it is told at once, rather than for ever."""
    request_id = console.ask({})
    with pytest.raises(ExpectationError, match="to be delivered; got no decision"):
        servicenow.decision(request_id).delivered()


class Passing(RealClock):
    """Real time that passes as soon as somebody waits."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def sleep(self, seconds: float) -> None:
        """Let as much pass at both parties."""
        await self._world.advance(seconds * 10)


def test_a_delivery_of_systems_that_keep_real_time(privman_loop: LoopThread, world: WorldFixture) -> None:
    """The Responses table is looked at again and again, for a while."""
    world.console.faults.arm("status", status=503, path="*/approval/approve")
    request_id, undecided = world.console.ask({}), world.console.ask({})
    world.decide(request_id, "Approve")
    world.world.virtual = False
    clock = Passing(world.world)
    assert Decision(privman_loop, world.world, clock, request_id).delivered() == DecisionDelivery(200, 1)
    with pytest.raises(ExpectationError, match="to be delivered; got no decision"):
        Decision(privman_loop, world.world, clock, undecided).delivered()


EXAMPLES = Path(__file__).parents[1] / "examples"


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


def test_exchanges_that_left_the_journal_unchecked_fail_the_test(pytester: pytest.Pytester) -> None:
    """Nobody knows any more what they broke; findings that were read before are known."""
    pytester.makepyfile(FILLING.format(after=""))
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["#0 journal-evicted: * exchanges have left the journal unchecked. *"])
    pytester.makepyfile(FILLING.format(after="servicenow.findings"))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
