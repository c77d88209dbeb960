"""What every test of one query may look at."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query.context import QueryContext
from mock_servicenow.now_platform.query.javascript import evaluate
from mock_servicenow.now_platform.query.junctions import Test
from mock_servicenow.now_platform.query.operands import Sql, UnreadableTermError
from mock_servicenow.now_platform.query.readable import Permissions
from mock_servicenow.now_platform.query.rows import Rows
from mock_servicenow.now_platform.query.sight import Sight

_RULED_BY_CLASS = "sys_class_name"


@dataclass(frozen=True, slots=True)
class Scope:
    """The tables of the instance as the caller sees them, and who asks when.

    Rows come from here and from nowhere else, so each clause, however deep, is about what the caller may read.

    Args:
        meets: compiles the condition of an access rule, which sees everything.
        limited: learns of each table in a clause of which the caller may not read every row.
    """

    sight: Sight
    context: QueryContext
    meets: Callable[[str, Rows], Test]
    limited: Callable[[str], None]

    @property
    def dictionary(self) -> Dictionary:
        """The tables of the instance."""
        return self.sight.dictionary

    def evaluate(self, value: str) -> str:
        """Return a value as it is compared; raises RefusedError."""
        return evaluate(value, self.context)

    def queried(self, table: str) -> Rows:
        """Return the rows of the table that is queried; those of other classes of its hierarchy are among them."""
        return self._rows(table, self.dictionary.sql_table(table))

    def related(self, table: str) -> Rows:
        """Return the rows of a table that a clause names; raises UnreadableTermError if the caller reads none of it."""
        self.check_table(table)
        return self.queried(table)

    def referenced(self, table: str, column: str) -> Rows:
        """Return the rows of a table under another name, for one of its columns; raises as `related`."""
        self.check_table(table)
        stored = self.dictionary.sql_table(table)
        if not self._is_plain(table):
            return self._rows(table, stored.alias())
        # Few columns, since each costs the compiler of the statement.
        light = sa.table(stored.name, sa.column("sys_id", sa.Text()), sa.column(column, stored.c[column].type)).alias()
        return Rows(table, light.c.__getitem__, light)

    def check_table(self, table: str) -> None:
        """Raise UnreadableTermError if the caller may read nothing of a table."""
        if not self.sight.reaches(table):
            raise UnreadableTermError(f"the user may not read table '{table}'")
        if not self.sight.is_admin and not self.sight.opens(table, "read"):
            self.limited(table)

    def check_column(self, table: str, column: str) -> None:
        """Raise UnreadableTermError if the caller may not read a column."""
        if column in self.sight.hidden(table):
            raise UnreadableTermError(f"the user may not read column '{column}' of table '{table}'")

    def _rows(self, table: str, source: sa.FromClause) -> Rows:
        if self._is_plain(table):
            return Rows(table, source.c.__getitem__, source)
        readable = Permissions(self.sight, self.meets).test(table, source, "read")

        def column(name: str) -> Sql:
            self.check_column(table, name)
            return self._unmasked(table, name, source)

        return Rows(table, column, source, readable=readable)

    def _unmasked(self, table: str, name: str, source: sa.FromClause) -> Sql:
        """Return a column that is empty in rows of those classes in which the caller may not read it."""
        classes = [each for each in self.sight.hierarchy(table) if name in self.sight.hidden(each)]
        if not classes:
            return source.c[name]
        return sa.case((source.c[_RULED_BY_CLASS].in_(classes), sa.null()), else_=source.c[name])

    def _is_plain(self, table: str) -> bool:
        """Return whether the caller may read every row and column of the table's hierarchy."""
        return self.sight.opens(table, "read") and not any(map(self.sight.hidden, self.sight.hierarchy(table)))
