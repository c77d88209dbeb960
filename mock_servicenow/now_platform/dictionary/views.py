"""Database views: the columns and the SQL of a join of tables (Docs: database views).

The database joins: a view of the instance is one of the database, so whatever reads tables reads it.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.column_types import CompareAs, Family
from mock_servicenow.now_platform.dictionary.definitions import (
    CLASS_COLUMN,
    MOST_COLUMNS,
    MOST_NAME,
    SYSTEM_COLUMNS,
    Column,
    DictionaryError,
    JoinedTable,
    Table,
)
from mock_servicenow.now_platform.dictionary.join_conditions import (
    Compared,
    Condition,
    JoinConditionError,
    Literal,
    Name,
    comparisons,
    parse,
)
from mock_servicenow.now_platform.dictionary.sql_tables import (
    PhysicalView,
    ascii_lower,
    fold,
    position_name,
    text_literal,
)
from mock_servicenow.now_platform.dictionary.values import is_storable
from privman_core.cuts import cut
from privman_core.near_words import hint

MOST_JOINED = 10
"""Tables of a view (I)."""
PREFIX_WORDS = "lower-case letters, digits and _, a letter first"
_PREFIX = re.compile(r"[a-z][a-z0-9_]*+")
_BOOLEANS = {"1": "true", "0": "false"}
_SYSTEM = frozenset(column.name for column in (*SYSTEM_COLUMNS, CLASS_COLUMN))
_LONGEST_SHOWN = 100
# Families that a view leaves out: entries belong to a record of its table, and nobody reads a password.
_WITHOUT = (Family.JOURNAL, Family.PASSWORD)


class Tables(Protocol):
    """The tables that a view may join."""

    def __iter__(self) -> Iterator[Table]: ...

    def table(self, name: str) -> Table | None:
        """Return the table of that exact name, or None."""

    def columns(self, name: str) -> Mapping[str, Column]:
        """Return every column of a table by name."""


class _Source(Struct, frozen=True):
    """The column of a joined table that a column of the view shows."""

    prefix: str
    column: Column

    def sql(self) -> str:
        return f'"{self.prefix}"."{self.column.name}"'


class DatabaseView(Struct, frozen=True):
    """A database view whose tables can be joined.

    Attributes:
        columns: by name; none has a default, and no values are written to them.
    """

    table: Table
    columns: Mapping[str, Column]
    _sources: Mapping[str, _Source]

    @classmethod
    def of(cls, table: Table, tables: Tables) -> "DatabaseView":
        """Return the view; raises DictionaryError where its tables cannot be joined."""
        if len(table.joined) > MOST_JOINED:
            why = f"view '{table.name}' joins {len(table.joined)} tables; expected at most {MOST_JOINED}"
            raise DictionaryError(why, table.name, "view")
        sources: dict[str, _Source] = {}
        for number in range(len(table.joined)):
            _Join(table, number, tables).add_to(sources)
        if len(sources) > MOST_COLUMNS:
            why = f"view '{table.name}' has {len(sources):,} columns; expected at most {MOST_COLUMNS:,}"
            raise DictionaryError(why, table.name, "view")
        columns = {"sys_id": Column("sys_id", "Sys ID", "GUID", 33 * len(table.joined), read_only=True)}
        columns |= {name: _column_of_view(name, source.column) for name, source in sources.items()}
        return cls(table, columns, sources)

    def physical(self, stored_in: Callable[[str], tuple[str, Collection[str]]]) -> PhysicalView:
        """Return the view of the database.

        Args:
            stored_in: returns where the rows of a table are: in which table, and of which classes; none for all.
        """
        order = tuple(map(_position_of, self.table.joined))
        return PhysicalView(self.table.name, self.columns, order, _ViewSql(self.table, self._sources, stored_in).select)


def _column_of_view(name: str, column: Column) -> Column:
    return replace(
        column, name=name, default=None, mandatory=False, display=False, unique=False, indexed=False, read_only=True
    )


class _Join:
    """One of the tables that a view joins."""

    def __init__(self, view: Table, number: int, tables: Tables) -> None:
        self._view = view
        self._number = number
        self._tables = tables
        self._joined = view.joined[number]

    def add_to(self, known: dict[str, _Source]) -> None:
        """Add the columns of the table to those of the tables before it; raises DictionaryError."""
        self._check_table()
        self._check_prefix()
        for name, source in self._sources().items():
            if len(name) > MOST_NAME:
                raise self._error("prefix", f"has column '{name}', a name of more than {MOST_NAME} characters")
            if name in known:
                other = known[name].prefix
                raise self._error("prefix", f"has column '{name}' as '{other}' has; expected other prefixes")
            known[name] = source
        if self._joined.where:
            self._check_where(known)

    def _check_prefix(self) -> None:
        prefix, names = self._joined.prefix, [each.prefix for each in self._view.joined[: self._number]]
        if not _PREFIX.fullmatch(prefix):
            raise self._error("prefix", f"has prefix '{cut(prefix, _LONGEST_SHOWN)}'; expected {PREFIX_WORDS}")
        if prefix in names:
            raise self._error("prefix", f"has prefix '{prefix}', as a table before it")

    def _check_table(self) -> None:
        name = self._joined.table
        table = self._tables.table(name)
        if table is None:
            names = [each.name for each in self._tables if not each.joined]
            raise self._error("table", f"is not defined{hint(name, names, len(names))}")
        if table.joined:
            raise self._error("table", "is a database view; expected a table")
        if not table.web_service_access:
            raise self._error("table", "is closed to web services")

    def _sources(self) -> dict[str, _Source]:
        """Return the columns that the view shows of the table, by their names in the view."""
        prefix, columns = self._joined.prefix, self._tables.columns(self._joined.table)
        for name in self._joined.columns:
            if name not in columns:
                raise self._error("columns", f"has no column '{name}'{hint(name, columns, len(columns))}")
        names = self._joined.columns or sorted(columns, key=_SYSTEM.__contains__)
        shown = (columns[name] for name in names if columns[name].family not in _WITHOUT)
        return {f"{prefix}_{column.name}": _Source(prefix, column) for column in shown}

    def _check_where(self, known: Mapping[str, _Source]) -> None:
        try:
            for comparison in comparisons(parse(self._joined.where)):
                _check_comparison(comparison, known)
        except JoinConditionError as error:
            shown = cut(self._joined.where, _LONGEST_SHOWN)
            raise self._error("where", f"has where clause '{shown}': {error}") from None

    def _error(self, key: str, message: str) -> DictionaryError:
        name = self._view.name
        return DictionaryError(
            f"view '{name}', table '{self._joined.table}' {message}", name, "view", str(self._number), key
        )


def _check_comparison(comparison: Compared, known: Mapping[str, _Source]) -> None:
    """Raise JoinConditionError unless the columns are known and their values can be compared."""
    sides = comparison.left, comparison.right
    columns = [_column(side, known) for side in sides if isinstance(side, Name)]
    if len({column.family.storage for column in columns}) > 1:
        names = " and ".join(f"'{side.text}'" for side in sides)
        raise JoinConditionError(f"{names} hold different kinds of values")
    for side in sides:
        if isinstance(side, Literal) and _stored(columns[0], side) is None:
            raise JoinConditionError(f"'{side.text}' is no {columns[0].family.noun}")
        if isinstance(side, Literal) and not side.text and comparison.sign not in {"=", "!="}:
            raise JoinConditionError(f"an empty value goes with = and !=, not with {comparison.sign}")


def _column(name: Name, known: Mapping[str, _Source]) -> Column:
    source = known.get(name.text)
    if source is None:
        near = hint(name.text, known, len(known))
        shown = cut(name.text, _LONGEST_SHOWN)
        raise JoinConditionError(f"there is no column '{shown}'{near} in it and the tables before it")
    return source.column


def _stored(column: Column, literal: Literal) -> str | None:
    text = _BOOLEANS.get(literal.text, literal.text) if column.family is Family.BOOLEAN else literal.text
    return column.to_stored(text) if is_storable(text) else None


def _position_of(joined: JoinedTable) -> str:
    return f"{joined.prefix}.position"


class _ViewSql(Struct, frozen=True):
    """The statement of the rows of a view."""

    view: Table
    known: Mapping[str, _Source]
    stored_in: Callable[[str], tuple[str, Collection[str]]]

    def select(self, dialect: str) -> str:
        """Return the statement in a dialect; names are quoted, and need no escapes."""
        first, *others = self.view.joined
        ids = " || '_' || ".join(f"coalesce(\"{each.prefix}\".sys_id, '')" for each in self.view.joined)
        columns = [f'{source.sql()} AS "{name}"' for name, source in self.known.items()]
        orders = [f'"{each.prefix}".{position_name(dialect)} AS "{_position_of(each)}"' for each in self.view.joined]
        joins = "".join(f" {self._join(each, dialect)}" for each in others)
        where = self._condition(first, dialect)
        selected = ", ".join([f"{ids} AS sys_id", *columns, *orders])
        return f"SELECT {selected} FROM {self._named(first)}{joins}{where and f' WHERE {where}'}"  # noqa: S608 - our own names

    def _join(self, joined: JoinedTable, dialect: str) -> str:
        condition = self._condition(joined, dialect)
        if not condition:
            return f"CROSS JOIN {self._named(joined)}"
        kind = "LEFT JOIN" if joined.left_join and joined.where else "JOIN"
        return f"{kind} {self._named(joined)} ON {condition}"

    def _named(self, joined: JoinedTable) -> str:
        return f'"{self.stored_in(joined.table)[0]}" AS "{joined.prefix}"'

    def _condition(self, joined: JoinedTable, dialect: str) -> str:
        """Return the condition on the rows of a table: its classes, and its where clause; empty for none."""
        classes = ", ".join(map(text_literal, self.stored_in(joined.table)[1]))
        of_class = f'"{joined.prefix}".sys_class_name IN ({classes})' if classes else ""
        where = self._test(parse(joined.where), dialect) if joined.where else ""
        return " AND ".join(filter(None, [of_class, where]))

    def _test(self, condition: Condition, dialect: str) -> str:
        if isinstance(condition, Compared):
            return self._compared(condition, dialect)
        between = " AND " if condition.every else " OR "
        return f"({between.join(self._test(part, dialect) for part in condition.parts)})"

    def _compared(self, comparison: Compared, dialect: str) -> str:
        sides = comparison.left, comparison.right
        sources = [self.known[side.text] for side in sides if isinstance(side, Name)]
        if any(isinstance(side, Literal) and not side.text for side in sides):
            return f"{sources[0].sql()} IS {'NOT ' * (comparison.sign == '!=')}NULL"
        folds = all(source.column.family.compare_as is CompareAs.TEXT for source in sources)
        left, right = (self._operand(side, sources[0].column, dialect, folds=folds) for side in sides)
        return f"{left} {'<>' if comparison.sign == '!=' else comparison.sign} {right}"

    def _operand(self, side: Name | Literal, column: Column, dialect: str, *, folds: bool) -> str:
        if isinstance(side, Name):
            sql = self.known[side.text].sql()
            return fold(sql, dialect) if folds else sql
        value = _stored(column, side) or ""
        if column.family.storage != "text":
            return value
        literal = text_literal(ascii_lower(value) if folds else value)
        return literal if dialect == "sqlite" else literal.replace("%", "%%")  # PostgreSQL's driver undoes that
