"""The terms of a query as SQL: conditions, sort keys, text searches, related lists and joins."""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import CompareAs, Family
from mock_servicenow.now_platform.dictionary.definitions import QUERY_MATCH, QUERY_RANGE, Column
from mock_servicenow.now_platform.query.operands import (
    Operand,
    RecordChange,
    Rows,
    Sql,
    Test,
    UnusableTermError,
    UnusableValueError,
    of_class,
)
from mock_servicenow.now_platform.query.operators import EQUALS, ChangeOp, FieldOp, On, Op, Takes, unsupported
from mock_servicenow.now_platform.query.scope import Path, Scope
from mock_servicenow.now_platform.query.script_calls import PREFIX
from mock_servicenow.now_platform.query.syntax import Block, Condition, Order, Query, RelatedList, SemiJoin

Matching = Callable[[Query, Rows], Test]
_COMPARISONS: dict[str, Callable[[Any, int], Any]] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def condition(term: Condition, rows: Rows, scope: Scope) -> Test:
    """Return the SQL of a condition.

    Raises:
        UnusableTermError: a column does not exist, or the operator does not apply to it or to its operand.
        UnusableValueError: nothing can match.
        RefusedScriptError: the value is a script call that is not evaluated.
    """
    scope = scope.asking(term.operator.asks)
    path = Path(scope, rows.table, term.path)
    if term.value and term.operator.takes is not Takes.NOTHING:
        _check_comparable(path)
    match term.operator:
        case Op() as operator:
            return _of_column(operator, term.value, path, rows, scope)
        case FieldOp() as operator:
            return _of_fields(operator, term.value, path, rows, scope)
        case ChangeOp() as operator if rows.change is not None:
            return _of_change(operator, term, rows.change)
    raise unsupported(term.operator, path.last)


def _check_comparable(path: Path) -> None:
    """Raise UnusableValueError for a password: comparisons would reveal it letter by letter."""
    if path.last.family is Family.PASSWORD:
        raise UnusableValueError("a password equals nothing that can be asked")


def _of_column(operator: Op, value: str, path: Path, rows: Rows, scope: Scope) -> Test:
    if operator.on is not On.VALUE:
        path.to_display()
    if operator.empty(value, path.last):
        return operator.test(path.operand(rows), value, scope)
    return path.meets(rows, lambda operand: operator.test(operand, value, scope))


def _of_fields(operator: FieldOp, value: str, path: Path, rows: Rows, scope: Scope) -> Test:
    name, _, detail = value.partition("@")
    other = Path(scope, rows.table, name.split("."))
    _check_comparable(other)
    return operator.sql(path.operand(rows), other.operand(rows), detail)


def _of_change(operator: ChangeOp, term: Condition, change: RecordChange) -> Test:
    if len(term.path) > 1:
        raise UnusableTermError("only the record's own columns are known to change")
    [name] = term.path
    return sa.true() if operator.meets(change.before(name), change.after(name), term.value) else sa.false()


def one_of_many(block: Block, rows: Rows, scope: Scope) -> Test | None:
    """Return one test for a block that compares one column with many values; None for every other block.

    Clients write long lists of sys_ids this way; as one list they cost the database little.
    """
    if len(block) < 2:  # noqa: PLR2004 - a list has two conditions
        return None
    equal = [term for term in block if isinstance(term, Condition) and _is_plain_equality(term)]
    if len(equal) != len(block) or len({term.path for term in equal}) > 1:
        return None
    try:
        path = Path(scope.asking(QUERY_MATCH), rows.table, equal[0].path)
    except UnusableTermError:
        return None
    if path.last.family.compare_as not in (CompareAs.TEXT, CompareAs.IDENTIFIER) or path.last.family is Family.PASSWORD:
        return None
    values = [term.value for term in equal]
    return path.meets(rows, lambda operand: operand.equals_any(values))


def _is_plain_equality(term: Condition) -> bool:
    return term.operator is EQUALS and term.value != "" and not term.value.startswith(PREFIX)


