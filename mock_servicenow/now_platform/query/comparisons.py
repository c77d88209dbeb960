"""Comparisons as SQL, of a column with a value or with another column.

Each is false or NULL where the column is empty, unless it says otherwise. All raise UnusableTermError if the value has
the wrong form, UnusableValueError if no row can match, and RefusedScriptError for a script call that is not evaluated.
"""

import re
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import CompareAs
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import UnicodeFolded
from mock_servicenow.now_platform.query import dates
from mock_servicenow.now_platform.query.operands import Operand, Sql, Test, UnusableTermError
from mock_servicenow.now_platform.query.scope import Scope
from mock_servicenow.now_platform.query.script_calls import PREFIX

_DISTANCE = re.compile(r"([a-z]+)@(before|after)@([0-9]{1,9})")
# The dynamic filter option "Me": the SDK guide and the operator page give different ids.
_ME = frozenset({"90d1921e5f510100a9ad2572f2b477fe", "54635e965f510100a9ad2572f2b4774c"})

Build = Callable[[Operand, str, Scope], Test]
BuildOfTwo = Callable[[Operand, Operand, str], Test]


def equals(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a column has a value; of an empty value, whether the column is empty."""
    wanted = scope.evaluate(value)
    return operand.equals_any([wanted]) if wanted else operand.sql.is_(None)


def not_equals(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a column has another value; an empty boolean has another value than any."""
    wanted = scope.evaluate(value)
    return _other_than(operand, [wanted]) if wanted else operand.sql.is_not(None)


def one_of(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a column has a value of a list; an empty entry means an empty column."""
    wanted = scope.evaluate(value).split(",")
    entries = [entry for entry in wanted if entry]
    if not entries:
        return operand.sql.is_(None)
    found = operand.equals_any(entries)
    return found if all(wanted) else sa.or_(operand.sql.is_(None), found)


def not_one_of(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a column has a value that is not in a list; an empty boolean is in no list."""
    wanted = scope.evaluate(value).split(",")
    entries = [entry for entry in wanted if entry]
    return _other_than(operand, entries) if entries else operand.sql.is_not(None)


def _other_than(operand: Operand, values: Sequence[str]) -> Test:
    other = sa.not_(operand.equals_any(values))
    return sa.or_(operand.sql.is_(None), other) if operand.compare_as is CompareAs.BOOLEAN else other


def has_empty_entry(value: str, _column: Column) -> bool:
    """Return whether a value may be empty, or be a list with an empty entry, once its script is evaluated."""
    return value.startswith(PREFIX) or not all(value.split(","))


def like(before: str, after: str) -> Build:
    """Return the test whether a text is a value between wildcards."""

    def build(operand: Operand, value: str, scope: Scope) -> Test:
        return operand.matches(before, scope.evaluate(value), after)

    return build


def not_like(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a text is there and does not contain a value."""
    return sa.not_(operand.matches("%", scope.evaluate(value), "%"))


def compared(compare: Callable[[Sql, Sql], Test]) -> Build:
    """Return the test that compares a column with a value, by order."""

    def build(operand: Operand, value: str, scope: Scope) -> Test:
        return compare(operand.comparable, operand.literal(scope.evaluate(value)))

    return build


def between(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a column is between two values, inclusively."""
    match value.split("@"):
        case [_, _] as bounds:
            low, high = (operand.literal(scope.evaluate(bound)) for bound in bounds)
            return operand.comparable.between(low, high)
    raise UnusableTermError("BETWEEN needs two values joined by one @")


def dynamic(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a reference points to the record of a dynamic filter option."""
    return _text(operand) == sa.literal(_option(value, scope), sa.Text())


def in_hierarchy(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a reference points to a record or to one anywhere below it.

    The tree follows the column's own name on the table it points to, such as a manager's manager, or else the
    column ``parent``; the record hierarchy that the value names first is not looked up (inferred).
    """
    _, separator, start = value.replace("%40", "@").partition("@")
    up = _upward(operand.column, scope.dictionary)
    if not separator or up is None:
        raise UnusableTermError("expected {hierarchy}@{sys_id}, on a reference to a table that refers to itself")
    nodes = scope.related(operand.column.reference or "")
    below = nodes.select(nodes.key, nodes.key == start).cte(recursive=True)
    children = nodes.select(nodes.key).join(below, nodes.column(up) == below.c.sys_id)
    return operand.sql.in_(sa.select(below.union(children).c.sys_id))


def in_dynamic_hierarchy(operand: Operand, value: str, scope: Scope) -> Test:
    """Return the same as `in_hierarchy` for the record of a dynamic filter option."""
    hierarchy, _, option = value.replace("%40", "@").partition("@")
    return in_hierarchy(operand, f"{hierarchy}@{_option(option, scope)}", scope)


def instance_of(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a row is of a class or of one that extends it."""
    if scope.dictionary.table(value) is None:
        raise UnusableTermError(f"table '{value}' does not exist")
    return _text(operand).in_(scope.dictionary.family(value))


def _text(operand: Operand) -> Sql:
    if operand.column.family.storage != "text":
        raise UnusableTermError(f"column '{operand.column.name}' holds numbers")
    return operand.sql


def _option(option: str, scope: Scope) -> str:
    """Return the sys_id that a dynamic filter option means."""
    if option not in _ME:
        raise UnusableTermError(f"unknown dynamic filter option '{option}': only Me is known")
    return scope.context.user_id


def _upward(column: Column, dictionary: Dictionary) -> str | None:
    """Return the column by which the referenced table forms a tree."""
    if column.reference is None or not column.is_reference:
        return None
    columns = dictionary.columns(column.reference)
    above = dictionary.lineage(column.reference)
    candidates = (columns.get(name) for name in (column.name, "parent"))
    return next((each.name for each in candidates if each and each.is_reference and each.reference in above), None)


def fields(compare: Callable[[Sql, Sql], Test]) -> BuildOfTwo:
    """Return the test that compares two columns, or one part of two dates, such as the day of the month."""

    def build(left: Operand, right: Operand, unit: str) -> Test:
        return compare(*_comparable(left, right, unit))

    return build


def _comparable(left: Operand, right: Operand, detail: str) -> tuple[Sql, Sql]:
    if (left.compare_as is CompareAs.NUMBER) != (right.compare_as is CompareAs.NUMBER):
        raise UnusableTermError(f"'{left.column.name}' and '{right.column.name}' hold different kinds of values")
    if not detail:
        return _by_value(left), _by_value(right)
    part = dates.compared_part(detail)
    if part is None or not _are_dates(left, right):
        raise UnusableTermError(f"the columns do not compare by '{detail}': expected two dates and a part, such as day")
    return dates.part(left.sql, part), dates.part(right.sql, part)


def _by_value(operand: Operand) -> Sql:
    return UnicodeFolded(operand.sql) if operand.compare_as is CompareAs.TEXT else operand.sql


def apart(compare: Callable[[sa.ColumnElement[int], int], Test]) -> BuildOfTwo:
    """Return the test that compares how long one date is before another with a count of days, hours, ….

    Args:
        compare: builds it from that time, and the shortest time of one unit more than the count: only whole units that
            have passed count, so that more than one day is two days or more (Docs: operators for filters).
    """

    def build(left: Operand, right: Operand, detail: str) -> Test:
        match = _DISTANCE.fullmatch(detail)
        unit = dates.unit_of(match[1]) if match else None
        if match is None or unit is None or not _are_dates(left, right):
            raise UnusableTermError("expected two dates and {column}@{unit}@{before or after}@{count}")
        earlier, later = (left, right) if match[2] == "before" else (right, left)
        time, size = dates.time_between(earlier.sql, later.sql, unit)
        return compare(time, (int(match[3]) + 1) * size)

    return build


def _are_dates(*operands: Operand) -> bool:
    return all(operand.compare_as in (CompareAs.DATE, CompareAs.DATE_TIME) for operand in operands)
