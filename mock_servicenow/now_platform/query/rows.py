"""Rows as a caller sees them: in a sub-query or an outer one, of one table, with the columns that may be read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query.change import Change
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import Sql, parameter


@dataclass(frozen=True, slots=True)
class Rows:
    """Where a query looks.

    Attributes:
        table: its name in the dictionary.
        column: gives the SQL of one of its columns; raises UnusableTermError if the caller may not read it.
        source: what the rows are selected from; None for the values of a single record.
        change: the single record; None for stored rows.
        readable: whether the caller may read a row.
    """

    table: str
    column: Callable[[str], Sql]
    source: sa.FromClause | None = None
    change: Change | None = None
    readable: Test = field(default_factory=sa.true)

    @property
    def key(self) -> Sql:
        """The SQL of the sys_id of stored rows, which everybody may read who may read the row."""
        assert self.source is not None  # noqa: S101 - a single record refers to stored rows, never the other way round
        return self.source.c.sys_id

    def select(self, value: Sql, *conditions: Test) -> "sa.Select[tuple[Any]]":
        """Return a value of those rows that may be read and meet the conditions.

        Such a sub-query depends on nothing outside, which lets the database start at either end.
        """
        return sa.select(value).where(sa.and_(sa.true(), self.readable, *conditions)).correlate(None)


def one_record(dictionary: Dictionary, change: Change) -> Rows:
    """Return a record as it would be, whether it is stored or not."""
    columns = dictionary.columns(change.table)
    return Rows(change.table, lambda name: parameter(columns[name], change.after(name)), change=change)


def of_class(dictionary: Dictionary, rows: Rows) -> Test:
    """Return whether a stored row of a hierarchy is of the table's class or of one that extends it."""
    if rows.source is None or dictionary.root(rows.table) == rows.table:
        return sa.true()
    return rows.source.c.sys_class_name.in_(dictionary.family(rows.table))
