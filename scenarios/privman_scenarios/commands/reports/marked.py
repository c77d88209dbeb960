"""A compared value as lines of JSON, with a mark where it differs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from privman_scenarios.errors import Comparison, Difference
from privman_scenarios.output import mask

# So many lines on either side of a marked one are shown of a long value.
AROUND = 3
LEFT_OUT = "…"
DIFFERENT, NOTE = ">", "  <- expected "
"""What a line begins with that is not as expected, and what goes before the expected values at its end."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of JSON.

    Attributes:
        where: path of its value, as `Difference` has it.
        marks: what was expected there instead; empty where all is well.
    """

    where: str
    text: str
    marks: tuple[str, ...] = ()

    def __str__(self) -> str:
        sign, note = (DIFFERENT, f"{NOTE}{', '.join(self.marks)}") if self.marks else (" ", "")
        return f"{sign} {self.text}{note}"


def _marked_lines(comparison: Comparison) -> list[Line]:
    lines = list(_lines(comparison.value, comparison.what, "", ""))
    if len(lines) == 1:
        return []
    for difference in comparison.differences:
        number = _line_of(difference.where, lines)
        lines[number] = replace(lines[number], marks=(*lines[number].marks, _mark(difference, lines[number].where)))
    return [Line(line.where, mask(line.text), tuple(map(mask, line.marks))) for line in _near_marks(lines)]


def marked_text(comparison: Comparison) -> str:
    """Return the value's lines near its differences, secrets masked; empty for a value of one line."""
    return "\n".join(map(str, _marked_lines(comparison)))


def _lines(value: object, where: str, indent: str, label: str) -> Iterator[Line]:
    if isinstance(value, Mapping) and value:
        yield Line(where, f"{indent}{label}{{")
        for key, item in value.items():
            yield from _lines(item, f"{where}.{key}" if where else key, f"{indent}  ", f"{json.dumps(key)}: ")
        yield Line(where, f"{indent}}}")
    elif isinstance(value, list) and value:
        yield Line(where, f"{indent}{label}[")
        for number, item in enumerate(value):
            yield from _lines(item, f"{where}[{number}]", f"{indent}  ", "")
        yield Line(where, f"{indent}]")
    else:
        yield Line(where, f"{indent}{label}{json.dumps(value, ensure_ascii=False, default=repr)}")


def _line_of(where: str, lines: list[Line]) -> int:
    """Return the number of the first line of the value there, or of the nearest value around it."""
    around = [number for number, line in enumerate(lines) if _is_within(where, line.where)]
    return max(around, key=lambda number: (len(lines[number].where), -number), default=0)


def _is_within(where: str, around: str) -> bool:
    return where.startswith(around) and (not around or where[len(around) :][:1] in ("", ".", "["))


def _mark(difference: Difference, where: str) -> str:
    inner = difference.where.removeprefix(where).lstrip(".")
    return f"{inner} {difference.expected}" if inner else difference.expected


def _near_marks(lines: list[Line]) -> Iterator[Line]:
    marked = [number for number, line in enumerate(lines) if line.marks]
    shown = [number for number in range(len(lines)) if any(abs(number - mark) <= AROUND for mark in marked)]
    before = -1
    for number in shown:
        if number > before + 1:
            yield Line("", LEFT_OUT)
        yield lines[number]
        before = number
    if before < len(lines) - 1:
        yield Line("", LEFT_OUT)
