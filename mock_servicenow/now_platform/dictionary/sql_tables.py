"""The SQL of a dictionary: tables, indexes, and texts compared without regard to case.

Each hierarchy is one SQL table; an empty value is NULL. Where one side of a comparison is ASCII, only ASCII letters
need folding, which databases do fast and by index; any other text is folded by Unicode's rules.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from hashlib import md5
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mock_servicenow.now_platform.dictionary.column_types import CompareAs
from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, Column
from mock_servicenow.now_platform.dictionary.text_index import TextIndex

STATE_TABLE = "mock_servicenow_schema"
"""The table with the state of the database itself."""
_RESERVED_COLUMNS = frozenset({"rowid", "cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})
_POSITION = '"__position"'
_ORDER = "order"
_LONGEST_NAME = 63
_KEPT = 54
"""Characters that a long name of an index begins with."""
_SQL_TYPES = {
    "sqlite": {"integer": "INTEGER", "number": "REAL", "text": "TEXT"},
    "postgresql": {"integer": "BIGINT", "number": "DOUBLE PRECISION", "text": "TEXT"},
}
_TYPES = {"integer": sa.BigInteger, "number": sa.Double, "text": sa.Text}


def is_reserved_table(name: str) -> bool:
    """Return whether databases, or the state of this one, take a table's name."""
    return name.lower().startswith("sqlite_") or name.lower() == STATE_TABLE


def is_reserved_column(name: str) -> bool:
    """Return whether databases have a column of that name in each table."""
    return name.lower() in _RESERVED_COLUMNS


class Folded(FunctionElement[str]):
    """A text with its ASCII letters made equal; compare it with `ascii_lower` values, order by it, index it."""

    name = "folded"
    type = sa.Text()
    inherit_cache = True


class UnicodeFolded(FunctionElement[str]):
    """A text with all letters made equal; both sides of a comparison need it."""

    name = "unicode_folded"
    type = sa.Text()
    inherit_cache = True


def fold(sql: str, dialect: str) -> str:
    """Return the SQL of a text with its ASCII letters made equal."""
    return f"{sql} COLLATE NOCASE" if dialect == "sqlite" else f'lower({sql} COLLATE "C")'


def unicode_fold(sql: str) -> str:
    """Return PostgreSQL's SQL of a text with all letters made equal, ASCII ones as `fold` does in every locale."""
    return f'lower({fold(sql, "postgresql")} COLLATE "default")'


