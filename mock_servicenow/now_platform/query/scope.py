"""The tables as the caller sees them, and the paths through their references."""

from collections.abc import Callable, Sequence
from functools import partial

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import READ, Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query.operands import (
    BarredTermError,
    Operand,
    Rows,
    Sql,
    Test,
    UnknownColumnError,
    UnreadableTermError,
    UnusableTermError,
)
from mock_servicenow.now_platform.query.script_calls import PREFIX, QueryContext, evaluate
from mock_servicenow.now_platform.query.sight import Permissions, Sight

_RULED_BY_CLASS = "sys_class_name"


class Scope(Struct, frozen=True):
    """The tables of the instance as the caller sees them, and who asks when.

    Rows come from here and from nowhere else, so each clause, however deep, is about what the caller may read.

    Args:
        circumstances: the user and the moment; clauses read them as `context`.
        depends: called when a clause reads them.
        meets: compiles the condition of an access rule, which sees everything.
        limited: called with each table in a clause of which the caller may not read every row.
        asks: what is asked of columns: to read them, or one of the kinds of queries that access rules know.
    """

    sight: Sight
    circumstances: QueryContext
    depends: Callable[[], None]
    meets: Callable[[str, Rows], Test]
    limited: Callable[[str], None]
    asks: str = READ

    def asking(self, operation: str) -> "Scope":
        """Return the same tables for clauses that ask something else of columns."""
        return replace(self, asks=operation)

    @property
    def dictionary(self) -> Dictionary:
        """The tables of the instance."""
        return self.sight.dictionary

    @property
    def context(self) -> QueryContext:
        """The user and the moment, on which the SQL depends from now on."""
        self.depends()
        return self.circumstances

    def evaluate(self, value: str) -> str:
        """Return a value as it is compared; raises RefusedScriptError."""
        return evaluate(value, self.context) if value.startswith(PREFIX) else value

    def queried(self, table: str) -> Rows:
        """Return the rows of the table that is queried; including those of other classes of its hierarchy."""
        return self._rows(table, self.dictionary.sql_table(table))

    def related(self, table: str) -> Rows:
        """Return the rows of a table that a clause names; raises UnreadableTermError if the caller reads none of it."""
        self.check_table(table)
        return self.queried(table)

    def referenced(self, table: str, column: str) -> Rows:
        """Return the rows of a table under an alias, for one of its columns; raises as `related`."""
        self.check_table(table)
        stored = self.dictionary.sql_table(table)
        if not self._is_plain(table):
            return self._rows(table, stored.alias())
        # Few columns, since each costs the compiler of the statement.
        light = sa.table(stored.name, sa.column("sys_id", sa.Text()), sa.column(column, stored.c[column].type)).alias()
        return Rows(table, light.c.__getitem__, light)

    def seen(self, rows: Rows) -> Rows:
        """Return rows of another scope with their columns as this one sees them."""
        if rows.source is None or self.sight.everything:
            return rows
        return replace(rows, column=self._columns(rows.table, rows.source))

    def check_table(self, table: str) -> None:
        """Raise UnreadableTermError if the caller may read nothing of a table."""
        if not self.sight.reaches(table):
            raise UnreadableTermError(f"the user may not read table '{table}'")
        if not self.sight.is_admin and not self.sight.opens(table, "read"):
            self.limited(table)

    def check_column(self, table: str, column: str) -> None:
        """Raise UnreadableTermError if the caller may not read a column, or not ask this of it."""
        if column not in self.sight.barred[self.asks](table):
            return
        if column in self.sight.hidden(table):
            raise UnreadableTermError(f"the user may not read column '{column}' of table '{table}'")
        raise BarredTermError(f"rules for {self.asks} keep the user from column '{column}' of table '{table}'")

    def unknown_column(self, table: str, name: str) -> UnknownColumnError:
        """Return the error that a table has no such column."""
        hidden = self.sight.hidden(table)
        known = [each for each in self.dictionary.columns(table) if each not in hidden]
        return UnknownColumnError(table, name, known if self.sight.reaches(table) else ())

    def _rows(self, table: str, source: sa.FromClause) -> Rows:
        if self._is_plain(table):
            return Rows(table, source.c.__getitem__, source)
        readable = Permissions(self.sight, self.meets).test(table, source, "read")
        return Rows(table, self._columns(table, source), source, readable=readable)

    def _columns(self, table: str, source: sa.FromClause) -> Callable[[str], Sql]:
        if not any(map(self.sight.barred[self.asks], self.sight.hierarchy(table))):
            return source.c.__getitem__
        return partial(self._column, table, source)

    def _column(self, table: str, source: sa.FromClause, name: str) -> Sql:
        self.check_column(table, name)
        return self._unmasked(table, name, source)

    def _unmasked(self, table: str, name: str, source: sa.FromClause) -> Sql:
        """Return a column that is empty in rows of those classes in which the caller may not ask this of it."""
        barred = self.sight.barred[self.asks]
        classes = [each for each in self.sight.hierarchy(table) if name in barred(each)]
        if not classes:
            return source.c[name]
        return sa.case((source.c[_RULED_BY_CLASS].in_(classes), sa.null()), else_=source.c[name])

    def _is_plain(self, table: str) -> bool:
        """Return whether the caller may read every row of the table's hierarchy, and ask this of every column."""
        barred = self.sight.barred[self.asks]
        return self.sight.opens(table, READ) and not any(map(barred, self.sight.hierarchy(table)))


MAX_STEPS = 8  # references walked through in one path


class Path:
    """The path from a row through references to a column, as the caller sees it.

    Attributes:
        columns: the references walked through, then the column itself.

    Raises:
        UnusableTermError: a column does not exist, one before the last is not a reference, or the caller may not
            read one of them.
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
        """If the path ends at a reference, extend it to the display value of the record it points to.

        Raises UnusableTermError if the caller may not read it, or if it is a password.
        """
        while self.last.reference is not None and self.last.is_reference and len(self.columns) <= MAX_STEPS:
            name = self._scope.dictionary.display_column(self.last.reference)
            self.columns.append(self._column(self.last.reference, name))
        if self.last.family is Family.PASSWORD:
            raise UnusableTermError("a password cannot be read")

    def meets(self, rows: Rows, condition: Callable[[Operand], Test]) -> Test:
        """Return whether the row at the end meets a condition; no row at the end meets none."""
        return self._meets(self._first(rows), 0, condition)

    def operand(self, rows: Rows) -> Operand:
        """Return the column at the end as a value of the row at hand; NULL where a reference is empty."""
        sql = self._first(rows)
        for reference, column in zip(self.columns, self.columns[1:], strict=False):
            sql = self._value_of(reference, column, sql, rows.source)
        return Operand(self.last, sql)

    def _first(self, rows: Rows) -> Sql:
        return self._scope.seen(rows).column(self.columns[0].name)

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
            raise UnusableTermError(f"column '{self.last.name}' is not a reference")
        return self.last.reference or ""

    def _column(self, table: str, name: str) -> Column:
        if self.columns:
            self._scope.check_table(table)
        column = self._scope.dictionary.columns(table).get(name)
        if column is None:
            raise self._scope.unknown_column(table, name)
        self._scope.check_column(table, name)
        return column
