"""The database of an instance and its transactions."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache, partial
from typing import Any, Self

import sqlalchemy as sa

from mock_servicenow.now_platform.engines import open_engine
from mock_servicenow.now_platform.physical import PhysicalSchema, position

Row = Sequence[Any]
Given = Mapping[str, object] | Sequence[object]
"""The values of a statement's parameters: by their names, or in their order."""
_REMEMBERED = 1_000  # statements that differ in which columns they fill
_PREPARING = 0x6D6F636B  # any number that all processes agree on


class DuplicateError(Exception):
    """A unique index refuses a value.

    Attributes:
        text: what the driver says, the index's name or column in it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Prepared:
    """A statement compiled once, for those that run on every request.

    Going through SQLAlchemy's execution costs more than the statement itself on an embedded database.
    """

    __slots__ = ("_names", "_text")

    def __init__(self, text: str, names: Sequence[str] | None = None) -> None:
        self._text = text
        self._names = names

    @classmethod
    def compile(cls, statement: sa.ClauseElement, dialect: sa.Dialect) -> Self:
        """Return a statement of SQLAlchemy's."""
        compiled = statement.compile(dialect=dialect)
        return cls(str(compiled), getattr(compiled, "positiontup", None))

    @classmethod
    def insertion(cls, dialect: sa.Dialect, table: str, names: Sequence[str]) -> Self:
        """Return the insertion of a row of which only those columns are filled.

        SQLite's driver takes far longer for None than for a text, and most columns of most rows are empty.
        """
        quote = dialect.identifier_preparer.quote
        marks = ", ".join([_mark(dialect)] * len(names))
        return cls(f"INSERT INTO {quote(table)} ({', '.join(map(quote, names))}) VALUES ({marks})")  # noqa: S608 - the dictionary's names

    @classmethod
    def update(cls, dialect: sa.Dialect, table: str, names: Sequence[str]) -> Self:
        """Return the change of those columns of the row whose sys_id is given after their values."""
        quote, mark = dialect.identifier_preparer.quote, _mark(dialect)
        changes = ", ".join(f"{quote(name)} = {mark}" for name in names)
        return cls(f"UPDATE {quote(table)} SET {changes} WHERE sys_id = {mark}")  # noqa: S608 - the dictionary's names

    def run(self, driver: Any, values: Given) -> Sequence[Row]:  # noqa: ANN401 - two drivers
        """Execute and return the rows, if it returns any."""
        cursor = driver.execute(self._text, self._bind(values))
        return cursor.fetchall() if cursor.description else ()

    def _bind(self, values: Given) -> Given:
        if self._names is None or not isinstance(values, Mapping):
            return values
        return tuple(map(values.__getitem__, self._names))


def _mark(dialect: sa.Dialect) -> str:
    return "?" if dialect.positional else "%s"


