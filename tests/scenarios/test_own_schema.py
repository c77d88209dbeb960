"""The mock of a run, of scenarios and of tests, with tables, rows and a release of one's own."""

import json
import os
from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.fixture_set import FixtureSet

pytest_plugins = ["pytester"]

TABLES = """
- {name: incident, columns: {u_cost_centre: {}}}
- {name: u_laptop, columns: {u_serial: {}, u_owner: {reference: sys_user}}}
"""
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


OWN = """
title: Tables of our own
given: nothing
steps:
  - servicenow.insert: {table: u_laptop, values: {%s: L-1}, as: laptop}
  - servicenow.insert: {table: incident, values: {%s: CC-1}}
  - servicenow.call: {path: "/api/now/table/u_laptop?sysparm_query=u_owner.name=x", by: administrator, status: 200}
  - servicenow.call: {path: "/api/now/table/u_laptop?u_owner.name=x", by: administrator, body: {result: []}}
  - servicenow.call: {path: "/api/now/table/u_laptop?sysparm_query=%s=L-1", by: administrator, status: 200}
"""
OF_APP = """
title: A column of our own
steps:
  - console.ask:
  - servicenow.expect-records: {table: request, where: {%s: ""}, count: 1, values: {status: Pending}}
"""
FOUND = """
import pytest
from privman_scenarios.errors import UnknownWordError

def test_the_platform(servicenow):
    assert [each["user_name"] for each in servicenow.find("sys_user", user_name="admin")] == ["admin"]
    with pytest.raises(UnknownWordError, match="unknown table 'u_laptop'"):
        servicenow.find("u_laptop")
    with pytest.raises(UnknownWordError, match="column 'shrt_description' of incident is nearly 'short_description'"):
        servicenow.find("incident", shrt_description="x")

@pytest.mark.servicenow(tables="tables.yaml", data="rows.yaml")
def test_files(servicenow):
    assert [each["number"] for each in servicenow.find("incident", u_cost_centre="CC-1")] == ["INC7"]
    assert servicenow.find("u_laptop") == []
    servicenow.faults.arm("status", status=503, path="/api/now/table/u_laptop*", optional=True)
    for table, column in (("incident", "u_cost_center"), ("u_laptop", "u_serail")):
        with pytest.raises(UnknownWordError, match=f"unknown column of {table} '{column}'. Did you mean"):
            servicenow.find(table, **{column: "x"})
    with pytest.raises(UnknownWordError, match="unknown table 'u_lapptop'. Did you mean 'u_laptop'"):
        servicenow.find("u_lapptop")
"""


def _own(of_laptop: str, of_incident: str) -> str:
    return OWN % (of_laptop, of_incident, of_laptop)


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
SEVERAL = """
def test_it(servicenow):
    assert servicenow.find("incident", u_cost_centre="CC-1") and servicenow.find("u_laptop", u_serial="L-1")
"""
PROFILE = 'tables = "tables.yaml"\ndata = "rows.yaml"\nrelease = "yokohama"\n'


@pytest.mark.long
def test_options_and_the_profile(pytester: pytest.Pytester) -> None:
    """The mock has the tables, rows and release that either names."""
    tables, rows = _files(pytester.path)
    pytester.makepyfile(OPTIONED + BY_OPTION)
    options = ("--privman-tables", tables, "--privman-data", rows, "--privman-release", "yokohama")
    pytester.runpytest_inprocess("-p", "no:asyncio", *options).assert_outcomes(passed=1)
    (pytester.path / "privman.toml").write_text(PROFILE)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


