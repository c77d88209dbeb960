"""Tests that compare two columns of one row (platform 2.2)."""

import re
from collections.abc import Callable

from mock_servicenow.now_platform.dictionary.column_types import Kind
from mock_servicenow.now_platform.dictionary.sql_tables import UnicodeFolded
from mock_servicenow.now_platform.query.date_parts import ordinal, unit_of
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import Operand, Sql, UnusableTermError
from mock_servicenow.now_platform.query.operators import Operator

_DISTANCE = re.compile(r"([a-z]+)@(before|after)@([0-9]{1,9})")
_COMPARISONS: dict[Operator, Callable[[Sql, Sql], Test]] = {
    Operator.SAME_AS: lambda left, right: left.is_not_distinct_from(right),
    Operator.NOT_SAME_AS: lambda left, right: left.is_distinct_from(right),
    Operator.GREATER_FIELD: lambda left, right: left > right,
    Operator.LESS_FIELD: lambda left, right: left < right,
    Operator.GREATER_OR_EQUALS_FIELD: lambda left, right: left >= right,
    Operator.LESS_OR_EQUALS_FIELD: lambda left, right: left <= right,
}
FIELD_OPERATORS = frozenset({*_COMPARISONS, Operator.MORE_THAN, Operator.LESS_THAN})


def test(left: Operand, operator: Operator, right: Operand, detail: str) -> Test:
    """Return the SQL of a test between two columns.

    The detail is what follows the other column's name and an ``@``: a unit, or unit, direction and count.

    Raises:
        UnusableTermError: the columns hold different kinds of values, or the detail has not the form it needs.
    """
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](*_comparable(left, right, detail))
    return _distance(left, operator, right, detail)


def _comparable(left: Operand, right: Operand, detail: str) -> tuple[Sql, Sql]:
    if (left.kind is Kind.NUMBER) != (right.kind is Kind.NUMBER):
        raise UnusableTermError(f"'{left.column.name}' and '{right.column.name}' hold different kinds of values")
    if not detail:
        return _by_value(left), _by_value(right)
    unit = unit_of(detail)
    if unit is None or not _are_dates(left, right):
        raise UnusableTermError(f"'{detail}' is no unit by which the columns compare")
    return ordinal(left.sql, unit), ordinal(right.sql, unit)


def _by_value(operand: Operand) -> Sql:
    return UnicodeFolded(operand.sql) if operand.kind is Kind.TEXT else operand.sql


def _distance(left: Operand, operator: Operator, right: Operand, detail: str) -> Test:
    match = _DISTANCE.fullmatch(detail)
    unit = unit_of(match[1]) if match else None
    if match is None or unit is None or not _are_dates(left, right):
        raise UnusableTermError("expected two dates and {column}@{unit}@{before or after}@{count}")
    earlier, later = (left, right) if match[2] == "before" else (right, left)
    distance = ordinal(later.sql, unit) - ordinal(earlier.sql, unit)
    count = int(match[3])
    return distance > count if operator is Operator.MORE_THAN else distance.between(0, count)


def _are_dates(*operands: Operand) -> bool:
    return all(operand.kind in (Kind.DATE, Kind.DATE_TIME) for operand in operands)