class Transaction:
    """One transaction; an embedded database is locked only when somebody is about to write."""

    def __init__(self, connection: sa.Connection, driver: Any, *, embedded: bool) -> None:  # noqa: ANN401 - two drivers
        self._connection = connection
        self._driver = driver
        self._embedded = embedded
        self._locked = False

    def lock(self) -> None:
        """Begin to write: on an embedded database nobody else writes from here to the end."""
        if self._embedded and not self._locked:
            self._driver.execute("BEGIN IMMEDIATE")
        self._locked = True

    def execute(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        """Execute a statement."""
        return self._connection.execute(statement)

    def run(self, prepared: Prepared, values: Given) -> Sequence[Row]:
        """Execute a statement that was compiled before; raises DuplicateError."""
        try:
            return prepared.run(self._driver, values)
        except self._connection.dialect.loaded_dbapi.IntegrityError as error:
            raise DuplicateError(str(error)) from None

    def commit(self) -> None:
        """Make everything last, what bypassed SQLAlchemy included."""
        self._driver.commit()
        if self._connection.in_transaction():
            self._connection.commit()
        self._release()

    def rollback(self) -> None:
        """Undo everything, what bypassed SQLAlchemy included."""
        self._driver.rollback()
        if self._connection.in_transaction():
            self._connection.rollback()
        self._release()

    def _release(self) -> None:
        """Give a connection to a shared database back to its pool; the one to an embedded database stays open."""
        if not self._embedded:
            self._connection.close()


class Store:
    """The tables of one instance in one database.

    SQLite is embedded: one connection, in memory or in a file, used by one thread. PostgreSQL is shared: other
    processes may write at any time.

    Args:
        url: a SQLAlchemy URL.
        schema: the physical tables.

    Attributes:
        embedded: whether it is SQLite.
        quote: writes a name as the database wants it.
        insertion: gives the insertion of a row with those columns.
        update: gives the change of those columns of a row.

    Raises:
        StoreError: the URL names another kind of database, or one that cannot be opened.
    """

    def __init__(self, url: str, schema: PhysicalSchema) -> None:
        self._schema = schema
        self._engine = open_engine(url)
        self.embedded = self._engine.dialect.name == "sqlite"
        self._open = ExitStack()
        self._connection = self._open.enter_context(self._engine.connect()) if self.embedded else None
        self._driver: Any = None if self._connection is None else self._connection.connection.driver_connection
        self.quote: Callable[[str], str] = self._engine.dialect.identifier_preparer.quote
        self.insertion = lru_cache(_REMEMBERED)(partial(Prepared.insertion, self._engine.dialect))
        self.update = lru_cache(_REMEMBERED)(partial(Prepared.update, self._engine.dialect))
        self._prepared: dict[object, Prepared] = {}
        self._statements: dict[object, sa.Select[Any]] = {}

    def create_tables(self) -> bool:
        """Create the tables that are missing; return whether the database was empty."""
        empty = self.is_empty()
        with self._engine.begin() as connection:
            self._schema.create_all(connection)
        return empty

    def is_empty(self) -> bool:
        """Tell whether the database has no tables at all."""
        connection = self._connection or self._engine.connect()
        try:
            return not sa.inspect(connection).get_table_names()
        finally:
            connection.rollback()
            if connection is not self._connection:
                connection.close()

    def drop_tables(self) -> None:
        """Drop every table of the instance."""
        with self._engine.begin() as connection:
            self._schema.drop_all(connection)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let nobody else prepare the same database during the body; an embedded one is nobody else's."""
        if self.embedded:
            yield
            return
        with self._engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PREPARING)))
            yield

    def begin(self) -> Transaction:
        """Begin a transaction, which whoever asks for it must commit or roll back."""
        if self._connection is not None:
            return Transaction(self._connection, self._driver, embedded=True)
        connection = self._engine.connect()
        return Transaction(connection, connection.connection.driver_connection, embedded=False)

    def statement(self, key: object, build: Callable[[], "sa.Select[Any]"]) -> "sa.Select[Any]":
        """Return the statement known by that key; build it the first time."""
        known = self._statements.get(key)
        if known is None:
            known = self._statements[key] = build()
        return known

    def prepared(self, key: object, build: Callable[[], sa.ClauseElement]) -> Prepared:
        """Return the compiled statement known by that key; build it the first time."""
        known = self._prepared.get(key)
        if known is None:
            known = self._prepared[key] = Prepared.compile(build(), self._engine.dialect)
        return known

    def insertion_order(self, table: sa.Table) -> list[sa.ColumnElement[Any]]:
        """Return what orders rows as they were inserted."""
        return [position(table.name, self._engine.dialect)]

    def image(self) -> bytes:
        """Return a copy of an embedded database."""
        image: bytes = self._driver.serialize()
        return image

    def restore(self, image: bytes) -> None:
        """Become the embedded database of which that is a copy."""
        with closing(sqlite3.connect(":memory:")) as copy:
            copy.deserialize(image)
            copy.backup(self._driver)

    def close(self) -> None:
        """Give up the connections."""
        self._open.close()
        self._engine.dispose()
