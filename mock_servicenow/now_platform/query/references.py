"""Tests of references: dynamic filters, hierarchies, and the class of a row (platform 2.2)."""

from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import storage_kind
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import Operand, Sql, UnusableTermError

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary.definitions import Column
    from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
    from mock_servicenow.now_platform.query.scope import Scope

# The SDK guide's and the operator page's id of the dynamic filter option "Me".
_ME = frozenset({"90d1921e5f510100a9ad2572f2b477fe", "54635e965f510100a9ad2572f2b4774c"})


def dynamic(operand: Operand, value: str, scope: "Scope") -> Test:
    """Return whether a reference points to what a dynamic filter option stands for."""
    return _text(operand) == sa.literal(_dynamic(value, scope), sa.Text())


def in_hierarchy(operand: Operand, value: str, scope: "Scope") -> Test:
    """Return whether a reference points to a record or to one anywhere below it.

    The tree follows the column's own name on the table it points to, such as a manager's manager, else the
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


def in_dynamic_hierarchy(operand: Operand, value: str, scope: "Scope") -> Test:
    """Return the same with a dynamic filter option in the place of the record."""
    hierarchy, _, option = value.replace("%40", "@").partition("@")
    return in_hierarchy(operand, f"{hierarchy}@{_dynamic(option, scope)}", scope)


def instance_of(operand: Operand, value: str, scope: "Scope") -> Test:
    """Return whether a row is of a class or of one that extends it."""
    if scope.dictionary.table(value) is None:
        raise UnusableTermError(f"there is no table '{value}'")
    return _text(operand).in_(scope.dictionary.family(value))


def _text(operand: Operand) -> Sql:
    if storage_kind(operand.column.type) != "text":
        raise UnusableTermError(f"column '{operand.column.name}' holds numbers")
    return operand.sql


def _dynamic(option: str, scope: "Scope") -> str:
    if option not in _ME:
        raise UnusableTermError(f"'{option}' is no dynamic filter option; only Me is known")
    return scope.context.user_id


def _upward(column: "Column", dictionary: "Dictionary") -> str | None:
    """Return the column by which the referenced table forms a tree."""
    if column.reference is None or not column.is_reference:
        return None
    columns = dictionary.columns(column.reference)
    for name in (column.name, "parent"):
        candidate = columns.get(name)
        if (
            candidate is not None
            and candidate.is_reference
            and candidate.reference in dictionary.lineage(column.reference)
        ):
            return name
    return None
