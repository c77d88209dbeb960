"""A run on a terminal, or as plain lines in a pipe."""

import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from privman_core.command_line import disarmed
from privman_scenarios.commands.reports.failure_texts import LISTED, listed_lines, shown_lines
from privman_scenarios.commands.reports.file_places import shown_place
from privman_scenarios.commands.reports.results import FailureResult
from privman_scenarios.output import in_a_line, presentable
from privman_scenarios.playing.events import (
    Event,
    RunEnded,
    RunGrew,
    RunStarted,
    ScenarioEnded,
    ScenarioStarted,
    StepPassed,
    VariationHeld,
)

# A pipe has no edge; a line is cut nowhere.
_PIPE_WIDTH = 10_000


def terminal() -> Console:
    """Return the console that tables and progress go to."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below their headings; a cell may have several lines."""
    table = Table(*headings, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(presentable(cell)) for cell in row))
    console = terminal()
    with console.capture() as captured:
        console.print(table)
    # Nobody who reads a pipe wants the padding of the last column.
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in disarmed(captured.get()).splitlines()))


LINE_STYLES = {"plain": "", "different": "bold red", "exchange": "dim"}
STYLES = {"passed": "green", "failed": "bold red", "skipped": "yellow", "inapplicable": "dim"}


class TerminalReport:
    """Prints failures with what was compared and their exchanges, each scenario with its outcome, and a closing line.

    A pipe gets a line as soon as a scenario has ended; a terminal gets progress meanwhile, and a table at the end.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._table = _outcome_table()
        self._progress = Progress(
            SpinnerColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("")
        self._expected = 0
        self._watched = 0
        self._ended = 0
        self._failed: list[tuple[str, FailureResult]] = []
        self._place = partial(shown_place, start=Path.cwd())

    def __call__(self, event: Event) -> None:
        """Print what is worth a line."""
        if isinstance(event, RunStarted):
            self._expected = event.scenarios
            self._progress.update(self._task, total=self._expected)
            self._progress.start()
        elif isinstance(event, RunGrew):
            self._expected += event.variations
            self._progress.update(self._task, total=self._expected)
        elif isinstance(event, VariationHeld):
            self._progress.update(self._task, description=in_a_line(event.scenario.name), advance=1)
        elif isinstance(event, ScenarioStarted):
            self._progress.update(self._task, description=in_a_line(event.scenario.name))
            self._watched = 0
        elif isinstance(event, StepPassed):
            self._watched = max(self._watched, event.watched)
        elif isinstance(event, ScenarioEnded):
            self._progress.advance(self._task)
            self._ended += 1
            self._print_scenario(event)
        elif isinstance(event, RunEnded):
            self.close()
            self._print_end(event)

    def close(self) -> None:
        """Take the progress line away and print the table of what has ended since the last time."""
        self._progress.stop()
        if self._table.row_count:
            self._console.print(self._table)
            self._table = _outcome_table()

    def _print_scenario(self, event: ScenarioEnded) -> None:
        if self._console.is_terminal:
            name = Text.assemble(in_a_line(event.scenario.name), (in_a_line(self._remark(event)), "dim"))
            self._table.add_row(Text(event.outcome, STYLES[event.outcome]), name, f"{event.seconds:.2f} s")
        if event.failure or not self._console.is_terminal:
            outcome = (f"{event.outcome:7} ", STYLES[event.outcome])
            self._print(Text.assemble(outcome, in_a_line(f"{event.scenario.name}{self._remark(event)}")))
        if event.failure:
            failure = FailureResult.of(event.failure, self._place)
            self._failed.append((event.scenario.name, failure))
            self._print_failure(failure)

    def _remark(self, event: ScenarioEnded) -> str:
        watched = f"watched for {self._watched} s" if self._watched else ""
        remark = "; ".join(filter(None, [event.reason, watched, "" if event.failure else _counted(event.findings)]))
        return f" ({remark})" if remark else ""

    def _print_failure(self, failure: FailureResult) -> None:
        for line in shown_lines(failure):
            self._print(Text(line.text, style=LINE_STYLES[line.kind]))

    def _print_end(self, event: RunEnded) -> None:
        for line in listed_lines(self._failed, self._ended):
            self._print(Text(line, style=STYLES["failed"] if line == LISTED else ""))
        self._print(Text(f"{event.counts}; {event.expectations} in {event.seconds:.1f} s"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def _counted(findings: Sequence[str]) -> str:
    """Return how many there are, and which option shows them; empty for none."""
    many = "s" if len(findings) > 1 else ""
    return f"{len(findings)} finding{many}, see --html or --strict" if findings else ""


def _outcome_table() -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("Outcome")
    table.add_column("Scenario")
    table.add_column("Took", justify="right")
    return table
