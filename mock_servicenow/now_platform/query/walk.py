"""Dot-walks: from the row at hand through references to a column of another row (platform 2.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.query.change import Change
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import Operand, Sql, UnusableTermError, parameter

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary.definitions import Column
    from mock_servicenow.now_platform.dictionary.dictionary import Dictionary

MAX_STEPS = 8  # references walked through in one path


@dataclass(frozen=True, slots=True)
class Rows:
    """Where a query looks.

    Attributes:
        table: its name in the dictionary.
        column: gives the SQL of one of its columns.
        source: what the rows are selected from; None for the values of a single record.
        change: the single record; None for stored rows.
    """

    table: str
    column: Callable[[str], Sql]
    source: sa.Table | None = None
    change: Change | None = None


def stored_rows(dictionary: "Dictionary", table: str) -> Rows:
    """Return the stored rows of a table; those of other classes of its hierarchy are among them."""
    source = dictionary.sql_table(table)
    return Rows(table, source.c.__getitem__, source)


def one_record(dictionary: "Dictionary", change: Change) -> Rows:
    """Return a record as it would be, whether it is stored or not."""
    columns = dictionary.columns(change.table)
    return Rows(change.table, lambda name: parameter(columns[name], change.after(name)), change=change)


class Path:
    """A column that a condition names, resolved against the dictionary.

    Attributes:
        columns: the references walked through, then the column itself.

    Raises:
        UnusableTermError: a column does not exist, or one before the last is no reference.
    """

    def __init__(self, dictionary: "Dictionary", table: str, names: Sequence[str]) -> None:
        self._dictionary = dictionary
        if len(names) > MAX_STEPS + 1:
            raise UnusableTermError(f"it walks through more than {MAX_STEPS} references")
        self.columns: list[Column] = []
        for name in names:
            self.columns.append(self._column(self._target(table), name))

    @property
    def last(self) -> "Column":
        """The column that the path ends at."""
        return self.columns[-1]

    def to_display(self) -> None:
        """Walk on, if the path ends at a reference, to what people read for the record it points to."""
        while self.last.reference is not None and self.last.is_reference and len(self.columns) <= MAX_STEPS:
            name = self._dictionary.display_column(self.last.reference)
            self.columns.append(self._column(self.last.reference, name))

    def meets(self, rows: Rows, condition: Callable[[Operand], Test]) -> Test:
        """Return whether the row at the end meets a condition; no row at the end meets none."""
        return self._meets(rows.column(self.columns[0].name), 0, condition)

    def operand(self, rows: Rows) -> Operand:
        """Return the column at the end as a value of the row at hand; NULL where a reference is empty."""
        sql = rows.column(self.columns[0].name)
        for reference, column in zip(self.columns, self.columns[1:], strict=False):
            sql = self._value_of(reference, column, sql, rows.source)
        return Operand(self.last, sql)

    def _meets(self, sql: Sql, step: int, condition: Callable[[Operand], Test]) -> Test:
        if step == len(self.columns) - 1:
            return condition(Operand(self.last, sql))
        target = self._dictionary.sql_table(self.columns[step].reference or "")
        inner = self._meets(target.c[self.columns[step + 1].name], step + 1, condition)
        # A sub-query that depends on nothing outside lets the database start at either end.
        return sql.in_(sa.select(target.c.sys_id).where(inner).correlate(None))

    def _value_of(self, reference: "Column", column: "Column", sql: Sql, outer: sa.Table | None) -> Sql:
        stored = self._dictionary.sql_table(reference.reference or "")
        light = sa.table(
            stored.name, sa.column("sys_id", sa.Text()), sa.column(column.name, stored.c[column.name].type)
        )
        target = light.alias()
        value = sa.select(target.c[column.name]).where(target.c.sys_id == sql)
        return (value if outer is None else value.correlate(outer)).scalar_subquery()

    def _target(self, table: str) -> str:
        if not self.columns:
            return table
        if not self.last.is_reference:
            raise UnusableTermError(f"column '{self.last.name}' is no reference, so nothing can be walked to")
        return self.last.reference or ""

    def _column(self, table: str, name: str) -> "Column":
        column = self._dictionary.columns(table).get(name)
        if column is None:
            raise UnusableTermError(f"table '{table}' has no column '{name}'")
        return column


def of_class(dictionary: "Dictionary", rows: Rows) -> Test:
    """Return whether a row of a hierarchy is of the table's class or of one that extends it."""
    if dictionary.root(rows.table) == rows.table:
        return sa.true()
    return rows.column("sys_class_name").in_(dictionary.family(rows.table))
