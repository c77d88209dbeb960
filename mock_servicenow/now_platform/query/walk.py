"""Dot-walks: from the row at hand through references to a column of another row (platform 2.1)."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import PASSWORD_TYPES
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import Operand, Sql, UnusableTermError
from mock_servicenow.now_platform.query.rows import Rows
from mock_servicenow.now_platform.query.scope import Scope

MAX_STEPS = 8  # references walked through in one path


class Path:
    """A column that a condition names, resolved against the tables as the caller sees them.

    Attributes:
        columns: the references walked through, then the column itself.

    Raises:
        UnusableTermError: a column does not exist, one before the last is no reference, or the caller may not read
            one of them.
    """

    def __init__(self, scope: Scope, table: str, names: Sequence[str]) -> None:
        self._scope = scope
        if len(names) > MAX_STEPS + 1:
            raise UnusableTermError(f"it walks through more than {MAX_STEPS} references")
        self.columns: list[Column] = []
        for name in names:
            self.columns.append(self._column(self._target(table), name))

    @property
    def last(self) -> Column:
        """The column that the path ends at."""
        return self.columns[-1]

    def to_display(self) -> None:
        """Walk on, if the path ends at a reference, to what people read for the record it points to.

        Raises UnusableTermError if the caller may not read it, or if it is a password.
        """
        while self.last.reference is not None and self.last.is_reference and len(self.columns) <= MAX_STEPS:
            name = self._scope.dictionary.display_column(self.last.reference)
            self.columns.append(self._column(self.last.reference, name))
        if self.last.type in PASSWORD_TYPES:
            raise UnusableTermError("nobody reads a password")

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
        there = self._scope.related(self.columns[step].reference or "")
        inner = self._meets(there.column(self.columns[step + 1].name), step + 1, condition)
        return sql.in_(there.select(there.key, inner))

    def _value_of(self, reference: Column, column: Column, sql: Sql, outer: sa.FromClause | None) -> Sql:
        there = self._scope.referenced(reference.reference or "", column.name)
        value = sa.select(there.column(column.name)).where(there.key == sql, there.readable)
        return (value if outer is None else value.correlate(outer)).scalar_subquery()

    def _target(self, table: str) -> str:
        if not self.columns:
            return table
        if not self.last.is_reference:
            raise UnusableTermError(f"column '{self.last.name}' is no reference, so nothing can be walked to")
        return self.last.reference or ""

    def _column(self, table: str, name: str) -> Column:
        if self.columns:
            self._scope.check_table(table)
        column = self._scope.dictionary.columns(table).get(name)
        if column is None:
            raise UnusableTermError(f"table '{table}' has no column '{name}'")
        self._scope.check_column(table, name)
        return column