@compiles(Folded)
def _fold(element: Folded, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return fold(compiler.process(element.clauses, **kw), compiler.dialect.name)


@compiles(UnicodeFolded)
def _lower(element: UnicodeFolded, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    return unicode_fold(compiler.process(element.clauses, **kw))


@compiles(UnicodeFolded, "sqlite")
def _casefold(element: UnicodeFolded, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401
    # As bytes, since a file may hold texts that are not UTF-8.
    return f"casefold(CAST({compiler.process(element.clauses, **kw)} AS BLOB))"


def teach_casefold(connection: sqlite3.Connection) -> None:
    """Give a SQLite connection the function that comparisons with non-ASCII values call."""
    connection.create_function("casefold", 1, _folded, deterministic=True)


def _folded(stored: bytes | None) -> str | None:
    return None if stored is None else stored.decode(errors="replace").casefold()


def ascii_lower(text: str) -> str:
    """Return the text with ASCII letters in lower case and all others as they are."""
    return text.encode().lower().decode()


class Catalog(Struct, frozen=True):
    """The tables and indexes of a database.

    Attributes:
        tables: the names of the columns of each table, and of each view.
        indexes: their names.
    """

    tables: Mapping[str, Collection[str]]
    indexes: Collection[str]

    @property
    def views(self) -> list[str]:
        """Those of the tables that are views of an instance: the names of its tables have no dots."""
        return [name for name in self.tables if "." in name]


class PhysicalView(Struct, frozen=True):
    """A view of the database.

    Attributes:
        table: the name that the dictionary has for it.
        columns: its columns by name.
        order: further columns, by which its rows are in order.
        select: returns the statement of its rows in a dialect.
    """

    table: str
    columns: Mapping[str, Column]
    order: tuple[str, ...]
    select: Callable[[str], str]

    @property
    def name(self) -> str:
        """Its name in the database: another one for each statement, so that those who change it disturb no reader."""
        digest = md5(self.select("sqlite").encode(), usedforsecurity=False).hexdigest()
        return index_name(self.table, digest[:8])


class PhysicalSchema:
    """The SQL tables of a dictionary, one a hierarchy, and its views.

    A table is described to SQLAlchemy at its first use, and created without it: to describe and compile all of them
    would double the time to make an instance.

    Args:
        hierarchies: every column that is stored, by name, for the root of each hierarchy.
        views: by name.
    """

    def __init__(self, hierarchies: Mapping[str, Mapping[str, Column]], views: Mapping[str, PhysicalView]) -> None:
        self._hierarchies = hierarchies
        self._views = views
        self._tables: dict[str, sa.Table] = {}

    def table(self, root: str) -> sa.Table:
        """Return the table of a hierarchy, or a view."""
        known = self._tables.get(root)
        if known is None:
            known = self._tables.setdefault(root, self._described(root))
        return known

    def _described(self, root: str) -> sa.Table:
        # A MetaData of its own: it lists a table before its columns, which other threads might see.
        view = self._views.get(root)
        if view is None:
            return sa.Table(root, sa.MetaData(), *map(_sql_column, self._hierarchies[root].values()))
        return sa.Table(view.name, sa.MetaData(), *map(_sql_column, view.columns.values()), info={_ORDER: view.order})

    @property
    def names(self) -> Iterable[str]:
        """The names of the tables."""
        return self._hierarchies

    def create_all(self, connection: sa.Connection) -> None:
        """Create the tables and indexes in a database that has none of them."""
        for statement in self.missing(Catalog({}, ()), connection.dialect):
            connection.exec_driver_sql(statement)

    def missing(self, catalog: Catalog, dialect: sa.Dialect) -> Iterator[str]:
        """Return the statements that add what the database lacks: tables, columns, indexes, views."""
        for root, columns in self._hierarchies.items():
            known = catalog.tables.get(root)
            if known is None:
                yield _table(root, columns, dialect)
            else:
                yield from _columns(root, [column for name, column in columns.items() if name not in known], dialect)
            yield from _indexes(root, columns, catalog.indexes, dialect)
        for view in self._views.values():
            if view.name not in catalog.tables:
                name = dialect.identifier_preparer.quote(view.name)
                yield f"CREATE VIEW {name} AS {view.select(dialect.name)}"

    def idle_views(self, catalog: Catalog) -> list[str]:
        """Return the views of a database that are none of these."""
        own = {view.name for view in self._views.values()}
        return [name for name in catalog.views if name not in own]

    def columns(self, root: str) -> Mapping[str, Column]:
        """Return the columns that a hierarchy stores; none if it is not there."""
        return self._hierarchies.get(root, {})


class SchemaChange(Struct, frozen=True):
    """From the tables of one dictionary to those of another.

    Attributes:
        classes: tables that are gone from hierarchies that stay, each with its root.
    """

    old: PhysicalSchema
    new: PhysicalSchema
    classes: Collection[tuple[str, str]] = ()

    def statements(self, catalog: Catalog, dialect: sa.Dialect) -> Iterator[str]:
        """Return the statements that delete what is gone and add what is new."""
        quote, indexes = dialect.identifier_preparer.quote, set(catalog.indexes)
        for view in self.new.idle_views(catalog):  # first, since it may read what goes
            yield f"DROP VIEW {quote(view)}"
        for root, name in self.classes:
            named = f"{quote(CLASS_COLUMN.name)} = {text_literal(name)}"
            yield f"DELETE FROM {quote(root)} WHERE {named}"  # noqa: S608 - names of tables
        for root in self.old.names:
            if self._dropped(root, catalog) or not self.new.columns(root):
                yield from self._without_texts(root, catalog)
            if not self.new.columns(root):
                yield f"DROP TABLE IF EXISTS {quote(root)}"
                continue
            for index in indexes.intersection(self._idle_indexes(root, catalog)):
                yield f"DROP INDEX {quote(index)}"
                indexes.remove(index)
            for name in sorted(self._dropped(root, catalog)):
                yield f"ALTER TABLE {quote(root)} DROP COLUMN {quote(name)}"
        yield from self.new.missing(replace(catalog, indexes=indexes), dialect)

    @staticmethod
    def _without_texts(root: str, catalog: Catalog) -> Iterator[str]:
        """Delete the index of a table's texts, which is made again in the background: its triggers name the columns."""
        index = TextIndex.of(root, {})
        if index.is_in(catalog.tables):
            yield from index.deletion()

    def _dropped(self, root: str, catalog: Catalog) -> set[str]:
        dropped = self.old.columns(root).keys() - self.new.columns(root).keys()
        return dropped.intersection(catalog.tables.get(root, ()))

    def _idle_indexes(self, root: str, catalog: Catalog) -> Iterator[str]:
        """Return the names of indexes that go; those of lists are made again when they are used."""
        new = self.new.columns(root)
        for name, column in self.old.columns(root).items():
            if name not in new or column.unique != new[name].unique:
                yield index_name(root, name)
        if self._dropped(root, catalog):
            yield from (index for index in catalog.indexes if is_of_list(index, root))


def positions(table: sa.Table, dialect: sa.Dialect) -> list[sa.ColumnElement[int]]:
    """Return what counts the rows of a table in the order of insertion; for a view, the rows of each of its tables."""
    quote = dialect.identifier_preparer.quote
    names = [quote(name) for name in table.info.get(_ORDER, ())] or [position_name(dialect.name)]
    return [sa.literal_column(f"{quote(table.name)}.{name}") for name in names]


def position_name(dialect: str) -> str:
    """Return the column that counts the rows of a table, quoted."""
    return "rowid" if dialect == "sqlite" else _POSITION


def text_literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'{}'".format(text.replace("'", "''"))


def index_name(root: str, *columns: str) -> str:
    """Return the name of the index on columns, within the length that databases allow.

    The names of tables and columns have no dots, so no two indexes, and no index and table, have one name.
    """
    name = ".".join((root, *columns))
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_KEPT]}.{md5(name.encode(), usedforsecurity=False).hexdigest()[:8]}"


def list_index_name(root: str, columns: Iterable[str]) -> str:
    """Return the name of the index on the columns that a list is filtered and sorted by."""
    return index_name("", root, *columns)


def is_of_list(index: str, root: str) -> bool:
    """Return whether an index of that name is for lists of the table, or of one whose long name begins alike."""
    return index.startswith(f".{root}."[:_KEPT])


def _table(root: str, columns: Mapping[str, Column], dialect: sa.Dialect) -> str:
    quote = dialect.identifier_preparer.quote
    described = [f"{quote(name)} {_sql_type(column, dialect)}" for name, column in columns.items()]
    if (
        dialect.name == "sqlite"
    ):  # which numbers rows by itself, and takes values of any type into a table that is not strict
        return f"CREATE TABLE {quote(root)} ({', '.join(described)}) STRICT"
    described.append(f"{_POSITION} BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE")
    return f"CREATE TABLE {quote(root)} ({', '.join(described)})"


def _columns(root: str, columns: Iterable[Column], dialect: sa.Dialect) -> Iterator[str]:
    quote = dialect.identifier_preparer.quote
    for column in columns:
        yield f"ALTER TABLE {quote(root)} ADD COLUMN {quote(column.name)} {_sql_type(column, dialect)}"
        if column.name == CLASS_COLUMN.name:  # the first table that extends this one
            yield f"UPDATE {quote(root)} SET {quote(column.name)} = {text_literal(root)}"  # noqa: S608 - our own names


def _indexes(root: str, columns: Mapping[str, Column], known: Collection[str], dialect: sa.Dialect) -> Iterator[str]:
    quote = dialect.identifier_preparer.quote
    for column in columns.values():
        name = index_name(root, column.name)
        if (column.unique or column.indexed) and name not in known:
            unique = "UNIQUE " if column.unique else ""
            # Most references are empty, and queries neither look for those nor sort by sys_ids.
            filled = f" WHERE {quote(column.name)} IS NOT NULL" if column.is_reference else ""
            yield f"CREATE {unique}INDEX {quote(name)} ON {quote(root)} ({indexed_form(column, dialect)}){filled}"


def indexed_form(column: Column, dialect: sa.Dialect) -> str:
    """Return a column in the form in which queries compare and sort it."""
    name = dialect.identifier_preparer.quote(column.name)
    compared = fold(name, dialect.name) if column.family.compare_as is CompareAs.TEXT else name
    # SQLite has empty values first in every index.
    return compared if dialect.name == "sqlite" else f"{compared} NULLS FIRST"


def _sql_type(column: Column, dialect: sa.Dialect) -> str:
    key = " PRIMARY KEY" if column.name == "sys_id" else ""
    return f"{_SQL_TYPES[dialect.name][column.family.storage]}{key}"


def _sql_column(column: Column) -> sa.Column[object]:
    return sa.Column(column.name, _TYPES[column.family.storage](), primary_key=column.name == "sys_id")
