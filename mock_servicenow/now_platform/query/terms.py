"""One condition, one sort key, or the columns of a text search, on given rows."""

from functools import reduce
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import PASSWORD_TYPES, Kind, kind_of
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.query import conditions, field_conditions
from mock_servicenow.now_platform.query.javascript import PREFIX
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import Operand, Sql, UnusableTermError, UnusableValueError
from mock_servicenow.now_platform.query.operators import Operator
from mock_servicenow.now_platform.query.rows import Rows
from mock_servicenow.now_platform.query.scope import Scope
from mock_servicenow.now_platform.query.syntax import Condition
from mock_servicenow.now_platform.query.walk import Path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mock_servicenow.now_platform.query.change import Change
    from mock_servicenow.now_platform.query.syntax import Block, Order

# These look at the sys_id that a reference holds, all others at what people read for it (platform 2.4).
_OF_THE_SYS_ID = frozenset(
    {
        Operator.EQUALS,
        Operator.NOT_EQUALS,
        Operator.IN,
        Operator.NOT_IN,
        Operator.EMPTY,
        Operator.NOT_EMPTY,
        Operator.ANYTHING,
        Operator.DYNAMIC,
        Operator.IN_HIERARCHY,
        Operator.IN_HIERARCHY_DYNAMIC,
    }
)
_OF_PRESENCE = frozenset({Operator.EMPTY, Operator.NOT_EMPTY, Operator.ANYTHING})
_CHANGES = frozenset({Operator.CHANGES, Operator.CHANGES_FROM, Operator.CHANGES_TO})


def condition(term: "Condition", rows: Rows, scope: Scope) -> Test:
    """Return the SQL of a condition; raises as `conditions.test`."""
    path = Path(scope, rows.table, term.path)
    if term.value and term.operator not in _OF_PRESENCE:
        _check_comparable(path)
    if term.operator in _CHANGES and rows.change is not None:
        return _changed(term, rows.change)
    if term.operator in field_conditions.FIELD_OPERATORS:
        return _between_fields(term, path, rows, scope)
    if term.operator not in _OF_THE_SYS_ID:
        path.to_display()

    def test(operand: Operand) -> Test:
        return conditions.test(operand, term.operator, term.value, scope)

    if conditions.may_accept_empty(term.operator, term.value, path.last):
        return test(path.operand(rows))
    return path.meets(rows, test)


def one_of_many(block: "Block", rows: Rows, scope: Scope) -> Test | None:
    """Return one test for a block that asks many times whether a column equals something; None for all others.

    Clients write long lists of sys_ids so; as one list they cost the database little.
    """
    if len(block) < 2:  # noqa: PLR2004 - one condition is no list
        return None
    equal = [term for term in block if isinstance(term, Condition) and _is_plain_equality(term)]
    if len(equal) != len(block) or len({term.path for term in equal}) > 1:
        return None
    try:
        path = Path(scope, rows.table, equal[0].path)
    except UnusableTermError:
        return None
    if kind_of(path.last.type) not in (Kind.TEXT, Kind.IDENTIFIER) or path.last.type in PASSWORD_TYPES:
        return None
    values = [term.value for term in equal]
    return path.meets(rows, lambda operand: operand.equals_any(values))


def _is_plain_equality(term: "Condition") -> bool:
    return term.operator is Operator.EQUALS and term.value != "" and not term.value.startswith(PREFIX)


def ordering(order: "Order", rows: Rows, scope: Scope) -> sa.ColumnElement[Any]:
    """Return what to sort by; empty values come first, as in the platform's own database.

    References sort by what people read for them (inferred).
    """
    path = Path(scope, rows.table, order.path)
    if path.last.type in PASSWORD_TYPES:
        raise UnusableTermError("the order of passwords would tell of them")
    path.to_display()
    value = path.operand(rows).comparable
    if order.path == ("sys_id",):  # never empty, and a plain order lets every database use the key's index
        return value.desc() if order.descending else value.asc()
    return value.desc().nulls_last() if order.descending else value.asc().nulls_first()


def searched_columns(rows: Rows, scope: Scope) -> list[Operand]:
    """Return the columns in which a text search looks: every text that the caller may read, passwords excepted."""
    hidden = scope.sight.hidden(rows.table)
    return [
        Operand(column, rows.column(column.name))
        for column in scope.dictionary.columns(rows.table).values()
        if kind_of(column.type) is Kind.TEXT and column.type not in PASSWORD_TYPES and column.name not in hidden
    ]


def joined(columns: "Sequence[Operand]", rows: Rows) -> Operand:
    """Return the texts of a row as one text, worked out once; no word of a search goes over a line's end."""
    empty: Sql = sa.literal_column("''", sa.Text())
    line_end: Sql = sa.literal_column("'\n'", sa.Text())
    whole = reduce(
        lambda text, column: text.concat(line_end).concat(sa.func.coalesce(column.sql, empty)), columns, empty
    )
    selected = sa.select(whole.label("text"))
    row = (selected if rows.source is None else selected.correlate(rows.source)).subquery()
    return Operand(Column("text"), row.c.text)


def _check_comparable(path: Path) -> None:
    """Raise UnusableValueError for a password: what is compared with it would tell what it is, letter by letter."""
    if path.last.type in PASSWORD_TYPES:
        raise UnusableValueError("a password equals nothing that can be asked")


def _between_fields(term: "Condition", path: Path, rows: Rows, scope: Scope) -> Test:
    name, _, detail = term.value.partition("@")
    other = Path(scope, rows.table, name.split("."))
    _check_comparable(other)
    return field_conditions.test(path.operand(rows), term.operator, other.operand(rows), detail)


def _changed(term: "Condition", change: "Change") -> Test:
    if len(term.path) > 1:
        raise UnusableTermError("only the record's own columns are known to change")
    before, after = change.before(term.path[0]), change.after(term.path[0])
    wanted = {Operator.CHANGES_FROM: before, Operator.CHANGES_TO: after}.get(term.operator, term.value)
    return sa.true() if before != after and wanted == term.value else sa.false()
