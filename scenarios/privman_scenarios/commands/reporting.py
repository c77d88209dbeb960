"""Which reports a run leaves: options, and the listeners that write them."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from privman_scenarios.commands.coverage import add_coverage, lacking, percent, reader, show
from privman_scenarios.commands.output_files import Once, check, path
from privman_scenarios.coverage.measure import Coverage
from privman_scenarios.coverage.tables import sections, to_json
from privman_scenarios.earlier_reports import is_ours, named_in
from privman_scenarios.errors import TargetUnreachableError, WorkerLostError
from privman_scenarios.events import Listener, RunEnded
from privman_scenarios.output import say, say_command, write
from privman_scenarios.reports.github import GitHubReport
from privman_scenarios.reports.html import html
from privman_scenarios.reports.json_report import json_report
from privman_scenarios.reports.junit import junit
from privman_scenarios.reports.record import Record
from privman_scenarios.reports.terminal import TerminalReport
from privman_scenarios.world import WorldBuilder

# Percent of the scenarios; where both ends are fakes at least half of them are to be played.
_MOST_UNPLAYED = 50


def add_reports(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--junit-xml", type=path, action=Once, metavar="FILE", help="write a JUnit report")
    parser.add_argument(
        "--html", type=path, action=Once, metavar="FILE", help="write a page with a diagram of each scenario"
    )
    parser.add_argument("--json", type=path, action=Once, metavar="FILE", help="write a report for programs")
    add_coverage(parser)
    parser.add_argument(
        "--max-skipped",
        type=percent,
        action=Once,
        metavar="PERCENT",
        help="fail when more were not played (on fakes 50, none skipped of the packaged catalog; 100 elsewhere)",
    )
    parser.add_argument("--github", action="store_true", help="annotate a pull request, in a job of GitHub Actions")


class Reports:
    """The reports that the options ask for; raises UsageError and OSError at once for a file that cannot be written.

    Attributes:
        listeners: to be told of the run.
        journals: whether one of them wants the exchanges.
        exercised: gives what reads contract coverage off journals; None where nobody wants it.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        check(options)
        self._terminal = TerminalReport(Console(highlight=False))
        self._record = Record()
        self.exercised = reader(options)
        self._coverage = Coverage(self.exercised()) if self.exercised else None
        asked: list[tuple[Callable[[Record], str], Path | None]] = [
            (_junit, options.junit_xml),
            (lambda record: html(record, sections(self._coverage)), options.html),
            (lambda record: json_report(record, to_json(self._coverage)), options.json),
        ]
        self._written = [(render, file) for render, file in asked if file]
        self.listeners: Sequence[Listener] = [self._record, self._terminal]  # what is printed is recorded
        if options.github:
            self.listeners = [*self.listeners, GitHubReport(say_command, Path.cwd())]
        if self._coverage:
            self.listeners = [*self.listeners, self._coverage]
        self.journals = self._coverage is not None
        self._shows_coverage = options.coverage
        self._demanded = options.min_coverage or {}
        self._most_skipped = 100 if options.dry_run else options.max_skipped
        self._is_catalog = not options.paths
        # Left alone where this process is killed.
        self._record.errors.append("the run has not ended")
        self._write()
        self._record.errors.clear()

    def close(self) -> None:
        """Tell what has run, interrupted or not."""
        self._terminal.close()
        self._write()
        if self._coverage and self._shows_coverage:
            show(self._coverage)
        for error in self._record.errors if self._record.complete else ():
            say(f"{error}.")

    @contextmanager
    def watching(self, worlds: WorldBuilder) -> Iterator[None]:
        """Write the reports when the run ends, however it does; a target that is not reached is an error in them."""
        try:
            yield
            self._compare_skipped(worlds)
            self._record.errors += lacking(self._coverage, self._demanded) if self._coverage else ()
        except (TargetUnreachableError, WorkerLostError) as error:
            self._record.errors.append(str(error))
            raise
        except BaseException:  # whatever it is, what has not been played has not held
            self._record.errors.append("the run did not come to its end")
            raise
        finally:
            self.close()

    @property
    def error(self) -> str:
        """Why the run failed, though perhaps no scenario did; empty when it did not."""
        return self._record.error

    def fail(self, error: str) -> None:
        """Let the run fail, whatever its scenarios did."""
        self._record.errors.append(error)

    def _compare_skipped(self, worlds: WorldBuilder) -> None:
        ended = self._record.ended
        total = ended.passed + ended.failed + ended.unplayed
        for count, most in self._limits(ended, worlds):
            if count * 100 > most * total:
                what = "skipped" if count == ended.skipped else "skipped or not applicable"
                self.fail(f"{count} of {total} scenarios were {what}, more than the {most:g}% of --max-skipped")
                return

    def _limits(self, ended: RunEnded, worlds: WorldBuilder) -> Sequence[tuple[int, float]]:
        """Return how many scenarios were not played, with how many percent they may be."""
        if self._most_skipped is not None:
            return [(ended.unplayed, self._most_skipped)]
        if not worlds.are_fakes:
            return []
        return [(ended.skipped, 0 if self._is_catalog else 100), (ended.unplayed, _MOST_UNPLAYED)]

    def _write(self) -> None:
        for render, file in self._written:
            write(file, render(self._record))


def _junit(record: Record) -> str:
    return junit(record, Path.cwd())


def void(arguments: Sequence[str], error: str) -> None:
    """Put reports of a run that could not begin in the place of earlier ones, which may be green."""
    record = Record()
    record.errors.append(error)
    renders: dict[str, Callable[[Record], str]] = {"--junit-xml": _junit, "--html": html, "--json": json_report}
    for option, file in named_in(arguments):
        if option in renders and is_ours(option, file):
            write(file, renders[option](record))