def ordering(order: Order, rows: Rows, scope: Scope) -> sa.ColumnElement[Any]:
    """Return what to sort by; empty values come first, as in the platform's own database.

    References sort by their display value (inferred).
    """
    path = Path(scope.asking(QUERY_RANGE), rows.table, order.path)
    if path.last.family is Family.PASSWORD:
        raise UnusableTermError("the order of passwords would reveal them")
    path.to_display()
    value = path.operand(rows).comparable
    if order.path == ("sys_id",):  # never empty, and a plain order lets every database use the key's index
        return value.desc() if order.descending else value.asc()
    return value.desc().nulls_last() if order.descending else value.asc().nulls_first()


def searched_columns(rows: Rows, scope: Scope) -> list[Operand]:
    """Return the columns in which a text search looks: every text that the caller may query except passwords."""
    scope = scope.asking(QUERY_RANGE)
    barred, seen = scope.sight.barred[QUERY_RANGE](rows.table), scope.seen(rows)
    return [
        Operand(column, seen.column(column.name))
        for column in scope.dictionary.columns(rows.table).values()
        if column.family.compare_as is CompareAs.TEXT
        and column.family is not Family.PASSWORD
        and column.name not in barred
    ]


def joined(columns: Sequence[Operand], rows: Rows) -> Operand:
    """Return the texts of a row as one text, computed once; no word of a search spans two lines."""
    empty: Sql = sa.literal_column("''", sa.Text())
    line_end: Sql = sa.literal_column("'\n'", sa.Text())
    whole = reduce(
        lambda text, column: text.concat(line_end).concat(sa.func.coalesce(column.sql, empty)), columns, empty
    )
    selected = sa.select(whole.label("text"))
    row = (selected if rows.source is None else selected.correlate(rows.source)).subquery()
    return Operand(Column("text"), row.c.text)


def related_list(term: RelatedList, rows: Rows, scope: Scope, matching: Matching) -> Test:
    """Return whether the number of rows that point here satisfies the comparison."""
    _check_alike(rows.table, "sys_id", term.table, term.field, scope)
    compare = _COMPARISONS[term.comparison]
    none_satisfies = compare(0, term.count)
    pointing = _pointing(term.table, term.field, term.where, scope, matching)
    if (term.comparison, term.count) not in ((">", 0), (">=", 1)):
        field = pointing.selected_columns[0]
        satisfied = compare(sa.func.count(), term.count)
        pointing = pointing.group_by(field).having(sa.not_(satisfied) if none_satisfies else satisfied)
    key = scope.asking(QUERY_MATCH).seen(rows).column("sys_id")
    # Rows that nothing points to are in no group, so they are reached by what the others are not.
    return key.not_in(pointing) if none_satisfies else key.in_(pointing)


def semi_join(term: SemiJoin, rows: Rows, scope: Scope, matching: Matching) -> Test:
    """Return whether some row of the joined table has the value of this row's field."""
    known = scope.dictionary.table(term.table or rows.table)
    if known is None or scope.dictionary.root(known.name) != scope.dictionary.root(rows.table):
        raise UnusableTermError(f"it joins to '{term.table}', but '{rows.table}' is queried")
    _check_alike(rows.table, term.field, term.joined_table, term.joined_field, scope)
    own = scope.asking(QUERY_MATCH).seen(rows).column(term.field)
    return own.in_(_pointing(term.joined_table, term.joined_field, term.where, scope, matching))


def _pointing(table: str, field: str, where: Query, scope: Scope, matching: Matching) -> sa.Select[tuple[Any]]:
    """Return the select of a column of those rows of a table that a query matches."""
    there = scope.related(table)
    column = scope.asking(QUERY_MATCH).seen(there).column(field)
    return there.select(column, column.is_not(None), of_class(scope.dictionary, there), matching(where, there))


def _check_alike(table: str, field: str, other_table: str, other_field: str, scope: Scope) -> None:
    """Raise UnusableTermError unless both columns exist and their values can be equal."""
    kinds = {_storage(table, field, scope), _storage(other_table, other_field, scope)}
    if len(kinds) > 1:
        raise UnusableTermError(f"'{field}' and '{other_field}' hold different kinds of values")


def _storage(table: str, field: str, scope: Scope) -> str:
    if scope.dictionary.table(table) is None:
        raise UnusableTermError(f"table '{table}' does not exist")
    column = scope.dictionary.columns(table).get(field)
    if column is None:
        raise scope.unknown_column(table, field)
    if column.family is Family.PASSWORD:
        raise UnusableTermError(f"column '{field}' holds passwords")
    return column.family.storage
