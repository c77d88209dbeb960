"""The kinds of reports, a row each, and the files that a command may write over; imports as little as possible.

No interrupt may leave the report of an earlier run green, and one may come while the rest is still imported.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BEGINNING = 4_096
_BEGUN = "the run has not ended"
_ASKS = ("-h", "--help", "--version")


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that an option writes.

    Attributes:
        ours: what a file begins with that the option has written before.
        name: its name among parsed options, where that is not the option's: two commands may have one option.
    """

    option: str
    ours: re.Pattern[bytes]
    name: str = field(default="", kw_only=True)

    @property
    def dest(self) -> str:
        """The option's name among the parsed ones."""
        return self.name or self.option.removeprefix("--").replace("-", "_")

    def is_ours(self, file: Path) -> bool:
        """Tell whether the option may write the file: it is not there, is empty, or was written by it before."""
        if not file.is_file():
            return True  # a folder is refused when it is written, and /dev/null takes whatever comes
        with file.open("rb") as opened:
            beginning = opened.read(_BEGINNING)
        return not beginning.strip() or self.ours.match(beginning) is not None


@dataclass(frozen=True, slots=True)
class ReportKind(WrittenFile):
    """A report of a run.

    Attributes:
        help: of the option.
        unfinished: what the file holds until the command has imported what renders it.
        render: returns the report; takes a `RunResult`.
        shows_coverage: whether the coverage is measured for it.
    """

    help: str
    unfinished: str
    render: Callable[[Any], str]
    shows_coverage: bool = False


def _junit(result: Any) -> str:  # noqa: ANN401 - not imported yet
    from privman_scenarios.commands.reports.machine_readable import junit  # noqa: PLC0415 - see the module's docstring

    return junit(result)


def _html(result: Any) -> str:  # noqa: ANN401 - not imported yet
    from privman_scenarios.commands.reports.html import html  # noqa: PLC0415 - see the module's docstring

    return html(result)


def _json(result: Any) -> str:  # noqa: ANN401 - not imported yet
    from privman_scenarios.commands.reports.machine_readable import (  # noqa: PLC0415 - see the module's docstring
        json_report,
    )

    return json_report(result)


REPORTS = (
    ReportKind(
        option="--junit-xml",
        help="write a JUnit report",
        ours=re.compile(rb'\s*(<\?xml[^>]*\?>\s*)?<testsuites[^>]*>\s*<testsuite name="privman-scenarios"'),
        unfinished='<testsuites tests="1" failures="0" errors="1">'
        '<testsuite name="privman-scenarios" tests="1" failures="0" errors="1">'
        f'<testcase name="run"><error message="{_BEGUN}"/></testcase></testsuite></testsuites>\n',
        render=_junit,
    ),
    ReportKind(
        option="--html",
        help="write an HTML page with a sequence diagram of each scenario",
        ours=re.compile(rb"(?is)\s*<!doctype html>.*<title>privman-scenarios: "),
        unfinished=f"<!doctype html>\n<title>privman-scenarios: {_BEGUN}</title>\n<p>Failed: {_BEGUN}.</p>\n",
        render=_html,
        shows_coverage=True,
    ),
    ReportKind(
        option="--json",
        help="write a JSON report",
        ours=re.compile(rb'\s*\{\s*"seed":'),
        unfinished=f'{{"seed": null, "held": false, "complete": false, "error": "{_BEGUN}"}}\n',
        render=_json,
    ),
)
RECORDING = WrittenFile(
    "--out",
    re.compile(rb'\s*\{\s*"log":\s*\{\s*"version":\s*"1.2",\s*"creator":\s*\{\s*"name":\s*"privman-scenarios"'),
)
WRITES = WrittenFile("--writes", re.compile(rb'\s*\{"at":'))
JOURNAL = WrittenFile("--journal", WRITES.ours)
LEARNED = "Learned by privman-scenarios learn"
"""With which the first line of a file of `learn` begins."""
NAMES = WrittenFile("--out", re.compile(f"# {LEARNED}".encode()), name="learned")
WRITTEN = (*REPORTS, RECORDING, WRITES, JOURNAL, NAMES)


def mark_unfinished(arguments: Sequence[str]) -> None:
    """Put a report of an unfinished run in the place of each earlier one that the arguments name."""
    if any(argument in _ASKS for argument in arguments):
        return
    for kind, file in reports_named_in(arguments):
        with suppress(OSError, ValueError):
            if file.is_file() and kind.is_ours(file):
                file.write_text(kind.unfinished, encoding="utf-8")


def reports_named_in(arguments: Sequence[str]) -> Iterator[tuple[ReportKind, Path]]:
    """Yield the reports that arguments name, though they may be unusable; not one that the command reads as well."""
    kinds = {kind.option: kind for kind in REPORTS}
    named: list[tuple[ReportKind, str]] = []
    others: list[str] = []
    following = ""
    for argument in arguments:
        option, assigned, value = argument.partition("=")
        if following:
            named.append((kinds[following], argument))
        elif option in kinds and assigned:
            named.append((kinds[option], value))
        elif option not in kinds:
            others.append(argument)
        following = option if option in kinds and not assigned and not following else ""
    yield from ((kind, Path(file)) for kind, file in named if file and file not in others)
