"""The reports that a run leaves, and the listeners that write them."""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from rich.console import Console

from privman_contracts import Contracts
from privman_core.clock import RealClock
from privman_scenarios.analysis.coverage import Coverage, CoverageReport, Exercised, by_contract, by_evidence
from privman_scenarios.commands.arguments import check_files
from privman_scenarios.commands.last_failed import LastFailed
from privman_scenarios.commands.limits import RunLimits
from privman_scenarios.commands.reports.github import GitHubReport
from privman_scenarios.commands.reports.report_kinds import REPORTS, reports_named_in
from privman_scenarios.commands.reports.results import FileFlaw, RunContext, RunResult, ShardResult
from privman_scenarios.commands.reports.run_record import RunRecord
from privman_scenarios.commands.reports.terminal import TerminalReport, print_table
from privman_scenarios.commands.run_context import context_of
from privman_scenarios.errors import UNUSABLE, ScenarioFileError, TargetUnreachableError, WorkerLostError
from privman_scenarios.output import say, say_command, write
from privman_scenarios.playing.events import Listener
from privman_scenarios.playing.product_facts import faults_of_posts
from privman_scenarios.playing.world_builder import WorldBuilder


def coverage_reader(options: argparse.Namespace) -> Callable[[], Exercised] | None:
    """Return what gives, in any process, the reader of journals; None where nobody wants to see the coverage."""
    shown = any(kind.shows_coverage and getattr(options, kind.dest) for kind in REPORTS)
    joined = options.shard and options.json
    if not options.coverage and options.min_coverage is None and not shown and not joined:
        return None
    return partial(exercised, options.inferred)


@cache
def exercised(inferred: Path | None) -> Exercised:
    """Return the reader of journals, made once a process; raises InferredNamesError."""
    return Exercised(Contracts.load(inferred), faults_of_posts())


def show_coverage(coverage: Coverage) -> None:
    """Print the tables."""
    for section in (by_contract(coverage), by_evidence(coverage)):
        print_table(section.head, section.rows)
        say("")


class WrittenReports:
    """The files that the options ask for, and what is printed at the end; raises UsageError for an unusable file."""

    def __init__(self, options: argparse.Namespace) -> None:
        check_files(options)
        self._written = [(kind, file) for kind in REPORTS if (file := getattr(options, kind.dest))]
        self._shows_coverage = options.coverage
        self.github = GitHubReport.of_job(say_command, os.environ) if options.github else None

    @property
    def kept(self) -> bool:
        """Whether a file is written."""
        return bool(self._written)

    def write(self, result: RunResult) -> None:
        """Write the files; raises OSError."""
        for kind, file in self._written:
            write(file, kind.render(result))

    def close(self, result: RunResult, errors: Sequence[str]) -> None:
        """Write the files and print what the scenarios do not say."""
        self.write(result)
        if result.coverage and self._shows_coverage:
            show_coverage(result.coverage)
        for line in (*result.remarks, *(errors if result.complete else ())):
            say(f"{line}.")
        if self.github:
            self.github.close(result)


class Reports:
    """The reports that the options ask for; raises UsageError and OSError at once for a file that cannot be written.

    Attributes:
        listeners: called with the events of the run.
        journals: whether one of them wants the exchanges.
        exercised: gives what reads contract coverage off journals; None where nobody wants it.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._files = WrittenReports(options)
        self._terminal = TerminalReport(Console(highlight=False))
        context = context_of(options, RealClock()) if self._files.kept else RunContext()
        self._record = RunRecord(Path.cwd(), catalog=not options.paths, context=context)
        self.exercised = coverage_reader(options)
        self._coverage = CoverageReport(self.exercised()) if self.exercised else None
        # What is printed is recorded.
        self._failed = LastFailed(Path.cwd())
        listeners = (self._record, self._terminal, self._files.github, self._coverage, self._failed)
        self.listeners: Sequence[Listener] = [each for each in listeners if each]
        self.journals = self._coverage is not None
        self._limits = RunLimits(options.min_coverage or {}, 100 if options.dry_run else options.max_skipped)
        self._to_failure = options.exitfirst
        # Left alone where this process is killed.
        self.fail("the run has not ended")
        self._files.write(self.result)
        self._record.errors.clear()

    @property
    def result(self) -> RunResult:
        """The run, as far as it got."""
        return self._record.result(self._coverage.coverage if self._coverage else None)

    @contextmanager
    def watching(self, worlds: WorldBuilder) -> Iterator[None]:
        """Write the reports when the run ends, however it does; a target that is not reached is an error in them."""
        try:
            yield
            self._record.fakes = worlds.are_fakes  # which targets show when they are played on
            self._judge()
        except (TargetUnreachableError, WorkerLostError) as error:
            self.fail(str(error))
            raise
        except UNUSABLE:
            self._files.github = None  # `void` says why, once
            self.fail("the run did not come to its end")
            raise
        except BaseException:  # whatever it is, what has not been played has not held
            self.fail("the run did not come to its end")
            raise
        finally:
            self._record.remarks += worlds.unlisted
            self._record.add_versions(worlds.versions)
            self._terminal.close()
            self._failed.keep()
            self._files.close(self.result, self._record.errors)

    def _judge(self) -> None:
        """Judge the run by its limits, unless a failure has ended it before all was played."""
        result = self.result
        if self._to_failure and result.ended.failed:
            self._record.remarks.append("The run ended at the first failure, as --exitfirst says")
        else:
            self._record.errors += self._limits.broken(result)

    def fail(self, error: str) -> None:
        """Let the run fail, whatever its scenarios did."""
        self._record.errors.append(error)

    def varied(self, variations: int, repeated: int) -> None:
        """Record how many variations were played, and how many were not as they would have repeated one of those."""
        self._record.variations = variations
        if repeated:
            self._record.remarks.append(f"{repeated} variations were left out, as each begins like one that was played")

    def is_shard(self, shard: ShardResult) -> None:
        """Leave the limits to whoever joins this part of a run with the others."""
        self._record.shard = shard


def void(arguments: Sequence[str], error: str, flaws: Sequence[ScenarioFileError] = ()) -> None:
    """Put reports of a run that could not begin in the place of earlier ones, which may be green.

    Args:
        arguments: name the reports.
        error: why it could not begin.
        flaws: those of files that the error consists of.
    """
    record = RunRecord(Path.cwd())
    record.errors.append(error)
    record.flaws += [FileFlaw(each.file, each.line, each.why) for each in flaws]
    for kind, file in reports_named_in(arguments):
        if kind.is_ours(file):
            write(file, kind.render(record.result()))
    if "--github" in arguments:
        GitHubReport.of_job(say_command, os.environ).close(record.result())
