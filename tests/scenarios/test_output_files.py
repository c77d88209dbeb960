"""What the commands write: nothing is written over, nothing is ignored, no old report passes for a new one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.commands.reports.report_kinds import mark_unfinished

SCENARIO = "title: T\nsteps: [{console.ask: }, {console.expect-approval: Pending}]\n"
HAR = '{"log": {"version": "1.2", "entries": []}}'


OF_OTHERS = {
    **dict.fromkeys(("other.yaml", "package.json", "mine.html"), '{"name": "mine"}'),
    "pytest.xml": '<testsuites name="pytest tests"><testsuite name="pytest" failures="1"/></testsuites>',
    "browser.har": '{"log": {"version": "1.2", "creator": {"name": "Firefox"}, "entries": []}}',
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a scenario and a recording."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text(SCENARIO)
    (tmp_path / "their.har").write_text(HAR)
    return tmp_path


def command(words: str) -> int:
    """Run a command and return its exit code, that of an unusable command line too."""
    arguments = ["" if word == "''" else word for word in words.split()]
    try:
        return main(arguments)
    except SystemExit as end:
        return int(str(end.code))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("run one.yaml --junit-xml r --html r", "--junit-xml and --html are both r. Expected another file for each."),
        ("run one.yaml --json r --html ./r", "--html and --json are both r."),
        ("run one.yaml --junit-xml one.yaml", "--junit-xml is one.yaml, which is read."),
        ("run one.yaml --junit-xml other.yaml", "--junit-xml would overwrite other.yaml, which is not a file that it"),
        ("run one.yaml --json package.json", "--json would overwrite package.json"),
        ("run one.yaml --html mine.html", "--html would overwrite mine.html"),
        ("run one.yaml --junit-xml pytest.xml", "--junit-xml would overwrite pytest.xml"),
        ("record one.yaml --out browser.har", "--out would overwrite browser.har"),
        ("record one.yaml --out other.yaml", "--out would overwrite other.yaml"),
        ("record --har their.har --out their.har", "--out is their.har, which is read."),
        ("run one.yaml --servicenow-url http://127.0.0.1:1 --writes other.yaml", "--writes would overwrite other.yaml"),
        ("fidelity --servicenow-url http://127.0.0.1:1 --writes other.yaml", "--writes would overwrite other.yaml"),
        ("run ''", "invalid path '': expected a file or a folder ('.' is the current one)"),
        ("run one.yaml --junit-xml ''", "invalid path ''"),
        ("run one.yaml --junit-xml a --junit-xml b", "argument --junit-xml: given twice, expected once"),
        ("run one.yaml --min-coverage S=100,S=1", "duplicate S in 'S=100,S=1'"),
        ("run one.yaml --min-coverage 5,6", "duplicate overall percentage in '5,6'"),
        ("run one.yaml --min-coverage S=100 --min-coverage 1", "argument --min-coverage: given twice, expected once"),
        ("record --har their.har --out o.har one.yaml", "PATH can't be combined with --har, which plays nothing."),
        ("record --har their.har --out o.har --junit-xml j.xml", "--junit-xml can't be combined with --har"),
        ("record --har their.har --out o.har --min-coverage 1", "--min-coverage can't be combined with --har"),
        (
            "record --har their.har --out o.har --console-url http://127.0.0.1:1",
            "--console-url can't be combined with --har",
        ),
        ("record --har their.har --out o.har --tag x", "--tag can't be combined with --har"),
    ],
)
def test_what_would_be_lost_or_ignored_is_refused(
    words: str, told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2, and every file is as it was."""
    for name, text in OF_OTHERS.items():
        (folder / name).write_text(text)
    assert command(words) == 2
    assert told in capsys.readouterr().err
    assert (folder / "one.yaml").read_text() == SCENARIO
    assert (folder / "their.har").read_text() == HAR
    assert {name: (folder / name).read_text() for name in OF_OTHERS} == OF_OTHERS


