"""One operator applied to one column of the row at hand (platform 2.2, 2.4)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.query.javascript import PREFIX, evaluate
from mock_servicenow.now_platform.query.operands import Kind, Operand, Sql, kind_of
from mock_servicenow.now_platform.query.operators import Operator

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary import Column
    from mock_servicenow.now_platform.query.context import QueryContext

Test = sa.ColumnElement[bool]


class UnusableTermError(Exception):
    """The term cannot be asked of this column; the message completes "it is ignored: …"."""


def test(operand: Operand, operator: Operator, value: str, context: "QueryContext") -> Test:
    """Return the SQL of one test; false or NULL where the column is empty, unless the operator says otherwise.

    Raises:
        UnusableTermError: the operator is not for data, or its value has not the form it needs.
        UnusableValueError: nothing can match.
        RefusedError: the value is a script call that is not evaluated.
    """
    build = _TESTS.get(operator)
    if build is None:
        raise UnusableTermError(f"operator {operator.value[0]} cannot be asked of stored rows")
    return build(operand, value, context)


def may_accept_empty(operator: Operator, value: str, column: "Column") -> bool:
    """Return whether the test can hold for an empty column, so also where a walk to it ends early."""
    match operator:
        case Operator.EMPTY | Operator.ANYTHING:
            return True
        case Operator.NOT_EQUALS:
            return kind_of(column) is Kind.BOOLEAN
        case Operator.EQUALS | Operator.IN:
            return value.startswith(PREFIX) or not all(value.split(","))
    return False


def _equals(operand: Operand, value: str, context: "QueryContext") -> Test:
    wanted = evaluate(value, context)
    return operand.equals_any([wanted]) if wanted else operand.sql.is_(None)


def _not_equals(operand: Operand, value: str, context: "QueryContext") -> Test:
    wanted = evaluate(value, context)
    if not wanted:
        return operand.sql.is_not(None)
    other = sa.not_(operand.equals_any([wanted]))
    return sa.or_(operand.sql.is_(None), other) if operand.kind is Kind.BOOLEAN else other


def _one_of(operand: Operand, value: str, context: "QueryContext") -> Test:
    wanted = evaluate(value, context).split(",")
    found = operand.equals_any([entry for entry in wanted if entry])
    return found if all(wanted) else sa.or_(operand.sql.is_(None), found)


def _not_one_of(operand: Operand, value: str, context: "QueryContext") -> Test:
    wanted = evaluate(value, context).split(",")
    others = sa.not_(operand.equals_any([entry for entry in wanted if entry]))
    return sa.and_(operand.sql.is_not(None), others)


def _contains(operand: Operand, value: str, context: "QueryContext") -> Test:
    return operand.matches("%", evaluate(value, context), "%")


def _not_contains(operand: Operand, value: str, context: "QueryContext") -> Test:
    return sa.not_(operand.matches("%", evaluate(value, context), "%"))


def _starts_with(operand: Operand, value: str, context: "QueryContext") -> Test:
    return operand.matches("", evaluate(value, context), "%")


def _ends_with(operand: Operand, value: str, context: "QueryContext") -> Test:
    return operand.matches("%", evaluate(value, context), "")


def _compared(compare: Callable[[Sql, Sql], Test]) -> Callable[[Operand, str, "QueryContext"], Test]:
    def build(operand: Operand, value: str, context: "QueryContext") -> Test:
        return compare(operand.comparable, operand.literal(evaluate(value, context)))

    return build


def bounds(value: str, context: "QueryContext") -> list[str]:
    """Return the parts of a value between ``@``, each evaluated."""
    return [evaluate(part, context) for part in value.split("@")]


def _between(operand: Operand, value: str, context: "QueryContext") -> Test:
    match bounds(value, context):
        case [low, high]:
            return operand.comparable.between(operand.literal(low), operand.literal(high))
    raise UnusableTermError("BETWEEN needs two values joined by one @")


_TESTS: dict[Operator, Callable[[Operand, str, "QueryContext"], Test]] = {
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
    Operator.EMPTY: lambda operand, _value, _context: operand.sql.is_(None),
    Operator.NOT_EMPTY: lambda operand, _value, _context: operand.sql.is_not(None),
    Operator.ANYTHING: lambda _operand, _value, _context: sa.true(),
    Operator.BETWEEN: _between,
}
