"""Clauses about rows of other tables: related lists and semi-joins (platform 2.3)."""

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import PASSWORD_TYPES, storage_kind
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import UnusableTermError
from mock_servicenow.now_platform.query.rows import Rows, of_class
from mock_servicenow.now_platform.query.scope import Scope
from mock_servicenow.now_platform.query.syntax import Query, RelatedList, SemiJoin

Matching = Callable[[Query, Rows], Test]
_COMPARISONS: dict[str, Callable[[Any, int], Any]] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def related_list(term: RelatedList, rows: Rows, scope: Scope, matching: Matching) -> Test:
    """Return whether the number of rows that point here satisfies the comparison."""
    _check_alike(rows.table, "sys_id", term.table, term.field, scope.dictionary)
    compare = _COMPARISONS[term.comparison]
    none_satisfies = compare(0, term.count)
    pointing = _pointing(term.table, term.field, term.where, scope, matching)
    if (term.comparison, term.count) not in ((">", 0), (">=", 1)):
        field = pointing.selected_columns[0]
        satisfied = compare(sa.func.count(), term.count)
        pointing = pointing.group_by(field).having(sa.not_(satisfied) if none_satisfies else satisfied)
    key = rows.column("sys_id")
    # Rows that nothing points to are in no group, so they are reached by what the others are not.
    return key.not_in(pointing) if none_satisfies else key.in_(pointing)


def semi_join(term: SemiJoin, rows: Rows, scope: Scope, matching: Matching) -> Test:
    """Return whether some row of the joined table has the value of this row's field."""
    known = scope.dictionary.table(term.table or rows.table)
    if known is None or scope.dictionary.root(known.name) != scope.dictionary.root(rows.table):
        raise UnusableTermError(f"it joins to '{term.table}', but '{rows.table}' is queried")
    _check_alike(rows.table, term.field, term.joined_table, term.joined_field, scope.dictionary)
    return rows.column(term.field).in_(_pointing(term.joined_table, term.joined_field, term.where, scope, matching))


def _pointing(table: str, field: str, where: Query, scope: Scope, matching: Matching) -> sa.Select[tuple[Any]]:
    """Return the select of a column of those rows of a table that a query matches."""
    there = scope.related(table)
    column = there.column(field)
    return there.select(column, column.is_not(None), of_class(scope.dictionary, there), matching(where, there))


def _check_alike(table: str, field: str, other_table: str, other_field: str, dictionary: Dictionary) -> None:
    """Raise UnusableTermError unless both columns exist and their values can be equal."""
    kinds = {_storage(table, field, dictionary), _storage(other_table, other_field, dictionary)}
    if len(kinds) > 1:
        raise UnusableTermError(f"'{field}' and '{other_field}' hold different kinds of values")


def _storage(table: str, field: str, dictionary: Dictionary) -> str:
    if dictionary.table(table) is None:
        raise UnusableTermError(f"there is no table '{table}'")
    column = dictionary.columns(table).get(field)
    if column is None:
        raise UnusableTermError(f"table '{table}' has no column '{field}'")
    if column.type in PASSWORD_TYPES:
        raise UnusableTermError(f"column '{field}' holds passwords")
    return storage_kind(column.type)
