"""Tests that only dates and date-times know: on, relative, trend (platform 2.2)."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.query import date_parts
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import Operand, Sql, UnusableTermError
from mock_servicenow.now_platform.query.operators import Operator
from mock_servicenow.now_platform.query.periods import end_of, shift, start_of

if TYPE_CHECKING:
    from mock_servicenow.now_platform.query.scope import Scope

_RELATIVE = re.compile(r"@([a-z]+)@(ago|ahead)@([0-9]{1,9})")
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_COMPARISONS: dict[str, Callable[[Sql, int], Test]] = {
    "GE": lambda left, right: left >= right,
    "LE": lambda left, right: left <= right,
    "GT": lambda left, right: left > right,
    "LT": lambda left, right: left < right,
    "EE": lambda left, right: left == right,
}

_RELATIVE_TESTS: dict[Operator, Callable[[Sql, Sql, Sql, Sql], Test]] = {
    Operator.RELATIVE_GREATER: lambda date, point, _start, _end: date > point,
    Operator.RELATIVE_LESS: lambda date, point, _start, _end: date < point,
    Operator.RELATIVE_GREATER_OR_EQUALS: lambda date, _point, start, _end: date >= start,
    Operator.RELATIVE_LESS_OR_EQUALS: lambda date, _point, _start, end: date <= end,
    Operator.RELATIVE_EQUALS: lambda date, _point, start, end: date.between(start, end),
}


def on(operand: Operand, value: str, scope: "Scope") -> Test:
    """Return whether a date lies between two bounds; the name before them is only for people."""
    start, end = _period(operand, value, scope)
    return operand.sql.between(start, end)


def not_on(operand: Operand, value: str, scope: "Scope") -> Test:
    """Return whether a date, if any, lies outside of two bounds."""
    start, end = _period(operand, value, scope)
    return sa.or_(operand.sql < start, operand.sql > end)


def _period(operand: Operand, value: str, scope: "Scope") -> list[Sql]:
    match value.split("@"):
        case [_name, start, end]:
            return [operand.literal(scope.evaluate(bound)) for bound in (start, end)]
    raise UnusableTermError("expected a name and two bounds, joined by @")


def relative(operator: Operator) -> Callable[[Operand, str, "Scope"], Test]:
    """Return the test of a date against a distance from now, such as ``@hour@ago@1``.

    After and before mean that moment; "on" variants mean the whole hour, day, … around it (inferred).
    """
    compare = _RELATIVE_TESTS[operator]

    def build(operand: Operand, value: str, scope: "Scope") -> Test:
        unit, count = _distance(value)
        try:
            moment = shift(scope.context.local_now, unit, count)
            around = (moment, start_of(unit, moment), end_of(unit, moment))
            point, start, end = [operand.literal(scope.context.stored(local)) for local in around]
        except OverflowError:
            raise UnusableTermError(f"{count} {unit}s from now is outside the calendar") from None
        return compare(operand.sql, point, start, end)

    return build


def _distance(value: str) -> tuple[str, int]:
    match = _RELATIVE.fullmatch(value)
    unit = date_parts.unit_of(match[1]) if match else None
    if match is None or unit is None:
        raise UnusableTermError("expected @{unit}@{ago or ahead}@{count}")
    return unit, int(match[3]) * (-1 if match[2] == "ago" else 1)


def date_part(operand: Operand, value: str, scope: "Scope") -> Test:
    """Return whether a part of a date compares with a value, such as the weekday with ``monday``.

    Weeks begin on Sunday; parts are those of UTC (inferred).
    """
    part, _, wanted = scope.evaluate(value.partition("@")[2]).partition(",")
    word, _, comparison = wanted.partition(",")
    number = _part_number(part, word.lower())
    if number is None or comparison not in _COMPARISONS:
        raise UnusableTermError("expected {name}@javascript:gs.datePart({part}, {value}, {operator})")
    return _COMPARISONS[comparison](date_parts.part(operand.sql, part), number)


def _part_number(part: str, word: str) -> int | None:
    if part == "dayofweek" and word in _WEEKDAYS:
        return _WEEKDAYS.index(word) + 1
    if part == "month" and word in _MONTHS:
        return _MONTHS.index(word) + 1
    return int(word) if part in date_parts.PARTS and re.fullmatch("[0-9]{1,4}", word) else None
