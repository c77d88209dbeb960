"""The options of the pytest plugin."""

import re
from collections.abc import Callable

import orjson
import pytest
from aiohttp import web

from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.fixture_set import FixtureSet

from .shared_instance import read_all, shared_mock
from .stub_instance import CONFIGURATION, RESPONSE, StubInstance

pytest_plugins = ["pytester"]


SEEDED = """
import os
def test_it(console):
    with open(os.environ["SEEN"], "a") as seen:
        print(console.instance_id, file=seen)
"""


@pytest.mark.long
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


@pytest.mark.long
def test_the_options_name_systems_that_already_run(
    pytester: pytest.Pytester, privman_set: FixtureSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The addresses take the place of what would be started; --privman-reset resets it."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    parties = privman_set.parties
    servicenow, console = parties.servicenow.url, parties.console.url
    pytester.makepyfile(ADDRESSED.format(servicenow=servicenow, console=console))
    options = ("--privman-servicenow-url", servicenow, "--privman-console-url", console)
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


@pytest.mark.long
def test_an_instance_that_already_runs_keeps_its_records(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mock with records in it is like a real instance: nothing is reset, and what a test made is deleted."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    pytester.makepyfile(WORKING)
    with shared_mock(privman_loop) as url:
        before = read_all(url)
        pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-servicenow-url", url).assert_outcomes(passed=1)
        assert read_all(url) == before


@pytest.mark.long
def test_a_table_that_is_not_listed_is_named_once(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that need other tables only pass."""
    for name, value in (("USER", "integration"), ("PASSWORD", "s3cret")):
        monkeypatch.setenv(f"SERVICENOW_{name}", value)
    pytester.makepyfile("def test_it(console): console.ask({})\ndef test_again(console): console.ask({})")
    instance = StubInstance()
    instance.lacking = {RESPONSE: web.HTTPBadRequest}
    served = serving(instance.app())
    url = privman_loop.run(served.__aenter__())
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-servicenow-url", url)
    privman_loop.run(served.__aexit__(None, None, None))
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"{url} does not list {RESPONSE}, so nothing is deleted there."])
    assert result.stdout.str().count(RESPONSE) == 1


@pytest.mark.long
def test_what_cannot_be_deleted_fails_the_test(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its end, with what stays."""
    for name, value in (("USER", "integration"), ("PASSWORD", "s3cret")):
        monkeypatch.setenv(f"SERVICENOW_{name}", value)
    pytester.makepyfile("def test_it(console): ...")
    instance = StubInstance()
    instance.kept = {CONFIGURATION}
    served = serving(instance.app())
    url = privman_loop.run(served.__aenter__())
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-servicenow-url", url)
    privman_loop.run(served.__aexit__(None, None, None))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"{url} keeps records of this run: /api/now/table/{CONFIGURATION}/*"])


@pytest.mark.long
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
            options = ("-p", "no:cacheprovider", "-n", "1", "--privman-servicenow-url", url, "--privman-writes", file)
            pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
            writes = [orjson.loads(line) for line in file.read_text().splitlines()]
            assert [(each["by"], each["method"]) for each in writes].count(("run", "PATCH")) == 1
            assert {"POST", "PATCH", "DELETE"} == {each["method"] for each in writes}


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--privman-reset",), "--privman-reset requires --privman-servicenow-url or --privman-console-url."),
        (
            ("--privman-writes", "kept"),
            "--privman-writes requires --privman-servicenow-url: nothing else keeps what is wri",
        ),
        (
            ("--privman-writes", "kept", "--privman-servicenow-url", "http://127.0.0.1:9"),
            "--privman-writes would overwrite kept, which it has not written.",
        ),
        (
            ("--privman-writes", "nowhere/kept", "--privman-servicenow-url", "http://127.0.0.1:9"),
            "--privman-writes nowhere/kept: No such file or directory.",
        ),
        (
            ("--privman-reset", "--privman-servicenow-url=http://127.0.0.1:9", "--privman-admin-token-file=missing"),
            "--privman-admin-token-file: missing: No such file or directory.",
        ),
        (("--privman-writes", "kept", "--privman-profile", "nosuch"), "no profile 'nosuch': "),
        (
            ("--privman-reset", "--privman-servicenow-url=http://127.0.0.1:9", "-n", "2"),
            "--privman-reset resets what all 2 processes of pytest-xdist use. Expected one process (-n 1), or a fake",
        ),
        (
            (
                "--privman-reset",
                "--privman-servicenow-url=http://127.0.0.1:9",
                "--dist=load",
                "--tx=2*popen",
                "--tx=popen",
            ),
            "--privman-reset resets what all 3 processes of pytest-xdist use. Expected one process (-n 1), or a fake",
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


@pytest.mark.long
def test_what_a_target_cannot_do_fails_a_test(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is skipped, so that no test is green which has tried nothing."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    pytester.makepyfile(TOO_MUCH)
    with shared_mock(privman_loop) as url:
        result = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-servicenow-url", url)
        result.assert_outcomes(failed=2, passed=1)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-console-url", "http://127.0.0.1:9")
    result.assert_outcomes(errors=3)


LATE = """
def test_it(world, privman_set):
    request_id = world.console.ask({})
    world.clock.settle()
    assert world.console.approval(request_id)["state"] == "Pending"
    assert (privman_set.parties.patience, privman_set.parties.quiet_time) == (60, 0)
"""


@pytest.mark.long
def test_patience_and_quiet_time_are_options(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what is to come, and of what must not; virtual time needs neither."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    pytester.makepyfile(LATE)
    options = ("-p", "no:asyncio", "--privman-patience", "60", "--privman-quiet-time", "0", "--privman-timeout", "9")
    with shared_mock(privman_loop) as url:
        for target in ((), ("--privman-servicenow-url", url)):
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


@pytest.mark.long
def test_an_option_names_the_spelling_of_an_instance(
    pytester: pytest.Pytester, real_instance: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As --inferred does for the commands."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    theirs = "tables: {request: u_requests}\n"
    (pytester.path / "theirs.yaml").write_text(theirs)
    pytester.makepyfile(WORKING)
    options = ("-p", "no:asyncio", "--privman-servicenow-url", real_instance(theirs))
    pytester.runpytest_inprocess(*options, "--privman-inferred", "theirs.yaml").assert_outcomes(passed=1)


OWN_OPTIONS = """
def pytest_addoption(parser):
    for name in ("servicenow-url", "console-url", "ca-file", "seed", "inferred"):
        parser.addoption(f"--{name}", default="ours")
"""


def test_a_project_keeps_its_own_options(pytester: pytest.Pytester) -> None:
    """Every option of the plugin has its prefix, so a project may define the short names."""
    pytester.makeconftest(OWN_OPTIONS)
    pytester.makepyfile(
        "def test_it(pytestconfig): assert pytestconfig.getoption('servicenow_url') == 'https://dev.example'"
    )
    options = ("-p", "no:asyncio", "--servicenow-url", "https://dev.example")
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=1)


def test_every_option_has_the_prefix(pytester: pytest.Pytester) -> None:
    """Of those in the group of the plugin; none has a short name beside it."""
    text = pytester.runpytest_inprocess("-p", "no:asyncio", "--help").stdout.str()
    group = text.partition("Privilege Manager and ServiceNow:\n")[2].partition("\n\n")[0]
    names = re.findall(r"^  (-\S+)", group, re.MULTILINE)
    assert names
    assert [name for name in names if not name.startswith("--privman-")] == []


@pytest.mark.parametrize("option", ["--privman-servicenow-url", "--privman-console-url"])
def test_an_option_that_names_no_address(
    pytester: pytest.Pytester, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no address is refused before any test."""
    assert pytester.runpytest_inprocess("-p", "no:asyncio", option, "nope").ret is pytest.ExitCode.USAGE_ERROR
    assert f"argument {option}: 'nope'; expected an address such as https://" in capsys.readouterr().err


@pytest.mark.long
def test_an_address_where_nothing_runs_is_told(pytester: pytest.Pytester) -> None:
    """The test has an error of one line, without a traceback."""
    pytester.makepyfile("def test_it(servicenow): ...")
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-servicenow-url", "http://127.0.0.1:9")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*http://127.0.0.1:9*"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.long
def test_a_test_module_that_cannot_be_imported_is_one_error(pytester: pytest.Pytester) -> None:
    """The summary is printed as without the plugin."""
    pytester.makepyfile("import no_such_module")
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(errors=1)
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
