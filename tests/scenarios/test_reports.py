"""Reports: what people and machines are told of a run."""

import io
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.console import Console

from privman_scenarios.events import Event, Failure, RunEnded, RunStarted, ScenarioEnded, ScenarioStarted
from privman_scenarios.model import Scenario
from privman_scenarios.reports.html import HtmlReport
from privman_scenarios.reports.junit import JUnitReport
from privman_scenarios.reports.terminal import TerminalReport

GOOD = Scenario("Approve <it>", (), "some/a.yaml", 1, source="integration 4")
BAD = Scenario("Deny [it]", (), "some/b.yaml", 3)
FAR = Scenario("Wait", (), "some/c.yaml", 5)
FAILURE = Failure(
    "console.expect-approval", "some/b.yaml", 9, "state 'Denied'", "state 'Pending\x00'", ("#1 POST\n< 200",)
)
ENDED: list[Event] = [
    ScenarioEnded(GOOD, "passed", 0.25, findings=("servicenow: rule-aborted: kept",)),
    ScenarioEnded(BAD, "failed", 0.5, failure=FAILURE),
    ScenarioEnded(FAR, "skipped", 0.0, "clock.advance in line 7 needs a virtual time: it is real"),
]


def told(*events: Event, terminal: bool = False) -> str:
    """Return what the terminal report prints."""
    text = io.StringIO()
    report = TerminalReport(Console(file=text, force_terminal=terminal, width=80))
    for event in events:
        report(event)
    report.close()
    return text.getvalue()


def test_a_pipe_gets_plain_lines() -> None:
    """Each scenario is a line, a failure names file, line, step, both values and the last exchanges."""
    events = [RunStarted(3, 0), ScenarioStarted(GOOD), *ENDED, RunEnded(1, 1, 1, 7, 1.25)]
    assert told(*events) == (
        "passed  Approve <it>\n"
        "failed  Deny [it]\n"
        "  some/b.yaml:9: console.expect-approval\n"
        "    expected state 'Denied'\n"
        "    came     state 'Pending\ufffd'\n"
        "    | #1 POST\n"
        "    | < 200\n"
        "skipped Wait (clock.advance in line 7 needs a virtual time: it is real)\n"
        "1 passed, 1 failed, 1 skipped; 7 expectations in 1.2 s\n"
    )


def test_a_terminal_gets_progress() -> None:
    """On a terminal a line shows how far the run is."""
    assert "0/3 Approve <it>" in told(RunStarted(3, 0), ScenarioStarted(GOOD), terminal=True)


def test_a_run_without_scenarios_says_so() -> None:
    """Nothing played is no success, and the closing line says why."""
    assert told(RunEnded(0, 0, 0, 0, 0)).endswith("No scenario was played, so nothing holds.\n")


def test_a_run_that_checked_nothing_says_so() -> None:
    """All skipped is no success either."""
    assert told(RunEnded(0, 0, 2, 0, 0)).endswith("Nothing was checked, so nothing holds.\n")


def test_junit_names_file_line_and_reason(tmp_path: Path) -> None:
    """CI finds the scenario's file and line; what XML cannot hold is replaced."""
    report = JUnitReport()
    for event in ENDED:
        report(event)
    report.write(tmp_path / "junit.xml")
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - written by the test itself
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped", "time")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
        "time": "0.750",
    }
    passed, failed, skipped = suite
    assert passed.attrib == {
        "classname": "a",
        "name": "Approve <it>",
        "file": "some/a.yaml",
        "line": "1",
        "time": "0.250",
    }
    assert passed.findtext("system-out") == "servicenow: rule-aborted: kept"
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == (
        "some/b.yaml:9: console.expect-approval: expected state 'Denied'; came state 'Pending\ufffd'"
    )
    assert (failure.text or "").endswith("#1 POST\n< 200")
    assert skipped.find("skipped") is not None


def test_html_is_one_page_with_everything_escaped(tmp_path: Path) -> None:
    """The page needs no other file and shows titles as they are."""
    report = HtmlReport()
    for event in ENDED:
        report(event)
    report.write(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h1>Scenarios: 1 passed, 1 failed, 1 skipped</h1>" in page
    assert "Approve &lt;it&gt;" in page
    assert "some/b.yaml:9: console.expect-approval: expected state &#x27;Denied&#x27;" in page
    assert "clock.advance in line 7 needs a virtual time" in page
    assert "http" not in page