@pytest.mark.long
def test_reports_are_written_again(folder: Path) -> None:
    """By the option that has written them, and over what is empty."""
    (folder / "j.xml").touch()
    words = "one.yaml --junit-xml j.xml --html h.html --json j.json"
    for _ in range(2):
        assert command(f"run {words}") == 0
        assert command(f"record {words} --out o.har") == 0


def test_a_link_to_a_report_is_the_same_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it is called."""
    assert command("run one.yaml --junit-xml j.xml") == 0
    (folder / "h.html").hardlink_to(folder / "j.xml")
    assert command("run one.yaml --junit-xml j.xml --html h.html") == 2
    assert "--junit-xml and --html are both j.xml" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize("words", ["no.yaml", "one.yaml --jobs 0", "one.yaml --inferred no.yaml", "--bad one.yaml"])
@pytest.mark.parametrize("report", ["--junit-xml j.xml", "--junit-xml=j.xml"])
def test_no_green_report_of_an_earlier_run_stays(words: str, report: str, folder: Path) -> None:
    """Where nothing could be played, the report says so."""
    assert command(f"run one.yaml {report} --json j.json") == 0
    assert command(f"run {words} {report} --json j.json") == 2
    (suite,) = ET.parse(folder / "j.xml").getroot()  # noqa: S314 - written by the test itself
    assert suite.get("errors") == "1"
    assert '"held": false' in (folder / "j.json").read_text()


def test_a_report_that_cannot_be_written_hides_no_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first complaint is the one that is shown."""
    assert command("run no.yaml --junit-xml nowhere/j.xml") == 2
    assert "no.yaml" in capsys.readouterr().err
    assert not (folder / "nowhere").exists()


@pytest.mark.long
def test_a_device_is_not_a_file_that_would_be_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """Several reports may go there."""
    assert command("run one.yaml --junit-xml /dev/null --html /dev/null") == 0, capsys.readouterr().err


def start(words: str) -> None:
    """Run a command in a process of its own, which leaves the handling of interrupts here as it is."""
    subprocess.run([sys.executable, "-m", "privman_scenarios", *words.split()], check=False)  # noqa: S603 - under test


REPORTS = "--junit-xml j.xml --json=j.json --html h.html"


@pytest.mark.long
def test_a_command_that_is_killed_while_it_begins_leaves_red_reports(folder: Path) -> None:
    """It has read nothing yet: the scenario is a pipe into which nobody writes."""
    assert command(f"run one.yaml {REPORTS}") == 0
    os.mkfifo(folder / "two.yaml")
    begin = [sys.executable, "-m", "privman_scenarios", "run", "two.yaml", *REPORTS.split()]
    with (
        subprocess.Popen(begin) as process,  # noqa: S603 - the command under test
        (folder / "two.yaml").open("w", encoding="utf-8"),  # as soon as it is read
    ):
        process.kill()
    (suite,) = ET.parse(folder / "j.xml").getroot()  # noqa: S314 - written by the command
    assert suite.get("errors") == "1"
    assert '"held": false' in (folder / "j.json").read_text()
    assert "Failed: the run has not ended." in (folder / "h.html").read_text()
    assert command(f"run one.yaml {REPORTS}") == 0


@pytest.mark.long
@pytest.mark.parametrize("words", ["run --help", "--version"])
def test_a_report_stays_where_nothing_is_played(words: str, folder: Path) -> None:
    """Nobody has asked for another run."""
    assert command("run one.yaml --json j.json") == 0
    start(f"{words} --json j.json")
    assert '"held": true' in (folder / "j.json").read_text()


@pytest.mark.long
def test_a_report_turns_red_before_the_command_line_is_read(folder: Path) -> None:
    """And is the command's own to write afterwards."""
    assert command("run one.yaml --json j.json") == 0
    mark_unfinished(["run", "one.yaml", "--json", "j.json", "--html"])
    assert json.loads((folder / "j.json").read_text())["held"] is False
    assert command("run one.yaml --json j.json") == 0


@pytest.mark.long
def test_a_file_of_somebody_else_stays(folder: Path) -> None:
    """Also before the command line has been read."""
    (folder / "mine.json").write_text("{}")
    start("run one.yaml --json mine.json --html")
    assert (folder / "mine.json").read_text() == "{}"
