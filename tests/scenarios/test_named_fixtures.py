"""The names and the scopes of the pytest fixtures."""

import pytest

from privman_core.loop_thread import LoopThread

from .shared_instance import read_all, shared_mock

pytest_plugins = ["pytester"]
OPTIONS = ("-p", "no:asyncio", "-p", "no:cacheprovider")


OWN_NAMES = """
import pytest

@pytest.fixture
def console():
    return "a console of the project"

@pytest.fixture
def servicenow():
    return "a client of the project"

def test_it(world, console, servicenow, privman_console):
    assert (console, servicenow) == ("a console of the project", "a client of the project")
    assert world.console is privman_console
    world.decide(world.console.ask({}), "Approve").delivered()
"""


@pytest.mark.long
def test_a_project_keeps_its_own_fixtures(pytester: pytest.Pytester) -> None:
    """Ours depend on none of their names, and each has a name that no project takes."""
    pytester.makepyfile(OWN_NAMES)
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=1)


RENAMED = """
[pytest]
privman_fixture_names =
    console = pm_console
    session_world=both
"""


@pytest.mark.long
def test_fixtures_are_renamed(pytester: pytest.Pytester) -> None:
    """A short name that another plugin has is left to it."""
    pytester.makeini(RENAMED)
    pytester.makepyfile("def test_it(world, pm_console, both): assert world.console is pm_console is not both.console")
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=1)
    pytester.makepyfile("def test_it(console): ...")
    result = pytester.runpytest_inprocess(*OPTIONS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'console' not found"])


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("consol = pm", "'consol = pm': unknown fixture 'consol'. Did you mean 'console'?"),
        ("console = 2", "'console = 2': invalid name '2'. Expected a line such as 'console = pm_console'."),
        ("console", "'console': invalid name ''. Expected a line such as 'console = pm_console'."),
        ("console = world", "'console = world': two fixtures have the name 'world'. Expected another name for each."),
    ],
)
def test_names_that_cannot_be(line: str, complaint: str, pytester: pytest.Pytester) -> None:
    """Each is refused in one line before any test."""
    pytester.makeini(f"[pytest]\nprivman_fixture_names = {line}\n")
    result = pytester.runpytest_inprocess(*OPTIONS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == f"ERROR: privman_fixture_names: {complaint}"


SHARED = """
import pytest

URLS = set()
IDS = set()

@pytest.fixture(scope="{scope}")
def connector({scope}_servicenow):
    return {scope}_servicenow.url

@pytest.mark.parametrize("response", ["Approve", "Deny"])
def test_it(response, connector, {scope}_world, {scope}_console):
    assert {scope}_world.console is {scope}_console
    assert {scope}_console.approvals() == []
    assert {scope}_world.servicenow.find("request") == []
    assert {scope}_world.servicenow.faults.idle() == []
    URLS.add(connector)
    request_id = {scope}_console.ask({{"PolicyName": "Elevate installers"}})
    IDS.add(({scope}_console.instance_id, request_id, {scope}_world.clock.now()))
    {scope}_world.decide(request_id, response).delivered()
    {scope}_world.clock.advance("1 hour")
    {scope}_console.create_policy("Elevate scripts")
    {scope}_world.servicenow.faults.arm("status", status=503, optional=True)
    {scope}_world.servicenow.tolerate("*")

def test_all_had_the_same_server({scope}_servicenow):
    assert URLS == {{{scope}_servicenow.url}}
    assert len(IDS) == 1
"""


@pytest.mark.long
@pytest.mark.parametrize("scope", ["module", "session"])
def test_one_server_for_several_tests(scope: str, pytester: pytest.Pytester) -> None:
    """Each test begins clean: no records, faults or tolerance of the test before, and the same time and identifiers."""
    pytester.makepyfile(SHARED.format(scope=scope))
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=3)


WHERE = """
import os, pathlib

def test_it({scope}_servicenow, servicenow):
    assert servicenow.url != {scope}_servicenow.url
    with pathlib.Path("urls").open("a") as urls:
        print({scope}_servicenow.url, file=urls)
"""


