"""Reports: what people and machines are told of a run."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.commands.reports.html import html
from privman_scenarios.commands.reports.machine_readable import json_report, junit
from privman_scenarios.errors import Comparison, Difference, WorkerLostError
from privman_scenarios.language.model import Scenario, Step
from privman_scenarios.playing.events import (
    Event,
    Failure,
    RunEnded,
    RunGrew,
    RunStarted,
    ScenarioEnded,
    ScenarioStarted,
    StepFailed,
    StepPassed,
    VariationHeld,
)
from privman_scenarios.playing.processes import ITEMS_A_PROCESS, spread

from .recorded_runs import BAD, ENDED, FAILURE, GOOD, RUN, UNCOMPARED, recorded, told
from .targets import packaged

MARKED = """\
  {
>   "state": "Pending"  <- expected 'Denied'
    "comment": "No"
    "log": [
      1
>     {  <- expected size 3
        "secret": "***"
      }
    ]
>   "metadata": "{\\"A\\": 1}"  <- expected A 2
    "empty": {}
  }"""


def test_junit_gives_each_case_a_name_of_its_own() -> None:
    """Files of one name in two folders stay apart, as do files that differ in their suffix, and equal titles."""
    catalog = packaged("approve")
    files = ["gate/approve.yaml", "nightly/approve.yaml", "./nightly/../gate/approve.yaml", "/other/place/approve.yaml"]
    files += ["gate/approve.yml", "/checkout/approve.yaml", catalog]
    ended = [ScenarioEnded(Scenario("T", (), file, 1), "passed", 0.1) for file in files]
    cases = ET.fromstring(junit(recorded(*ended))).iter("testcase")  # noqa: S314 - own
    assert [(case.get("classname"), case.get("name")) for case in cases] == [
        ("gate.approve", "T"),
        ("nightly.approve", "T"),
        ("gate.approve", "T (2)"),
        ("place.approve", "T"),
        ("gate.approve.yml", "T"),
        ("approve", "T"),
        ("privman_scenarios.catalog.approve", "T"),
    ]


def test_junit_numbers_no_title_to_one_that_is_there() -> None:
    """A title may look like the number of another one."""
    titles = ["T", "T (2)", "T", "T (2)"]
    ended = [ScenarioEnded(Scenario(title, (), "a.yaml", 1), "passed", 0.1) for title in titles]
    cases = ET.fromstring(junit(recorded(*ended))).iter("testcase")  # noqa: S314 - own
    assert [case.get("name") for case in cases] == ["T", "T (2)", "T (3)", "T (2) (2)"]


WATCHED: list[Event] = [
    RunStarted(1, 4),
    ScenarioStarted(GOOD),
    StepPassed(GOOD, Step("console.ask", {}, 4)),
    StepPassed(GOOD, Step("servicenow.expect-response", {}, 6), watched=15),
    ScenarioEnded(GOOD, "passed", 15.5, checks=1),
    RunEnded(1, 0, 0, 1, 15.5),
]


def test_every_report_says_how_long_it_was_watched() -> None:
    """Where time is real, that something does not happen is only known for so long."""
    report = recorded(*WATCHED)
    assert "passed  Approve <it> (watched for 15 s)\n" in told(*WATCHED)
    case = ET.fromstring(junit(report)).find("testsuite/testcase/system-out")  # noqa: S314 - own
    assert case is not None
    assert case.text == "servicenow.expect-response in line 6: watched for 15 s"
    assert "<li>console.ask</li><li>servicenow.expect-response (watched for 15 s)</li>" in html(report)
    (scenario,) = json.loads(json_report(report))["scenarios"]
    assert scenario["steps"][1] == {
        "verb": "servicenow.expect-response",
        "line": 6,
        "arguments": "",
        "outcome": "passed",
        "watched": 15,
        "findings": [],
    }


def test_a_pipe_gets_plain_lines() -> None:
    """Each scenario is a line; a failure names file, line, step and both values, marks what differs."""
    marked = "".join(f"    {line}\n" for line in MARKED.split("\n"))
    assert told(RunStarted(3, 0), ScenarioStarted(GOOD), *ENDED, RunEnded(1, 1, 1, 7, 1.25)) == (
        "passed  Approve <it> (1 finding, see --html or --strict)\n"
        "failed  Deny [it]\n"
        "  some/b.yaml:9: console.expect-approval\n"
        "    expected state 'Denied'\n"
        "    got      state 'Pending\ufffd'\n"
        f"{marked}"
        "    | #1 POST\n"
        "    | < 200\n"
        "skipped Wait (clock.advance in line 7 needs virtual time: it is real)\n"
        "Failed:\n"
        "  some/b.yaml:9: Deny [it]: console.expect-approval: expected state 'Denied'; got state 'Pending\ufffd'\n"
        "1 passed, 1 failed, 1 skipped; 7 expectations in 1.2 s\n"
    )


def test_a_terminal_gets_progress() -> None:
    """On a terminal a line shows how far the run is."""
    assert "0/3 Approve <it>" in told(RunStarted(3, 0), ScenarioStarted(GOOD), terminal=True)


def test_variations_are_counted_and_quiet() -> None:
    """Those that hold move a terminal's progress on, and a pipe gets no line of them."""
    run: list[Event] = [RunStarted(1, 0), ScenarioStarted(GOOD), ENDED[0], RunGrew(4), VariationHeld(BAD)]
    assert "2/5 Deny [it]" in told(*run, terminal=True)
    assert told(*run) == "passed  Approve <it> (1 finding, see --html or --strict)\n"


