"""A failure as text: all of it, or as much as fits a screen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from privman_scenarios.commands.reports.marked import DIFFERENT, LEFT_OUT, NOTE
from privman_scenarios.commands.reports.results import FailureResult
from privman_scenarios.output import in_a_line, presentable

_MOST_COMPARED, _MOST_EXCHANGED, _LONGEST_LINE = 12, 18, 240
_MOST_LISTED, _MOST_FINDINGS = 50, 3


LISTED = "Failed:"
"""The line above the failures that are listed again."""


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line for a terminal or a log, without secrets.

    Attributes:
        kind: ``different`` for a part of a compared value that is not as expected.
    """

    text: str
    kind: Literal["plain", "different", "exchange"] = "plain"


def whole_text(failure: FailureResult) -> str:
    """Return the failure with what may explain it, what was compared and the last exchanges, for reports."""
    findings = (f"finding: {each}" for each in failure.findings)
    lines = [failure.message, *failure.observations, *findings, failure.compared, *failure.exchanges]
    return "\n".join(filter(None, lines))


def shown_lines(failure: FailureResult) -> Iterator[ShownLine]:
    """Yield as much of the same as fits a screen, and then what failed after it."""
    for each in failure.each:
        yield ShownLine(f"  {in_a_line(each.file)}:{each.line}: {each.step}")
        yield ShownLine(cut_line(presentable(f"    expected {each.expected}")))
        yield ShownLine(cut_line(presentable(f"    got      {each.got}")))
        yield from (ShownLine(presentable(f"    {observation}")) for observation in each.observations)
        yield from _found(each.findings)
        yield from _compared(each.compared.split("\n") if each.compared else [])
        yield from _exchanged(presentable("\n".join(each.exchanges)).split("\n") if each.exchanges else [])


def listed_lines(failed: Sequence[tuple[str, FailureResult]], scenarios: int) -> Iterator[str]:
    """Yield the failures again, a line each with its title, unless the only scenario has just shown its own."""
    if not failed or scenarios == 1:
        return
    yield LISTED
    for name, failure in failed[:_MOST_LISTED]:
        yield cut_line(in_a_line(f"  {failure.file}:{failure.line}: {name}: {failure.mismatch}"))
    if len(failed) > _MOST_LISTED:
        yield f"  {LEFT_OUT} and {len(failed) - _MOST_LISTED} more, above"


def cut_line(line: str) -> str:
    """Return a line without the end that would fill a screen."""
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}{LEFT_OUT}"


def _found(findings: Sequence[str]) -> Iterator[ShownLine]:
    """Yield the findings nearest to the failure, uncut: each is bounded, and its end says what was expected."""
    for each in findings[-_MOST_FINDINGS:]:
        yield ShownLine(presentable(f"    finding  {each}"))
    if len(findings) > _MOST_FINDINGS:
        yield ShownLine(f"      {LEFT_OUT} and {len(findings) - _MOST_FINDINGS} earlier findings, in the reports")


def _compared(lines: Sequence[str]) -> Iterator[ShownLine]:
    for line in lines[:_MOST_COMPARED]:
        text, note, expected = line.rpartition(NOTE) if line.startswith(DIFFERENT) else (line, "", "")
        kind: Literal["plain", "different"] = "different" if note else "plain"
        yield ShownLine(f"    {cut_line(presentable(text))}{note}{presentable(expected)}", kind)
    if len(lines) > _MOST_COMPARED:
        yield ShownLine(f"      {LEFT_OUT} {len(lines) - _MOST_COMPARED} more lines, in the reports")


def _exchanged(lines: Sequence[str]) -> Iterator[ShownLine]:
    """Yield the lines of the exchanges, of many the last ones."""
    last = lines if len(lines) <= _MOST_EXCHANGED else [LEFT_OUT, *lines[-_MOST_EXCHANGED:]]
    yield from (ShownLine(f"    | {cut_line(line)}", "exchange") for line in last)