@pytest.mark.long
@pytest.mark.parametrize(("scope", "servers"), [("module", 2), ("session", 1)])
def test_a_server_lives_as_long_as_its_scope(scope: str, servers: int, pytester: pytest.Pytester) -> None:
    """Two modules have two servers, or share one; a fresh one is beside it."""
    pytester.makepyfile(test_one=WHERE.format(scope=scope), test_two=WHERE.format(scope=scope))
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=2)
    assert len({*(pytester.path / "urls").read_text().split()}) == servers


JUDGED = """
import pytest, requests

def break_a_contract(servicenow):
    table = f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_request"
    requests.post(table, json={"request_id": "none"}, auth=servicenow.auth)

def test_one(session_servicenow):
    break_a_contract(session_servicenow)

def test_two(session_servicenow):
    pass

def test_three(request):
    break_a_contract(request.getfixturevalue("session_servicenow"))

def test_four(session_servicenow):
    session_servicenow.faults.arm("status", status=503)

@pytest.fixture
def stopping(session_servicenow):
    yield
    break_a_contract(session_servicenow)

def test_five(stopping):
    pass
"""

JUDGED_ALONE = """
import requests

def test_one(request):
    servicenow = request.getfixturevalue("session_servicenow")
    table = f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_request"
    requests.post(table, json={"request_id": "none"}, auth=servicenow.auth)

def test_two(session_servicenow):
    pass
"""


@pytest.mark.long
def test_each_test_answers_for_itself(pytester: pytest.Pytester) -> None:
    """The test that has broken a contract fails, and no other; once, and what its fixtures break is an error of it."""
    pytester.makepyfile(JUDGED)
    result = pytester.runpytest_inprocess(*OPTIONS, "-rfE")
    result.assert_outcomes(passed=2, failed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            'servicenow has 4 findings. To allow them, call servicenow.tolerate("approval-request").',
            "servicenow POST * breaks the contract approval-request, evidence I: activity_type_id is missing. *",
            "FAILED *::test_one - *",
            "FAILED *::test_three - *",
            "FAILED *::test_four - *",
            "ERROR *::test_five - *",
        ]
    )


@pytest.mark.long
def test_the_first_test_answers_for_itself(pytester: pytest.Pytester) -> None:
    """However it has asked for a fixture that others use after it."""
    pytester.makepyfile(JUDGED_ALONE)
    result = pytester.runpytest_inprocess(*OPTIONS, "-rf")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_one - *"])


UNTOUCHED = """
import requests

STARTED = []

def of_tests(servicenow):
    journal = requests.get(f"{servicenow.url}/__admin/requests", timeout=10).json()["requests"]
    return [each["url"] for each in journal if each["url"].endswith(("_request", "incident"))]

def test_one(request):
    world = request.getfixturevalue("session_world")
    world.console.ask({})
    STARTED.append(world.servicenow)

def test_two():
    assert of_tests(STARTED[0]) == []  # reset, though test_one has not named the fixture
    requests.get(f"{STARTED[0].url}/api/now/table/incident", auth=STARTED[0].auth, timeout=10)

def test_three():
    assert of_tests(STARTED[0]) == []

def test_four():
    raise AssertionError("nothing of ServiceNow's")
"""


@pytest.mark.long
def test_a_test_that_uses_neither_party_resets_nothing(pytester: pytest.Pytester) -> None:
    """Whatever has used one is reset before the next test; the failure of a test shows its own exchanges only."""
    pytester.makepyfile(UNTOUCHED)
    result = pytester.runpytest_inprocess(*OPTIONS)
    result.assert_outcomes(passed=3, failed=1)
    assert "last exchanges" not in result.stdout.str()


@pytest.mark.long
def test_what_cannot_be_reset_cannot_be_shared(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a target, a test would find what the tests before have created."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    pytester.makepyfile("def test_it(session_servicenow): ...")
    with shared_mock(privman_loop) as url:
        before = read_all(url)
        result = pytester.runpytest_inprocess(*OPTIONS, "--privman-servicenow-url", url)
        assert read_all(url) == before
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"session_? fixtures reset both parties before each test, which is not possible: {url} *"]
    )
