"""Calendar arithmetic in SQL on dates stored as text, in whole numbers that every database computes alike."""

from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.query.operands import Sql

Number = sa.ColumnElement[int]

PARTS = ("dayofweek", "month", "quarter", "year", "hour")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def unit_of(word: str) -> str | None:
    """Return the unit that a query means by a word; ``dayofweek`` is how list filters spell day."""
    unit = "day" if word == "dayofweek" else word
    return unit if unit in (*_SECONDS, "week", *_MONTHS) else None


def part(stored: Sql, name: str) -> Number:
    """Return one of `PARTS` of a stored date: 1 for Sunday, 1 for January, the full year, 0 to 23 for hours."""
    parts = {
        "dayofweek": lambda: (_day(stored) + 2) % 7 + 1,
        "month": lambda: _digits(stored, 6, 2),
        "quarter": lambda: (_digits(stored, 6, 2) + 2) // 3,
        "year": lambda: _digits(stored, 1, 4),
        "hour": lambda: _digits(stored, 12, 2),
    }
    return _of_a_date(stored, parts[name]())


def ordinal(stored: Sql, unit: str) -> Number:
    """Return the number of the unit that a stored date lies in; neighbours differ by one.

    Weeks begin on Monday.
    """
    if unit in _MONTHS:
        months = _digits(stored, 1, 4) * 12 + _digits(stored, 6, 2) - 1
        return _of_a_date(stored, months // _MONTHS[unit])
    if unit == "week":
        return _of_a_date(stored, (_day(stored) + 1) // 7)
    seconds = _digits(stored, 12, 2) * 3_600 + _digits(stored, 15, 2) * 60 + _digits(stored, 18, 2)
    return _of_a_date(stored, (_day(stored) * 86_400 + seconds) // _SECONDS[unit])


def _of_a_date(stored: Sql, number: Number) -> Number:
    return sa.case((stored.is_not(None), number))


def _day(stored: Sql) -> Number:
    """Return the number of the day: years begin in March, so that leap days come last."""
    month = _digits(stored, 6, 2)
    early: Number = sa.case((month <= 2, 1), else_=0)  # noqa: PLR2004 - January and February
    year = _digits(stored, 1, 4) - early
    days_before_month = (153 * (month + 12 * early - 3) + 2) // 5
    return 365 * year + year // 4 - year // 100 + year // 400 + days_before_month + _digits(stored, 9, 2)


def _digits(stored: Sql, start: int, length: int) -> Number:
    digits: sa.ColumnElement[Any] = sa.func.nullif(sa.func.substr(stored, start, length), "")
    return sa.func.coalesce(sa.cast(digits, sa.BigInteger()), 0)
