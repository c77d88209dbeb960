"""The database of an instance and its transactions."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Self

import sqlalchemy as sa

from mock_servicenow.now_platform.engines import open_engine
from mock_servicenow.now_platform.physical import PhysicalSchema, position

Row = Sequence[Any]
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

    def __init__(self, text: str, names: Sequence[str] | None) -> None:
        self._text = text
        self._names = names

    @classmethod
    def compile(cls, statement: sa.ClauseElement, dialect: sa.Dialect) -> Self:
        """Return a statement of SQLAlchemy's."""
        compiled = statement.compile(dialect=dialect)
        return cls(str(compiled), getattr(compiled, "positiontup", None))

    @classmethod
    def insertion(cls, table: str, columns: Iterable[str], dialect: sa.Dialect) -> Self:
        """Return the insertion of whole rows, which is simple enough to need no compiler."""
        quote, positional = dialect.identifier_preparer.quote, dialect.positional
        names = tuple(columns)
        values = ", ".join("?" if positional else f"%({name})s" for name in names)
        text = f"INSERT INTO {quote(table)} ({', '.join(map(quote, names))}) VALUES ({values})"  # noqa: S608 - the dictionary's names
        return cls(text, names if positional else None)

    def run(self, driver: Any, values: Mapping[str, object]) -> Sequence[Row]:  # noqa: ANN401 - two drivers
        """Execute with the values by parameter name and return the rows, if it returns any."""
        cursor = driver.execute(self._text, self._bind(values))
        return cursor.fetchall() if cursor.description else ()

    def run_many(self, driver: Any, rows: Iterable[Mapping[str, object]]) -> None:  # noqa: ANN401 - two drivers
        """Execute once for each of the rows."""
        cursor = driver.cursor()
        cursor.executemany(self._text, list(map(self._bind, rows)))
        cursor.close()

    def _bind(self, values: Mapping[str, object]) -> Mapping[str, object] | tuple[object, ...]:
        return values if self._names is None else tuple(map(values.__getitem__, self._names))


class Transaction:
    """One transaction; an embedded database is locked only when somebody is about to write."""

    def __init__(self, connection: sa.Connection, *, embedded: bool) -> None:
        self._connection = connection
        # The one connection to an embedded database stays open; those to a shared one go back to their pool.
        self._release = _keep if embedded else connection.close
        self._driver: Any = connection.connection.driver_connection
        self._integrity_error: type[Exception] = connection.dialect.loaded_dbapi.IntegrityError
        self._embedded = embedded
        self._locked = False

    def lock(self) -> None:
        """Begin to write: on an embedded database nobody else writes from here to the end."""
        if self._embedded and not self._locked:
            self._driver.execute("BEGIN IMMEDIATE")
        self._locked = True

    def execute(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        """Execute a statement; raises DuplicateError."""
        try:
            return self._connection.execute(statement)
        except sa.exc.IntegrityError as error:
            raise DuplicateError(str(error.orig)) from None

    def run(self, prepared: Prepared, values: Mapping[str, object]) -> Sequence[Row]:
        """Execute a statement that was compiled before; raises DuplicateError."""
        try:
            return prepared.run(self._driver, values)
        except self._integrity_error as error:
            raise DuplicateError(str(error)) from None

    def run_many(self, prepared: Prepared, rows: Iterable[Mapping[str, object]]) -> None:
        """Execute a statement that was compiled before, once for each of the rows."""
        prepared.run_many(self._driver, rows)

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


def _keep() -> None:
    """Do nothing."""


class Store:
    """The tables of one instance in one database.

    SQLite is embedded: one connection, in memory or in a file, used by one thread. PostgreSQL is shared: other
    processes may write at any time.

    Args:
        url: a SQLAlchemy URL.
        schema: the physical tables.

    Raises:
        StoreError: the URL names another kind of database, or one that cannot be opened.
    """

    def __init__(self, url: str, schema: PhysicalSchema) -> None:
        self._schema = schema
        self._engine = open_engine(url)
        self.embedded = self._engine.dialect.name == "sqlite"
        self._open = ExitStack()
        self._connection = self._open.enter_context(self._engine.connect()) if self.embedded else None
        self._prepared: dict[object, Prepared] = {}

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
        kept = self._connection
        return Transaction(self._engine.connect() if kept is None else kept, embedded=kept is not None)

    def prepared(self, key: object, build: Callable[[], sa.ClauseElement]) -> Prepared:
        """Return the compiled statement known by that key; build it the first time."""
        known = self._prepared.get(key)
        if known is None:
            known = self._prepared[key] = Prepared.compile(build(), self._engine.dialect)
        return known

    def prepared_insertion(self, key: str, table: str, columns: Iterable[str]) -> Prepared:
        """Return the insertion of rows with those columns, known by that key."""
        known = self._prepared.get(("insert", key))
        if known is None:
            known = self._prepared["insert", key] = Prepared.insertion(table, columns, self._engine.dialect)
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

    @property
    def _driver(self) -> Any:  # noqa: ANN401 - typed by the driver, which SQLAlchemy hides
        return (self._connection or self._engine.connect()).connection.driver_connection
