"""Scenarios played in several processes."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.playing.processes import spread
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.world_builder import WorldBuilder

# As many as two processes are worth; the decision that the last rows make is not the one that is expected.
ROWS = 32
MANY = """
title: A decision reaches the console
examples: [{rows}]
steps:
  - console.ask: {{metadata: {{UserReason: Number <number>}}}}
  - servicenow.decide: <response>
  - console.expect-approval: Approved
"""


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Return a file of scenarios of which two fail."""
    responses = ["Approve"] * (ROWS - 2) + ["Deny"] * 2
    rows = ", ".join(f"{{number: {number}, response: {each}}}" for number, each in enumerate(responses))
    file = tmp_path / "many.yaml"
    file.write_text(MANY.format(rows=rows))
    return file


def outcomes(file: Path, *options: str) -> list[Any]:
    """Play the scenarios and return what stands in the report, but for times and addresses."""
    report = file.with_suffix(".json")
    assert main(["run", str(file), "--json", str(report), *options]) == 1
    written = json.loads(report.read_text())
    assert (written["passed"], written["failed"], written["complete"]) == (ROWS - 2, 2, True)
    for scenario in written["scenarios"]:
        del scenario["seconds"]
        if scenario["failure"]:
            del scenario["failure"]["exchanges"]
    scenarios: list[Any] = written["scenarios"]
    return scenarios


@pytest.mark.long
def test_the_same_seed_gives_the_same_whatever_the_number_of_processes(
    many: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Order, outcomes, ids and what was compared are those of one process; another seed gives other ids."""
    one = outcomes(many, "--jobs", "1", "--seed", "3")
    lines = capsys.readouterr().out
    assert outcomes(many, "--jobs", "2", "--seed", "3") == one
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith(("passed", "failed"))] == [
        line for line in lines.splitlines() if line.startswith(("passed", "failed"))
    ]
    assert outcomes(many, "--jobs", "2", "--seed", "4") != one


def test_a_system_that_already_runs_is_spoken_to_by_one_process() -> None:
    """Scenarios reset it, so that two at a time would disturb each other."""
    remote = Target("http://127.0.0.1:9")
    assert WorldBuilder(0).at_a_time(4) == 4
    assert WorldBuilder(0, servicenow=remote).at_a_time(4) == 1
    assert WorldBuilder(0, console=remote).at_a_time(4) == 1


@pytest.mark.long
def test_an_interrupted_run_of_several_processes_leaves_its_report(many: Path) -> None:
    """Ctrl-C reaches all of them; what has been told by then is in the report, which says that it is not complete."""
    report = many.with_suffix(".json")
    command: list[str | Path] = [
        Path(sys.executable).with_name("privman-scenarios"),
        "run",
        many,
        "--jobs",
        "2",
        "--json",
        report,
    ]
    process = subprocess.Popen(  # noqa: S603 - the project's own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("passed  A decision reaches the console [number=0, ")
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate()
    assert (process.returncode, complaint) == (130, "privman-scenarios: interrupted\n")
    written = json.loads(report.read_text())
    assert written["complete"] is False
    assert 0 < written["passed"] < ROWS


@pytest.mark.long
def test_a_killed_run_leaves_no_process(many: Path) -> None:
    """Each of its processes ends when nobody can ask it for more."""
    command: list[str | Path] = [Path(sys.executable).with_name("privman-scenarios"), "run", many, "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:  # noqa: S603 - its own
        assert run.stdout is not None
        assert run.stdout.readline().startswith("passed")
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        ends = [os.pidfd_open(int(pid)) for pid in children]
        run.kill()
    assert len(ends) == 2
    for each in ends:
        assert select.select([each], [], [], 60)[0] == [each]
        os.close(each)


@pytest.mark.long
def test_a_command_with_threads_starts_its_processes_anew() -> None:
    """A copy of it might wait for a lock that one of the threads holds."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert list(spread(abs, range(-40, 0), 2)) == list(range(40, 0, -1))
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize("jobs", ["0", "two"])
def test_an_unusable_number_of_processes(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named in one line; exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["run", "--jobs", jobs])
    assert ended.value.code == 2
    assert f"invalid count {jobs!r}: expected a whole number from 1\n" in capsys.readouterr().err
