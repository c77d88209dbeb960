"""One operator applied to one column of the row at hand (platform 2.2, 2.4)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import Kind, kind_of
from mock_servicenow.now_platform.query import date_conditions, references
from mock_servicenow.now_platform.query.javascript import PREFIX
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import Operand, Sql, UnusableTermError
from mock_servicenow.now_platform.query.operators import Operator

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary.definitions import Column
    from mock_servicenow.now_platform.query.scope import Scope


def test(operand: Operand, operator: Operator, value: str, scope: "Scope") -> Test:
    """Return the SQL of one test; false or NULL where the column is empty, unless the operator says otherwise.

    Raises:
        UnusableTermError: the operator is not for data, or its value has not the form it needs.
        UnusableValueError: nothing can match.
        RefusedError: the value is a script call that is not evaluated.
    """
    build = _TESTS.get(operator)
    if build is None and operand.kind in (Kind.DATE, Kind.DATE_TIME):
        build = _DATE_TESTS.get(operator)
    if build is None:
        raise UnusableTermError(f"{operator.value[0]} cannot be asked of '{operand.column.name}'")
    return build(operand, value, scope)


def may_accept_empty(operator: Operator, value: str, column: "Column") -> bool:
    """Return whether the test can hold for an empty column, so also where a walk to it ends early."""
    match operator:
        case Operator.EMPTY | Operator.ANYTHING:
            return True
        case Operator.NOT_EQUALS:
            return kind_of(column.type) is Kind.BOOLEAN
        case Operator.EQUALS | Operator.IN:
            return value.startswith(PREFIX) or not all(value.split(","))
    return False


def _equals(operand: Operand, value: str, scope: "Scope") -> Test:
    wanted = scope.evaluate(value)
    return operand.equals_any([wanted]) if wanted else operand.sql.is_(None)


def _not_equals(operand: Operand, value: str, scope: "Scope") -> Test:
    wanted = scope.evaluate(value)
    if not wanted:
        return operand.sql.is_not(None)
    other = sa.not_(operand.equals_any([wanted]))
    return sa.or_(operand.sql.is_(None), other) if operand.kind is Kind.BOOLEAN else other


def _one_of(operand: Operand, value: str, scope: "Scope") -> Test:
    wanted = scope.evaluate(value).split(",")
    entries = [entry for entry in wanted if entry]
    if not entries:
        return operand.sql.is_(None)
    found = operand.equals_any(entries)
    return found if all(wanted) else sa.or_(operand.sql.is_(None), found)


def _not_one_of(operand: Operand, value: str, scope: "Scope") -> Test:
    wanted = scope.evaluate(value).split(",")
    entries = [entry for entry in wanted if entry]
    return sa.not_(operand.equals_any(entries)) if entries else operand.sql.is_not(None)


def _contains(operand: Operand, value: str, scope: "Scope") -> Test:
    return operand.matches("%", scope.evaluate(value), "%")


def _not_contains(operand: Operand, value: str, scope: "Scope") -> Test:
    return sa.not_(operand.matches("%", scope.evaluate(value), "%"))


def _starts_with(operand: Operand, value: str, scope: "Scope") -> Test:
    return operand.matches("", scope.evaluate(value), "%")


def _ends_with(operand: Operand, value: str, scope: "Scope") -> Test:
    return operand.matches("%", scope.evaluate(value), "")


def _compared(compare: Callable[[Sql, Sql], Test]) -> Callable[[Operand, str, "Scope"], Test]:
    def build(operand: Operand, value: str, scope: "Scope") -> Test:
        return compare(operand.comparable, operand.literal(scope.evaluate(value)))

    return build


def _between(operand: Operand, value: str, scope: "Scope") -> Test:
    match value.split("@"):
        case [_, _] as bounds:
            low, high = (operand.literal(scope.evaluate(bound)) for bound in bounds)
            return operand.comparable.between(low, high)
    raise UnusableTermError("BETWEEN needs two values joined by one @")


_TESTS: dict[Operator, Callable[[Operand, str, "Scope"], Test]] = {
    Operator.EQUALS: _equals,
    Operator.NOT_EQUALS: _not_equals,
    Operator.LESS: _compared(lambda left, right: left < right),
    Operator.LESS_OR_EQUALS: _compared(lambda left, right: left <= right),
    Operator.GREATER: _compared(lambda left, right: left > right),
    Operator.GREATER_OR_EQUALS: _compared(lambda left, right: left >= right),
    Operator.CONTAINS: _contains,
    Operator.NOT_CONTAINS: _not_contains,
    Operator.STARTS_WITH: _starts_with,
    Operator.ENDS_WITH: _ends_with,
    Operator.IN: _one_of,
    Operator.NOT_IN: _not_one_of,
    Operator.EMPTY: lambda operand, _value, _scope: operand.sql.is_(None),
    Operator.NOT_EMPTY: lambda operand, _value, _scope: operand.sql.is_not(None),
    Operator.ANYTHING: lambda _operand, _value, _scope: sa.true(),
    Operator.BETWEEN: _between,
    Operator.DYNAMIC: references.dynamic,
    Operator.IN_HIERARCHY: references.in_hierarchy,
    Operator.IN_HIERARCHY_DYNAMIC: references.in_dynamic_hierarchy,
    Operator.INSTANCE_OF: references.instance_of,
}

_DATE_TESTS: dict[Operator, Callable[[Operand, str, "Scope"], Test]] = {
    Operator.ON: date_conditions.on,
    Operator.NOT_ON: date_conditions.not_on,
    Operator.DATE_PART: date_conditions.date_part,
    Operator.RELATIVE_GREATER: date_conditions.relative(Operator.RELATIVE_GREATER),
    Operator.RELATIVE_LESS: date_conditions.relative(Operator.RELATIVE_LESS),
    Operator.RELATIVE_GREATER_OR_EQUALS: date_conditions.relative(Operator.RELATIVE_GREATER_OR_EQUALS),
    Operator.RELATIVE_LESS_OR_EQUALS: date_conditions.relative(Operator.RELATIVE_LESS_OR_EQUALS),
    Operator.RELATIVE_EQUALS: date_conditions.relative(Operator.RELATIVE_EQUALS),
}
