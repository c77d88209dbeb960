"""Dates in SQL: calendar arithmetic on their text, and the tests that only dates know."""

import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.query.operands import Operand, Sql, Test, UnusableTermError
from mock_servicenow.now_platform.query.scope import Scope
from mock_servicenow.now_platform.query.script_calls import end_of, shift, start_of

_Number = sa.ColumnElement[int]

_PARTS = ("dayofweek", "week", "month", "quarter", "year", "hour")
_COMPARED = ("hour", "day", "week", "month", "quarter", "year")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_RELATIVE = re.compile(r"@([a-z]+)@(ago|ahead)@([0-9]{1,9})")
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTH_NAMES = (
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


def unit_of(word: str) -> str | None:
    """Return the unit that a query means by a word; ``dayofweek`` is how list filters spell day."""
    unit = "day" if word == "dayofweek" else word
    return unit if unit in (*_SECONDS, "week", *_MONTHS) else None


def compared_part(word: str) -> str | None:
    """Return the part of dates by which two columns compare; None if there is no such part."""
    unit = unit_of(word)
    return unit if unit in _COMPARED else None


def part(stored: Sql, name: str) -> _Number:
    """Return one part of a stored date.

    Args:
        stored: the date.
        name: ``dayofweek``, 1 for Sunday; ``day``, of the month; ``week``, 0 before the first Sunday of the year;
            ``month``, 1 for January; ``quarter``; ``year``; ``hour``, 0 to 23.
    """
    parts = {
        "dayofweek": lambda: (_day(stored) + 2) % 7 + 1,
        "day": lambda: _digits(stored, 9, 2),
        "week": lambda: _week(stored),
        "month": lambda: _digits(stored, 6, 2),
        "quarter": lambda: (_digits(stored, 6, 2) + 2) // 3,
        "year": lambda: _digits(stored, 1, 4),
        "hour": lambda: _digits(stored, 12, 2),
    }
    return _of_a_date(stored, parts[name]())


def time_between(earlier: Sql, later: Sql, unit: str) -> tuple[_Number, int]:
    """Return how long one stored date is before another, and how long the unit is: in whole months, or in seconds.

    A month has passed once its day and time have come again.
    """
    if unit in _MONTHS:
        begun: _Number = sa.case((sa.func.substr(later, 9) < sa.func.substr(earlier, 9), 1), else_=0)
        return _of_a_date(earlier, _of_a_date(later, _months(later) - _months(earlier) - begun)), _MONTHS[unit]
    size = _SECONDS.get(unit, 7 * _SECONDS["day"])
    return _of_a_date(earlier, _of_a_date(later, _seconds(later) - _seconds(earlier))), size


def _months(stored: Sql) -> _Number:
    return _digits(stored, 1, 4) * 12 + _digits(stored, 6, 2) - 1


def _seconds(stored: Sql) -> _Number:
    seconds = _digits(stored, 12, 2) * 3_600 + _digits(stored, 15, 2) * 60 + _digits(stored, 18, 2)
    return _day(stored) * 86_400 + seconds


def _of_a_date(stored: Sql, number: _Number) -> _Number:
    return sa.case((stored.is_not(None), number))


def _week(stored: Sql) -> _Number:
    """Return how many Sundays the year has had."""
    before, day = _digits(stored, 1, 4) - 1, _day(stored)
    first = 365 * before + before // 4 - before // 100 + before // 400 + 307
    return (day - first + 7 - (day + 2) % 7) // 7


def _day(stored: Sql) -> _Number:
    """Return the number of the day: years begin in March, so that leap days come last."""
    month = _digits(stored, 6, 2)
    early: _Number = sa.case((month <= 2, 1), else_=0)  # noqa: PLR2004 - January and February
    year = _digits(stored, 1, 4) - early
    days_before_month = (153 * (month + 12 * early - 3) + 2) // 5
    return 365 * year + year // 4 - year // 100 + year // 400 + days_before_month + _digits(stored, 9, 2)


def _digits(stored: Sql, start: int, length: int) -> _Number:
    digits: sa.ColumnElement[Any] = sa.func.nullif(sa.func.substr(stored, start, length), "")
    return sa.func.coalesce(sa.cast(digits, sa.BigInteger()), 0)


def on(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a date is between two bounds; the name before them has no effect."""
    start, end = _period(operand, value, scope)
    return operand.sql.between(start, end)


def not_on(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a date, if there is one, is not between two bounds."""
    start, end = _period(operand, value, scope)
    return sa.or_(operand.sql < start, operand.sql > end)


def _period(operand: Operand, value: str, scope: Scope) -> list[Sql]:
    match value.split("@"):
        case [_name, start, end]:
            return [operand.literal(scope.evaluate(bound)) for bound in (start, end)]
    raise UnusableTermError("expected a name and two bounds, joined by @")


def relative(compare: Callable[[Sql, Sql, Sql, Sql], Test]) -> Callable[[Operand, str, Scope], Test]:
    """Return the test of a date against a distance from now, such as ``@hour@ago@1``.

    Args:
        compare: builds it from the date, that moment, and the start and the end of the hour, day, … around it. After
            and before mean the moment; the "on" variants mean all that is around it (inferred).
    """

    def build(operand: Operand, value: str, scope: Scope) -> Test:
        unit, count = _from_now(value)
        try:
            moment = shift(scope.context.local_now, unit, count)
            around = (moment, start_of(unit, moment), end_of(unit, moment))
            point, start, end = [operand.literal(scope.context.stored(local)) for local in around]
        except OverflowError:
            raise UnusableTermError(f"{count} {unit}s from now is outside the calendar") from None
        return compare(operand.sql, point, start, end)

    return build


def _from_now(value: str) -> tuple[str, int]:
    match = _RELATIVE.fullmatch(value)
    unit = unit_of(match[1]) if match else None
    if match is None or unit is None:
        raise UnusableTermError("expected @{unit}@{ago or ahead}@{count}")
    return unit, int(match[3]) * (-1 if match[2] == "ago" else 1)


def date_part(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a part of a date compares with a value, such as the weekday with ``monday``.

    Parts are those of UTC (inferred).
    """
    name, _, wanted = scope.evaluate(value.partition("@")[2]).partition(",")
    word, _, comparison = wanted.partition(",")
    number = _part_number(name, word.lower())
    if number is None or comparison not in _COMPARISONS:
        raise UnusableTermError("expected {name}@javascript:gs.datePart({part}, {value}, {operator})")
    return _COMPARISONS[comparison](part(operand.sql, name), number)


def _part_number(name: str, word: str) -> int | None:
    if name == "dayofweek" and word in _WEEKDAYS:
        return _WEEKDAYS.index(word) + 1
    if name == "month" and word in _MONTH_NAMES:
        return _MONTH_NAMES.index(word) + 1
    return int(word) if name in _PARTS and re.fullmatch("[0-9]{1,4}", word) else None