def test_a_terminal_gets_a_table() -> None:
    """What has ended stands in a table, before the closing line, and a failure is printed at once."""
    out = told(*RUN, terminal=True)
    failure, table, end = out.index("got      state"), out.index("Outcome  Scenario"), out.index("1 passed, 1 failed")
    assert failure < table < end
    assert "passed   Approve <it>" in out
    assert "0.25 s" in out
    assert out.count("Outcome") == 1


def test_an_interrupted_run_leaves_its_table() -> None:
    """A terminal shows what has ended by then, though the run never did."""
    assert "passed   Approve <it>" in told(RunStarted(3, 0), ENDED[0], terminal=True)


def test_a_failure_that_compared_nothing_shows_no_value() -> None:
    """Findings are no value of several lines, and neither is a number."""
    number = Failure("a.b", "f", 1, "2", "1", comparison=Comparison("count", 1, (Difference("count", "2", "1"),)))
    for failure in (UNCOMPARED, number):
        assert ">" not in told(ScenarioEnded(BAD, "failed", 0.5, failure=failure))


def test_a_long_value_is_shown_near_its_difference() -> None:
    """Three lines around what differs are enough; what is left out is said."""
    value = {f"key{number}": number for number in range(40)}
    failure = Failure("a.b", "f", 1, "", "", comparison=Comparison("", value, (Difference("key20", "0", "20"),)))
    lines = told(ScenarioEnded(BAD, "failed", 0.5, failure=failure)).splitlines()
    assert [line.strip() for line in lines[4:13]] == [
        "…",
        '"key17": 17',
        '"key18": 18',
        '"key19": 19',
        '>   "key20": 20  <- expected 0',
        '"key21": 21',
        '"key22": 22',
        '"key23": 23',
        "…",
    ]


def test_a_failure_with_many_differences_is_cut() -> None:
    """Twelve lines are shown, and how many more the reports have."""
    value = {f"key{number}": number for number in range(20)}
    wrong = tuple(Difference(f"key{number}", "x", str(number)) for number in range(20))
    failure = Failure("a.b", "f", 1, "", "", comparison=Comparison("", value, wrong))
    lines = told(ScenarioEnded(BAD, "failed", 0.5, failure=failure)).splitlines()
    assert sum("<- expected x" in line for line in lines) == 11
    assert lines[-1] == "      … 10 more lines, in the reports"


