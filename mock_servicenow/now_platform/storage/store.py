"""The database of an instance and its transactions."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.physical import position
from mock_servicenow.now_platform.storage.database import Database, Given, Prepared, Row

_PREPARING = 0x6D6F636B  # any number that all processes agree on


class DuplicateError(Exception):
    """A unique index refuses a value.

    Attributes:
        text: what the driver says, the index's name or column in it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


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

    def execute(self, statement: sa.Executable, values: Mapping[str, object] | None = None) -> sa.CursorResult[Any]:
        """Execute a statement with the values of its parameters."""
        return self._connection.execute(statement, values)

    def run(self, prepared: Prepared, values: Given) -> Sequence[Row]:
        """Execute a statement that was compiled before; raises DuplicateError."""
        try:
            return prepared.run(self._driver, values)
        except self._connection.dialect.loaded_dbapi.IntegrityError as error:
            raise DuplicateError(str(error)) from None

    def end(self, *, keep: bool) -> None:
        """Make everything last, or undo it, what bypassed SQLAlchemy included; a commit that fails undoes it, too."""
        try:
            if keep:
                self._commit()
        finally:
            self._undo()  # nothing, after a commit
            self._release()

    def _commit(self) -> None:
        self._driver.commit()
        if self._connection.in_transaction():
            self._connection.commit()

    def _undo(self) -> None:
        self._driver.rollback()
        if self._connection.in_transaction():
            self._connection.rollback()

    def _release(self) -> None:
        """Give a connection to a shared database back to its pool; the one to an embedded database stays open."""
        if not self._embedded:
            self._connection.close()


class Store:
    """The tables of one instance in one database.

    SQLite is embedded: one connection, in memory or in a file, used by one thread. PostgreSQL is shared: other
    processes may write at any time.

    Attributes:
        embedded: whether it is SQLite.
        quote: writes a name as the database wants it.
        insertion: gives the insertion of a row with those columns.
        update: gives the change of those columns of a row.
        statement: returns the statement known by that key, built the first time.
        selection: returns the statement known by that key, if it is among the last ones.
        prepared: returns the compiled statement known by that key, built the first time.
    """

    def __init__(self, database: Database) -> None:
        self._schema = database.schema
        self._engine = database.engine
        self.embedded = database.embedded
        self._open = ExitStack()
        self._connection = self._open.enter_context(self._engine.connect()) if self.embedded else None
        self._driver: Any = None if self._connection is None else self._connection.connection.driver_connection
        self.quote = database.quote
        self.insertion = database.insertion
        self.update = database.update
        self.statement = database.statement
        self.selection = database.selection
        self.prepared = database.prepared

    def create_tables(self) -> bool:
        """Create the tables that are missing; return whether the database was empty."""
        empty = self.is_empty()
        with self._connected() as connection, connection.begin():
            self._schema.create_all(connection)
        return empty

    def is_empty(self) -> bool:
        """Tell whether the database has no tables at all."""
        with self._connected() as connection:
            names = sa.inspect(connection).get_table_names()
            connection.rollback()
            return not names

    def drop_tables(self) -> None:
        """Drop every table of the instance."""
        with self._connected() as connection, connection.begin():
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
        """Begin a transaction, which whoever asks for it must end."""
        if self._connection is not None:
            return Transaction(self._connection, self._driver, embedded=True)
        connection = self._engine.connect()
        return Transaction(connection, connection.connection.driver_connection, embedded=False)

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

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        if self._connection is not None:
            yield self._connection
            return
        with self._engine.connect() as connection:
            yield connection
