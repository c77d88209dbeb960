"""The reports that a run leaves: options, and the listeners that write them."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from rich.console import Console

from privman_contracts import Contracts, Evidence
from privman_contracts.evidence import MEANING
from privman_scenarios.analysis.coverage import Coverage, Exercised, by_contract, by_evidence, sections, to_json
from privman_scenarios.commands.arguments import Once, check_files, path
from privman_scenarios.commands.reports.earlier import is_ours, named_in
from privman_scenarios.commands.reports.html import html
from privman_scenarios.commands.reports.machine_readable import GitHubReport, json_report, junit
from privman_scenarios.commands.reports.run_record import RunRecord
from privman_scenarios.commands.reports.terminal import TerminalReport, print_table
from privman_scenarios.errors import TargetUnreachableError, WorkerLostError
from privman_scenarios.output import say, say_command, write
from privman_scenarios.playing.events import Listener, RunEnded
from privman_scenarios.playing.world_builder import WorldBuilder, fault_kinds

Shares = dict[Evidence | None, float]


def add_coverage(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--coverage", action="store_true", help="print how much of the contracts was exercised")
    parser.add_argument(
        "--min-coverage",
        type=shares,
        action=Once,
        metavar="SHARES",
        help="fail when it was less: a percentage, and one of each evidence mark, such as 90,S=100,D=100",
    )


def shares(text: str) -> Shares:
    """Return percentages by evidence mark, that of everything under None."""
    found: Shares = {}
    for part in text.split(","):
        mark, is_marked, value = part.rpartition("=")
        key = mark.strip().upper() if is_marked else None
        if key not in (*MEANING, None):
            raise argparse.ArgumentTypeError(f"{part!r} has an unknown mark; expected one of {', '.join(MEANING)}")
        if key in found:
            raise argparse.ArgumentTypeError(
                f"{text!r} has {key or 'a percentage of everything'} twice; expected it once"
            )
        found[key] = percent(value)
    return found


def percent(text: str) -> float:
    """Return a percentage."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1
    if not 0 <= value <= 100:  # noqa: PLR2004 - percent
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage; expected a number from 0 to 100")
    return value


def coverage_reader(options: argparse.Namespace) -> Callable[[], Exercised] | None:
    """Return what gives, in any process, the reader of journals; None where nobody wants to see the coverage."""
    if not options.coverage and options.min_coverage is None and options.html is None:
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
        check_files(options)
        self._terminal = TerminalReport(Console(highlight=False))
        self._record = RunRecord()
        self.exercised = coverage_reader(options)
        self._coverage = Coverage(self.exercised()) if self.exercised else None
        asked: list[tuple[Callable[[RunRecord], str], Path | None]] = [
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
            show_coverage(self._coverage)
        for error in self._record.errors if self._record.complete else ():
            say(f"{error}.")

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


def _junit(record: RunRecord) -> str:
    return junit(record, Path.cwd())


def void(arguments: Sequence[str], error: str) -> None:
    """Put reports of a run that could not begin in the place of earlier ones, which may be green."""
    record = RunRecord()
    record.errors.append(error)
    renders: dict[str, Callable[[RunRecord], str]] = {"--junit-xml": _junit, "--html": html, "--json": json_report}
    for option, file in named_in(arguments):
        if option in renders and is_ours(option, file):
            write(file, renders[option](record))
