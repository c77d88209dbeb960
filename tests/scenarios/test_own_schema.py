"""The mock of a run, of scenarios and of tests, with tables, rows and a release of one's own."""

from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.fixture_set import FixtureSet

pytest_plugins = ["pytester"]

TABLES = "- {name: incident, columns: {u_cost_centre: {}}}"
ROWS = "incident: [{number: INC7, u_cost_centre: CC-1}]"
STORY = """
title: A column of our own
own: {names: [INC7], paths: [/api/now/table/incident]}
steps:
  - servicenow.call:
      method: GET
      path: /api/now/table/incident?sysparm_query=u_cost_centre=CC-1&sysparm_fields=number
      by: administrator
      body: {result: [{number: INC7}]}
"""


def _files(folder: Path) -> tuple[str, str]:
    tables, rows = folder / "tables.yaml", folder / "rows.yaml"
    tables.write_text(TABLES)
    rows.write_text(ROWS)
    return str(tables), str(rows)


OPTIONED = """
import pytest, requests

def _find(servicenow, query="u_cost_centre=CC-1"):
    url = f"{servicenow.url}/api/now/table/incident"
    answer = requests.get(url, {"sysparm_query": query, "sysparm_fields": "number"}, auth=servicenow.auth)
    return answer.json()["result"]

def _release(servicenow):
    url = f"{servicenow.url}/api/now/table/sys_properties?sysparm_query=name=glide.buildname&sysparm_fields=value"
    return requests.get(url, auth=servicenow.auth).json()["result"][0]["value"]
"""
BY_OPTION = """
def test_it(servicenow):
    assert _find(servicenow) == [{"number": "INC7"}]
    assert _release(servicenow).lower() == "yokohama"
"""
BY_MARK = """
pytestmark = pytest.mark.servicenow(tables="tables.yaml")

@pytest.mark.servicenow(release="yokohama", data=["rows.yaml"])
def test_it(servicenow):
    assert _find(servicenow) == [{"number": "INC7"}]
    assert _release(servicenow).lower() == "yokohama"

def test_another(servicenow):
    assert _find(servicenow) == []
    assert _release(servicenow).lower() != "yokohama"
"""
PROFILE = 'tables = "tables.yaml"\ndata = "rows.yaml"\nrelease = "yokohama"\n'


def test_options_and_the_profile(pytester: pytest.Pytester) -> None:
    """The mock has the tables, rows and release that either names."""
    tables, rows = _files(pytester.path)
    pytester.makepyfile(OPTIONED + BY_OPTION)
    options = ("--privman-tables", tables, "--privman-data", rows, "--privman-release", "yokohama")
    pytester.runpytest_inprocess("-p", "no:asyncio", *options).assert_outcomes(passed=1)
    (pytester.path / "privman.toml").write_text(PROFILE)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


def test_a_mark_is_for_the_tests_that_have_it(pytester: pytest.Pytester) -> None:
    """It is registered; its files are relative to the test's, and those of all marks count."""
    _files(pytester.path)
    pytester.makepyfile(OPTIONED + BY_MARK)
    pytester.runpytest_inprocess("-p", "no:asyncio", "--strict-markers").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("mark", "fixture", "message"),
    [
        ("'zurich'", "servicenow", "the mark servicenow has 'zurich'. Expected servicenow(release=NAME, *"),
        ("relase='zurich'", "servicenow", "the mark servicenow has relase. Expected servicenow(release=NAME, *"),
        ("release=7", "servicenow", "the mark servicenow has release 7. Expected a name."),
        ("tables=7", "servicenow", "the mark servicenow has tables 7. Expected a file, or a list of files."),
        ("release='zurch'", "servicenow", "*release is 'zurch'; did you mean 'zurich'?*"),
        ("tables='none.yaml'", "servicenow", "*none.yaml: No such file or directory*"),
        ("release='zurich'", "session_servicenow", "the mark servicenow is for fixtures that are fresh in every test*"),
    ],
)
def test_a_mark_that_cannot_be_used(pytester: pytest.Pytester, mark: str, fixture: str, message: str) -> None:
    """The test ends in an error of one line."""
    pytester.makepyfile(f"import pytest\n@pytest.mark.servicenow({mark})\ndef test_it({fixture}): pass")
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_a_mark_means_the_mock_alone(
    pytester: pytest.Pytester, privman_set: FixtureSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance that runs has its own tables and its own release."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    pytester.makepyfile("import pytest\n@pytest.mark.servicenow(release='zurich')\ndef test_it(servicenow): pass")
    options = ("-p", "no:asyncio", "--privman-servicenow-url", privman_set.parties.servicenow.url)
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess(*options, "--privman-release", "zurich")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["--privman-release is about the mock, and a ServiceNow instance is named.*"])


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_scenarios_are_played_on_it(tmp_path: Path, jobs: str) -> None:
    """Each process of a run starts the same mock."""
    tables, rows = _files(tmp_path)
    for number in range(2):
        (tmp_path / f"story{number}.yaml").write_text(STORY)
    stories = [str(tmp_path / f"story{number}.yaml") for number in range(2)]
    own = ["--tables", tables, "--data", rows, "--release", "yokohama", "--jobs", jobs]
    assert main(["run", *stories, *own]) == 0
    assert main(["run", stories[0], "--jobs", "1"]) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--release", "zurch"], "release is 'zurch'; did you mean 'zurich'?"),
        (["--tables", "rows.yaml"], "rows.yaml:1: expected a list of tables"),
        (["--data", "none.yaml"], "none.yaml: No such file or directory"),
        (
            ["--tables", "tables.yaml", "--servicenow-url", "http://127.0.0.1:9"],
            "--tables is about the mock, and a ServiceNow instance is named. Expected one of them.",
        ),
    ],
)
def test_options_that_cannot_be_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    """One line, and exit code 2."""
    _files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    (tmp_path / "story.yaml").write_text(STORY)
    assert main(["run", "story.yaml", "--jobs", "1", *options]) == 2
    assert message in capsys.readouterr().err