def test_junit_names_file_line_and_reason() -> None:
    """CI finds the scenario's file and line; what XML cannot hold is replaced."""
    (suite,) = ET.fromstring(junit(recorded(*RUN)))  # noqa: S314 - written by the test itself
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped", "time")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
        "time": "0.750",
    }
    passed, failed, skipped = suite
    assert passed.attrib == {
        "classname": "some.a",
        "name": "Approve <it>",
        "file": "some/a.yaml",
        "line": "1",
        "time": "0.250",
    }
    assert passed.findtext("system-out") == "servicenow: rule-aborted: kept"
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == (
        "some/b.yaml:9: console.expect-approval: expected state 'Denied'; got state 'Pending\ufffd'"
    )
    assert MARKED in (failure.text or "")
    assert (failure.text or "").endswith("#1 POST\n< 200")
    assert skipped.find("skipped") is not None


def test_junit_of_a_failure_without_a_value() -> None:
    """What compared nothing has its message alone."""
    (suite,) = ET.fromstring(junit(recorded(ScenarioEnded(BAD, "failed", 0.5, failure=UNCOMPARED))))  # noqa: S314 - own
    assert suite[0].findtext("failure") == UNCOMPARED.message


def test_json_is_for_programs() -> None:
    """Counts, and each scenario with its place, outcome and failure."""
    report = json.loads(json_report(recorded(*RUN)))
    scenarios = report.pop("scenarios")
    assert report == {
        "seed": 4,
        "complete": True,
        "held": False,
        "error": "",
        "remarks": [],
        "context": {"at": "", "versions": {}, "targets": {}, "profile": "", "options": {}, "build": ""},
        "chosen": 3,
        "variations": None,
        "catalog": False,
        "fakes": False,
        "shard": None,
        "passed": 1,
        "failed": 1,
        "skipped": 1,
        "inapplicable": 0,
        "checks": 7,
        "seconds": 0.75,
        "coverage": None,
        "flaws": [],
    }
    kept = ["servicenow: rule-aborted: kept"]
    assert scenarios[0]["findings"] == kept
    assert scenarios[0]["finding_places"] == [{"file": "some/a.yaml", "line": 1, "findings": kept}]
    assert [each["outcome"] for each in scenarios] == ["passed", "failed", "skipped"]
    assert scenarios[0]["failure"] is None
    assert (scenarios[1]["line"], scenarios[1]["tags"]) == (3, ["decision"])
    assert scenarios[1]["failure"] == {
        "step": "console.expect-approval",
        "file": "some/b.yaml",
        "line": 9,
        "expected": "state 'Denied'",
        "got": "state 'Pending\x00'",
        "compared": MARKED,
        "exchanges": ["#1 POST\n< 200"],
        "further": [],
        "findings": [],
        "observations": [],
    }


def test_json_of_an_interrupted_run_says_so() -> None:
    """What has run by then stands in it, and it does not count as held."""
    report = json.loads(json_report(recorded(RunStarted(3, 4), ENDED[0])))
    assert (report["complete"], report["held"], report["passed"], report["checks"]) == (False, False, 1, 7)
    failed = json_report(recorded(ScenarioEnded(BAD, "failed", 0.5, failure=UNCOMPARED)))
    assert json.loads(failed)["scenarios"][0]["failure"]["compared"] == ""


@pytest.mark.parametrize("event", [RunStarted(1, 0), StepFailed(BAD, FAILURE)])
def test_other_events_leave_no_trace(event: Event) -> None:
    """What is no scenario's end is no row of any report."""
    assert recorded(event).scenarios == ()


