"""Runs as reports are told of them."""

import io
from pathlib import Path

from rich.console import Console

from privman_scenarios.analysis.coverage import Coverage
from privman_scenarios.commands.reports.results import RunResult
from privman_scenarios.commands.reports.run_record import RunRecord
from privman_scenarios.commands.reports.terminal import TerminalReport
from privman_scenarios.errors import Comparison, Difference
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.events import (
    Event,
    Failure,
    RunEnded,
    RunStarted,
    ScenarioEnded,
)

GOOD = Scenario("Approve <it>", (), "some/a.yaml", 1, source="set-up-servicenow-webhook.md")
BAD = Scenario("Deny [it]", (), "some/b.yaml", 3, tags=frozenset({"decision"}))
FAR = Scenario("Wait", (), "some/c.yaml", 5)
COMPARISON = Comparison(
    "approval",
    {"state": "Pending", "comment": "No", "log": [1, {"secret": "hidden"}], "metadata": '{"A": 1}', "empty": {}},
    (
        Difference("approval.state", "'Denied'", "'Pending'"),
        Difference("approval.metadata.A", "2", "1"),
        Difference("approval.log[1].size", "3", "nothing"),
    ),
)
FAILURE = Failure(
    "console.expect-approval",
    "some/b.yaml",
    9,
    "state 'Denied'",
    "state 'Pending\x00'",
    ("#1 POST\n< 200",),
    COMPARISON,
)
UNCOMPARED = Failure("findings", "some/a.yaml", 1, "no finding", "one")
ENDED: list[Event] = [
    ScenarioEnded(GOOD, "passed", 0.25, findings=("servicenow: rule-aborted: kept",), checks=7),
    ScenarioEnded(BAD, "failed", 0.5, failure=FAILURE),
    ScenarioEnded(FAR, "skipped", 0.0, "clock.advance in line 7 needs virtual time: it is real"),
]
RUN: list[Event] = [RunStarted(3, 4), *ENDED, RunEnded(1, 1, 1, 7, 1.25)]


def recorded(*events: Event, coverage: Coverage | None = None) -> RunResult:
    """Return the run that had these events, in the folder ``/checkout``."""
    record = RunRecord(Path("/checkout"))
    for event in events:
        record(event)
    return record.result(coverage)


def told(*events: Event, terminal: bool = False) -> str:
    """Return what the terminal report prints."""
    text = io.StringIO()
    report = TerminalReport(Console(file=text, force_terminal=terminal, width=80, color_system=None))
    for event in events:
        report(event)
    report.close()
    return text.getvalue()