@pytest.mark.long
def test_several_files(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option is repeated, a variable separates files as PATH does, a profile has a list; all of them count."""
    tables, rows = (
        text.splitlines(keepends=True) for text in (TABLES.strip(), f"{ROWS}\nu_laptop: [{{u_serial: L-1}}]")
    )
    for name, lines in (("tables", tables), ("rows", rows)):
        for number, line in enumerate(lines):
            (pytester.path / f"{name}{number}.yaml").write_text(line)
    pytester.makepyfile(SEVERAL)
    monkeypatch.chdir(pytester.path)
    (pytester.path / "story.yaml").write_text(
        "{title: T, given: nothing, steps: [servicenow.expect-records: {table: u_laptop, where: {u_serial: L-1}}]}"
    )
    files = {"tables": ["tables0.yaml", "tables1.yaml"], "data": ["rows0.yaml", "rows1.yaml"]}
    options = [f"--{name}={file}" for name, of in files.items() for file in of]
    assert main(["run", "story.yaml", *options]) == 0
    pytester.runpytest_inprocess(
        "-p", "no:asyncio", *(option.replace("--", "--privman-") for option in options)
    ).assert_outcomes(passed=1)
    with monkeypatch.context() as patch:
        for name, of in files.items():
            patch.setenv(f"PRIVMAN_{name.upper()}", os.pathsep.join(of))
        assert main(["run", "story.yaml"]) == 0
        patch.setenv("PRIVMAN_TABLES", f"tables0.yaml{os.pathsep}")
        assert main(["run", "story.yaml"]) == 2
        assert "PRIVMAN_TABLES: invalid path ''" in capsys.readouterr().err
    profile = pytester.path / "privman.toml"
    profile.write_text("".join(f"{name} = {json.dumps(of)}\n" for name, of in files.items()))
    assert main(["run", "story.yaml"]) == 0
    assert main(["targets"]) == 0
    assert " tables0.yaml, tables1.yaml " in capsys.readouterr().out
    profile.write_text("tables = ['tables0.yaml', 7]")
    assert main(["run", "story.yaml"]) == 2
    assert "privman.toml:1: tables: invalid value ['tables0.yaml', 7]: expected text or a list of texts." in (
        capsys.readouterr().err
    )


@pytest.mark.long
def test_a_mark_is_for_the_tests_that_have_it(pytester: pytest.Pytester) -> None:
    """It is registered; its files are relative to the test's, and those of all marks count."""
    _files(pytester.path)
    pytester.makepyfile(OPTIONED + BY_MARK)
    pytester.runpytest_inprocess("-p", "no:asyncio", "--strict-markers").assert_outcomes(passed=2)


@pytest.mark.long
@pytest.mark.parametrize(
    ("mark", "fixture", "message"),
    [
        ("'zurich'", "servicenow", "the mark servicenow has 'zurich'. Expected servicenow(release=NAME, *"),
        ("relase='zurich'", "servicenow", "the mark servicenow has relase. Expected servicenow(release=NAME, *"),
        ("release=7", "servicenow", "the mark servicenow has release 7. Expected a name."),
        ("tables=7", "servicenow", "the mark servicenow has tables 7. Expected a file, or a list of files."),
        ("release='zurch'", "servicenow", "*unknown release 'zurch' (did you mean 'zurich'?)*"),
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


@pytest.mark.long
def test_a_fixture_finds_records_of_any_table(pytester: pytest.Pytester) -> None:
    """Of the platform and of files; a misspelt table or column raises with the nearest word."""
    _files(pytester.path)
    pytester.makepyfile(FOUND)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=2)


@pytest.mark.long
def test_collected_scenarios_know_the_tables(pytester: pytest.Pytester) -> None:
    """A file of tables that cannot be used is an error of the scenarios' file."""
    _files(pytester.path)
    pytester.makeini("[pytest]\nprivman_stories = story.yaml")
    pytester.makefile(".yaml", story=_own("u_serial", "u_cost_centre"))
    options = ("-p", "no:asyncio", "story.yaml", "--privman-tables")
    pytester.runpytest_inprocess(*options, "tables.yaml").assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess(*options, "none.yaml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["--privman-tables: none.yaml: No such file or directory."])


def test_unusable_settings_fail_scenarios_alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of the run are collected and pass."""
    pytester.makeini("[pytest]\nprivman_stories = story.yaml")
    steps = "[console.ask: , console.expect-approval: Pending]"
    pytester.makefile(".yaml", story=f"{{title: T, steps: {steps}}}")
    pytester.makepyfile("def test_it(): pass")
    monkeypatch.setenv("PRIVMAN_TABLES", "")
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*PRIVMAN_TABLES: invalid path ''*"])


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.parametrize(
    ("typo", "places", "told"),
    [
        (("u_serail", "u_cost_centre"), 2, "unknown column of u_laptop 'u_serail'. Did you mean 'u_serial'?"),
        (("u_serial", "u_cost_center"), 1, "unknown column of incident 'u_cost_center'. Did you mean 'u_cost_centre'?"),
    ],
)
def test_misspelt_columns_of_files(
    typo: tuple[str, str], places: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is an error when the scenario is loaded, wherever it is; `own: columns` lets it pass."""
    tables, _ = _files(tmp_path)
    story = tmp_path / "story.yaml"
    story.write_text(_own(*typo))
    assert main(["run", str(story), "--tables", tables, "--check"]) == 2
    assert capsys.readouterr().err.count(told) == places
    story.write_text(_own(*typo) + f"own: {{columns: [{', '.join(typo)}]}}")
    assert main(["run", str(story), "--tables", tables, "--check"]) == 0


def test_a_way_through_a_reference_selects_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is an error when the scenario is loaded, on one line."""
    story = tmp_path / "story.yaml"
    story.write_text(
        "title: Walk\nsteps:\n  - servicenow.expect-records: {table: incident, where: {caller_id.name: Abel}, count: 1}"
    )
    assert main(["run", str(story), "--check"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "story.yaml:3: servicenow.expect-records: where: 'caller_id.name' walks through a reference, by which no "
        "record is selected. Expected a column of its own, such as 'caller_id' with a sys_id."
    )


def test_misspelt_tables_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the file its tables are unknown; a typo is told with the nearest table."""
    tables, _ = _files(tmp_path)
    story = tmp_path / "story.yaml"
    story.write_text(_own("u_serial", "u_cost_centre").replace("table: u_laptop", "table: u_lapptop"))
    assert main(["run", str(story), "--tables", tables, "--check"]) == 2
    assert "unknown table 'u_lapptop'. Did you mean 'u_laptop'?" in capsys.readouterr().err
    story.write_text(_own("u_serial", "u_cost_centre"))
    assert main(["run", str(story), "--check"]) == 2
    told = "unknown table 'u_laptop'. No known one is like it. If a file defines it, name that with --tables FILE; else"
    assert told in capsys.readouterr().err


@pytest.mark.long
def test_columns_of_the_app_in_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The app's table goes by its canonical name, also where the instance spells it otherwise."""
    names, tables, story = (tmp_path / f"{each}.yaml" for each in ("names", "tables", "story"))
    names.write_text("tables: {request: u_requests}\ncolumns: {request: {status: u_status}}")
    tables.write_text("- {name: u_requests, columns: {u_team: {}}}")
    story.write_text(OF_APP % "u_team")
    options = ["--tables", str(tables), "--inferred", str(names), "--jobs", "1"]
    assert main(["run", str(story), *options]) == 0
    story.write_text(OF_APP % "u_taem")
    assert main(["run", str(story), *options]) == 2
    assert "unknown column of request 'u_taem'. Did you mean 'u_team'?" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize("source", ["option", "profile"])
def test_a_target_has_more_columns_than_a_file(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an instance that is no mock a file gives the names of tables; a dry run plays on the mock."""
    _files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    (tmp_path / "story.yaml").write_text(_own("u_vendor", "u_cost_centre"))
    options = ["story.yaml", "--check", "--servicenow-url", "http://127.0.0.1:9"]
    given = {"option": ["--tables", "tables.yaml"], "profile": []}[source]
    if not given:
        (tmp_path / "privman.toml").write_text('tables = "tables.yaml"')
    assert main(["run", *options, *given]) == 0
    assert main(["run", *options, *given, "--dry-run"]) == 2
    assert "unknown column of u_laptop 'u_vendor'." in capsys.readouterr().err


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--release", "zurch"], "unknown release 'zurch' (did you mean 'zurich'?)"),
        (["--tables", "rows.yaml"], "rows.yaml:1: expected a list of tables"),
        (["--data", "none.yaml"], "none.yaml: No such file or directory"),
        (["--data", "linked", "--json", "report.json"], "rows.yaml: cannot be read: No such file or directory"),
        (
            ["--data", "rows.yaml", "--servicenow-url", "http://127.0.0.1:9"],
            "--data is about the mock, and a ServiceNow instance is named. Expected one of them.",
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
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "rows.yaml").symlink_to("none.yaml")
    assert main(["run", "story.yaml", "--jobs", "1", *options]) == 2
    assert message in capsys.readouterr().err