NO_VARIATION = "No variation was played, so the run fails"


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["-k", "nosuch"], "No scenario was played, so the run fails"),
        (["-k", "nosuch", "--generate", "1"], "No scenario of a file was played, so the run fails"),
        (["--interleave"], NO_VARIATION),
        (["--min-coverage", "99"], "less than the 99% of --min-coverage"),
        (["--inferred", "rules.yaml"], "Nothing was checked, so the run fails"),
    ],
)
def test_every_report_of_a_failed_run_is_red(
    options: list[str],
    error: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever the run failed for, though none of its scenarios did."""
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text("rules: {token_renewals: 0}")
    when = "when: {token_renewals: 1}"
    Path("one.yaml").write_text(f"title: T\n{when}\nsteps:\n- console.ask:\n- console.expect-approval: Pending\n")
    reports = ["--junit-xml", "j.xml", "--json", "j.json", "--html", "h.html", "--github"]
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "s.md")
    assert main(["run", "one.yaml", *options, *reports, "--build", "App 2.1"]) == 1
    (suite,) = ET.parse("j.xml").getroot()  # noqa: S314 - written by the run
    (told,) = suite.iter("error")
    report = json.loads(Path("j.json").read_text())
    assert f"{error}.\n" in capsys.readouterr().out
    assert suite.get("errors") == "1"
    assert error in told.get("message", "")
    assert (error in report["error"], report["held"]) == (True, False)
    assert error in Path("h.html").read_text()
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert (properties["Build"], properties["ServiceNow"]) == ("App 2.1", "mock-servicenow")
    assert "- Build: App 2.1\n" in Path("s.md").read_text()


@pytest.mark.long
def test_a_process_that_is_killed_fails_the_run(tmp_path: Path) -> None:
    """In one line, also in the report: what it was playing is not known."""
    report = tmp_path / "j.xml"
    command = [sys.executable, "-m", "privman_scenarios", "run", "--jobs", "2", "--junit-xml", str(report)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": {**os.environ, "PYTHONUNBUFFERED": "1"}}
    with subprocess.Popen(command, text=True, **pipes) as run:  # type: ignore[call-overload]  # noqa: S603 - its own
        assert run.stdout.readline().startswith("passed")
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        told = run.communicate(timeout=60)[1]
    assert run.returncode == 1
    assert told.startswith("privman-scenarios: a process that played scenarios was ended from outside; --jobs 1 ")
    assert len(told.splitlines()) == 1
    assert '<error message="a process that played' in report.read_text()


@pytest.mark.long
@pytest.mark.once
def test_a_process_that_is_killed_as_it_starts_fails_the_run(tmp_path: Path) -> None:
    """It has not even taken its first scenario, which is a large one."""
    rows = "".join(f"  - {{text: {'x' * 20_000}, number: '{number}'}}\n" for number in range(2 * ITEMS_A_PROCESS))
    steps = "steps: [{console.ask: {metadata: {PolicyName: <text>, FilePath: <number>}}}, {console.expect-approval: x}]"
    (tmp_path / "one.yaml").write_text(f"title: T\nown: {{words: [x], names: [<text>]}}\nexamples:\n{rows}{steps}\n")
    command = [sys.executable, "-m", "privman_scenarios", "run", "--jobs", "2", str(tmp_path / "one.yaml")]
    with subprocess.Popen(command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:  # noqa: S603 - its own
        children: list[str] = []
        while not children and run.poll() is None:
            children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        told = run.communicate(timeout=60)[1]
    assert run.returncode == 1
    assert told.startswith("privman-scenarios: a process that played scenarios was ended from outside; --jobs 1 ")


@pytest.mark.long
def test_what_goes_wrong_in_a_process_is_raised_here() -> None:
    """As it is where one process plays."""
    with pytest.raises(ValueError, match="invalid literal for int"):
        [*spread(int, ["seven"] * (2 * ITEMS_A_PROCESS), 2)]


@pytest.mark.long
def test_work_of_a_process_that_is_killed_is_lost() -> None:
    """Nobody waits for it."""
    with pytest.raises(WorkerLostError):
        [*spread(signal.raise_signal, [signal.SIGKILL] * (2 * ITEMS_A_PROCESS), 2)]
