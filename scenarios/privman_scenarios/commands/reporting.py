"""The reports that a run leaves, and the listeners that write them."""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from rich.console import Console

from privman_contracts import Contracts, Evidence
from privman_scenarios.analysis.coverage import Coverage, Exercised, by_contract, by_evidence
from privman_scenarios.commands.arguments import check_files
from privman_scenarios.commands.reports.github import GitHubReport
from privman_scenarios.commands.reports.report_kinds import REPORTS, reports_named_in
from privman_scenarios.commands.reports.run_record import RunRecord
from privman_scenarios.commands.reports.terminal import TerminalReport, print_table
from privman_scenarios.errors import TargetUnreachableError, WorkerLostError
from privman_scenarios.output import say, say_command, write
from privman_scenarios.playing.events import Listener, RunEnded
from privman_scenarios.playing.world_builder import WorldBuilder, fault_kinds

Shares = dict[Evidence | None, float]


def coverage_reader(options: argparse.Namespace) -> Callable[[], Exercised] | None:
    """Return what gives, in any process, the reader of journals; None where nobody wants to see the coverage."""
    shown = any(kind.shows_coverage and getattr(options, kind.dest) for kind in REPORTS)
    if not options.coverage and options.min_coverage is None and not shown:
        return None
    return partial(exercised, options.inferred)


@cache
def exercised(inferred: Path | None) -> Exercised:
    """Return the reader of journals, made once a process; raises InferredNamesError."""
    return Exercised(Contracts.load(inferred), fault_kinds())


def show_coverage(coverage: Coverage) -> None:
    """Print the tables."""
    for section in (by_contract(coverage), by_evidence(coverage)):
        print_table(section.head, section.rows)
        say("")


def lacking_coverage(coverage: Coverage, demanded: Shares) -> Iterator[str]:
    """Yield a sentence for each share that was not exercised as far as is demanded."""
    for mark, share in demanded.items():
        if coverage.percent(mark) < share:
            what = f"what is marked {mark} in the contracts" if mark else "the contracts"
            yield f"{coverage.percent(mark):.1f}% of {what} was exercised, less than the {share:g}% of --min-coverage"


# Percent of the scenarios; where both ends are fakes at least half of them are to be played.
_MOST_UNPLAYED = 50


class Reports:
    """The reports that the options ask for; raises UsageError and OSError at once for a file that cannot be written.

    Attributes:
        listeners: called with the events of the run.
        journals: whether one of them wants the exchanges.
        exercised: gives what reads contract coverage off journals; None where nobody wants it.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        check_files(options)
        self._terminal = TerminalReport(Console(highlight=False))
        self._record = RunRecord()
        self.exercised = coverage_reader(options)
        self._coverage = Coverage(self.exercised()) if self.exercised else None
        self._written = [(kind, file) for kind in REPORTS if (file := getattr(options, kind.dest))]
        self.listeners: Sequence[Listener] = [self._record, self._terminal]  # what is printed is recorded
        self._github = GitHubReport.of_job(say_command, os.environ) if options.github else None
        if self._github:
            self.listeners = [*self.listeners, self._github]
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
            show_coverage(self._coverage)
        for line in (*self._record.remarks, *(self._record.errors if self._record.complete else ())):
            say(f"{line}.")
        if self._github:
            self._github.close(self._record)

    @contextmanager
    def watching(self, worlds: WorldBuilder) -> Iterator[None]:
        """Write the reports when the run ends, however it does; a target that is not reached is an error in them."""
        try:
            yield
            self._compare_skipped(worlds)
            self._record.errors += lacking_coverage(self._coverage, self._demanded) if self._coverage else ()
        except (TargetUnreachableError, WorkerLostError) as error:
            self._record.errors.append(str(error))
            raise
        except BaseException:  # whatever it is, what has not been played has not held
            self._record.errors.append("the run did not come to its end")
            raise
        finally:
            self._record.remarks += worlds.unlisted
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
        for kind, file in self._written:
            write(file, kind.render(self._record, self._coverage))


def void(arguments: Sequence[str], error: str) -> None:
    """Put reports of a run that could not begin in the place of earlier ones, which may be green."""
    record = RunRecord()
    record.errors.append(error)
    for kind, file in reports_named_in(arguments):
        if kind.is_ours(file):
            write(file, kind.render(record, None))
