"""A run in a job of GitHub Actions: annotations of files, and the job's summary."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Self

from privman_scenarios.commands.reports.file_places import PACKAGES, place_below, short_place
from privman_scenarios.commands.reports.results import RunResult
from privman_scenarios.output import append, in_a_line, presentable
from privman_scenarios.playing.events import Event, ScenarioEnded

_TITLE = "privman-scenarios"
# GitHub drops a summary that is larger than 1 MiB.
_MOST_ROWS, _LONGEST_CELL = 100, 1_000


class GitHubReport:
    """Prints an error for each scenario that failed, and a warning for each that met findings.

    Args:
        print_line: takes one line.
        workspace: the checkout; GitHub knows files by their paths below it.
        step_summary: file that GitHub shows on the page of the run; raises OSError if it cannot be written.
    """

    def __init__(self, print_line: Callable[[str], None], workspace: Path, step_summary: Path | None = None) -> None:
        self._print = print_line
        self._workspace = workspace
        self._step_summary = step_summary
        self._summarize("")

    @classmethod
    def of_job(cls, print_line: Callable[[str], None], environment: Mapping[str, str]) -> Self:
        """Return the report of the job that set these variables; outside of one the workspace is the current folder."""
        step_summary = environment.get("GITHUB_STEP_SUMMARY")
        workspace = Path(environment.get("GITHUB_WORKSPACE") or Path.cwd())
        return cls(print_line, workspace, Path(step_summary) if step_summary else None)

    def __call__(self, event: Event) -> None:
        """Print what is worth an annotation."""
        if not isinstance(event, ScenarioEnded):
            return
        scenario = event.scenario
        for each in event.failure.each if event.failure else ():
            self._annotate("error", scenario.name, each.file, each.line, each.mismatch)
        for (file, line), texts in event.findings_by_place.items() if not event.failure else ():
            self._annotate("warning", scenario.name, file, line, "\n".join(texts))

    def annotate(self, result: RunResult) -> None:
        """Print the same of a run that was recorded elsewhere."""
        for scenario in result.scenarios:
            for failure in scenario.failures:
                file = _recorded_file(failure.file, result)
                self._annotate("error", scenario.name, file, failure.line, failure.mismatch)
            for place in scenario.finding_places if not scenario.failure else ():
                file = _recorded_file(place.file, result)
                self._annotate("warning", scenario.name, file, place.line, "\n".join(place.findings))

    def close(self, result: RunResult) -> None:
        """Print why the run failed, though perhaps no scenario did, each flaw of a file at its line.

        Also adds to the job's summary.
        """
        for each in result.flaws:
            self._annotate("error", _TITLE, each.file, each.line, each.why)
        if result.error and not result.flaws:
            self._print(f"::error title={_TITLE}::{_escaped(result.error)}")
        self._summarize(summary(result))

    def _summarize(self, text: str) -> None:
        if self._step_summary:
            append(self._step_summary, text)

    def _annotate(self, level: str, name: str, in_file: str, line: int, message: str) -> None:
        title = f"title={_escaped_property(name)}"
        if file := place_below(in_file, Path.cwd(), self._workspace):
            self._print(f"::{level} file={_escaped_property(file)},line={line or 1},{title}::{_escaped(message)}")
        else:
            place = short_place(in_file, Path.cwd()) + (f":{line}" if line else "")
            self._print(f"::{level} {title}::{_escaped(f'{place}: {message}')}")


def _recorded_file(file: str, result: RunResult) -> str:
    return str(PACKAGES / file) if result.catalog else file


def _escaped(text: str) -> str:
    return presentable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def summary(result: RunResult) -> str:
    """Return what has run so far as Markdown: the counts, what failed, and the findings."""
    ended = result.ended
    lines = [
        f"### {_TITLE}: {_cell(result.summary)}",
        "",
        f"{ended.expectations} in {ended.seconds:.1f} s, seed {result.seed}",
        "",
        *(f"- {_cell(name)}: {_cell(text)}" for name, text in result.context.facts()),
        "",
        *_table(("Failed", "Where", "Why"), list(_failures(result))),
        *_table(("Scenario", "Finding"), list(_findings(result))),
    ]
    return "\n".join(lines) + "\n"


def _failures(result: RunResult) -> Iterator[Sequence[str]]:
    for scenario in result.scenarios:
        yield from ((scenario.name, f"{each.file}:{each.line}", each.mismatch) for each in scenario.failures)


def _findings(result: RunResult) -> Iterator[Sequence[str]]:
    for scenario in result.scenarios:
        yield from ((scenario.name, finding) for finding in scenario.findings)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from (_row(map(_cell, row)) for row in rows[:_MOST_ROWS])
    yield ""
    if len(rows) > _MOST_ROWS:
        yield from (f"… and {len(rows) - _MOST_ROWS} more, in the reports.", "")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return the text on a line of a table, where nothing in it is markup."""
    line = in_a_line(text)
    short = line if len(line) <= _LONGEST_CELL else f"{line[:_LONGEST_CELL]}…"
    return "".join(f"\\{each}" if each in _MARKUP else escape(each) for each in short)


_MARKUP = frozenset("\\`*_[]|~")
