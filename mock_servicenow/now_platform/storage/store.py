"""The tables of one instance in one database."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any, Self, TypeVar, cast

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.sql_tables import STATE_TABLE, Catalog, SchemaChange, positions
from mock_servicenow.now_platform.errors import TablesChanged
from mock_servicenow.now_platform.storage.database import (
    Database,
    Prepared,
    Row,
    Statements,
    StoreError,
    without_password,
)
from mock_servicenow.now_platform.storage.long_reads import (
    CANCEL_SECONDS,
    Aside,
    Here,
    Interruptible,
    OverrunError,
    Watch,
)
from mock_servicenow.now_platform.storage.transaction import Transaction

T = TypeVar("T")
SCHEMA_VERSION = 7
"""Counts up whenever what is stored changes its meaning; 0.1.0 stored none."""
_QUERY_CANCELED = "57014"  # PostgreSQL's SQLSTATE
# Those of unknown tables and columns, and of columns that have another type.
_OF_OTHER_TABLES = ("42", "0A000", "22P02")
_PREPARING = 0x6D6F636B  # any number that all processes agree on


class _FileLock:
    """A file lock, held until it is closed or its process ends, however that ends.

    Raises OSError and sqlite3.Error; BlockingIOError if another process holds the lock.

    SQLite locks an empty file, on every system. It is a file of its own: SQLite's locks on the database file are
    dropped by whoever closes that file.
    """

    def __init__(self, name: str) -> None:
        os.close(os.open(name, os.O_CREAT | os.O_RDWR, 0o600))
        self._lock = sqlite3.connect(name, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._lock.execute("PRAGMA journal_mode = OFF")  # nothing is written
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._lock.close()
            raise (BlockingIOError if error.sqlite_errorcode == sqlite3.SQLITE_BUSY else error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._lock.close()


class Store:
    """The tables of one instance in one database.

    SQLite is embedded: one connection, in memory or in a file, used by one thread. PostgreSQL is shared: other
    processes may write at any time.

    Attributes:
        embedded: whether it is SQLite.
        quote: quotes a name.
        statements: those on the tables that the database was opened with.
        failures: the errors of statements that the database cannot execute.
        is_closed: whether it has been closed.

    Raises:
        StoreError: another process has the file.
    """

    def __init__(self, database: Database) -> None:
        self._schema = database.schema
        self._engine, self._copies = database.engine, database.copies
        self._prepared = database.prepared
        self.embedded = database.embedded
        self.failures = database.failures
        self.is_closed = False
        self._open = ExitStack()
        self._connection = self._open.enter_context(self._engine.connect()) if self.embedded else None
        self._driver: Any = None if self._connection is None else self._connection.connection.driver_connection
        self._busy: set[Any] = set()  # the driver's connections of a shared database that are in use
        self._watch = None if self._driver is None else Watch(self._driver)
        self._here = Here()
        self._ending = False
        self._in_memory = self.embedded and not self._own_file()
        self.quote = database.quote
        self.statements = database.statements

    def is_made(self) -> bool:
        """Return whether the database is that of an instance; false if it is empty or was left half made.

        Raises:
            StoreError: it has another program's tables, or those of another version.
        """
        with self._connected() as connection:
            tables = _catalog(connection).tables
            known = connection.exec_driver_sql(_STATE).first() if STATE_TABLE in tables else None
            connection.rollback()
        if known is None and tables:
            raise StoreError(f"database {self._shown} has tables or views that no {_EXPECTED}")
        if known is not None and known.version != SCHEMA_VERSION:
            expected = f"expected {SCHEMA_VERSION}, or an empty database"
            raise StoreError(f"database {self._shown} has schema version {known.version}; {expected}")
        return known is not None and bool(known.made)

    def create(self) -> None:
        """Create the tables of a database that is empty or was left half made; `seal` says when it has its rows."""
        with self._connected() as connection, connection.begin():
            self._unhurried(connection)
            for view in _catalog(connection).views:
                connection.exec_driver_sql(f"DROP VIEW {self.quote(view)}")
            for table in (*self._schema.names, STATE_TABLE):
                connection.exec_driver_sql(f"DROP TABLE IF EXISTS {self.quote(table)}")
            connection.exec_driver_sql(f"CREATE TABLE {STATE_TABLE} ({_STATE_COLUMNS})")
            connection.exec_driver_sql(f"INSERT INTO {STATE_TABLE} VALUES ({SCHEMA_VERSION}, 0, 0, 0, 0, '')")  # noqa: S608 - our own number
            self._schema.create_all(connection)

    def complete(self) -> None:
        """Add the tables, columns and indexes that the database lacks.

        Each in a transaction of its own: a transaction that locks two tables can deadlock
        with a writer that locks them in the opposite order.
        """
        with self._connected() as connection:
            lacking = list(self._schema.missing(_catalog(connection), connection.dialect))
            connection.rollback()
            for statement in lacking:
                self._unhurried(connection)
                connection.exec_driver_sql(statement)
                connection.commit()

    def seal(self, transaction: Transaction) -> None:
        """Mark the database as made, with the commit of the transaction."""
        transaction.lock()
        transaction.execute(sa.text(f"UPDATE {STATE_TABLE} SET made = 1"))  # noqa: S608 - our own name

    def described(self, transaction: Transaction) -> str:
        """Return the digest of the dictionary that the records described last; empty for none."""
        return str(transaction.run(_DESCRIBED, ())[0][0])

    def note_described(self, transaction: Transaction, digest: str) -> None:
        """Note the digest of the dictionary that the records describe, with the commit of the transaction."""
        transaction.lock()
        transaction.execute(sa.text(f"UPDATE {STATE_TABLE} SET described = :digest"), {"digest": digest})  # noqa: S608 - our own name

    def count_start(self) -> int:
        """Count a start of an instance on these rows and return the number of starts."""
        with self._connected() as connection:
            count = connection.exec_driver_sql(f"UPDATE {STATE_TABLE} SET starts = starts + 1 RETURNING starts")  # noqa: S608
            number = int(count.scalar_one())
            connection.commit()
            return number

    def versions(self, transaction: Transaction) -> tuple[int, int]:
        """Return the versions of a shared database's facts and tables: others after each commit that renews them."""
        [[facts, tables]] = transaction.run(_VERSIONS, ())
        return int(facts), int(tables)

    def renew_facts(self, transaction: Transaction) -> None:
        """Give the facts of a shared database another version with this transaction's commit.

        To be called last: others who renew them wait for the commit, and must not be waited for.
        """
        transaction.run(_RENEW_FACTS, ())

    def change_tables(self, transaction: Transaction, change: SchemaChange) -> None:
        """Give the database other tables with this transaction's commit."""
        dialect = self._engine.dialect
        catalog = read_catalog(lambda sql: transaction.run(Prepared(sql), ()), dialect)
        for statement in change.statements(catalog, dialect):
            transaction.run(Prepared(statement), ())

    def renew_tables(self, transaction: Transaction) -> int:
        """Give the tables of a shared database another version with this transaction's commit, and return it.

        To be called last, as `renew_facts`.
        """
        return 0 if self.embedded else int(transaction.run(_RENEW_TABLES, ())[0][0])

    def new_statements(self) -> Statements:
        """Return what builds statements on other tables; a shared database forgets those that it has prepared."""
        self._prepared.forget()
        return Statements(self._engine.dialect)

    def exclude_writers(self, transaction: Transaction, version: int) -> None:
        """Keep others from writing until this transaction ends; raises TablesChanged for tables of another version."""
        transaction.lock_alone()
        if not self.embedded and self.versions(transaction)[1] != version:
            raise TablesChanged("the tables have changed while the transaction waited for others who write")

    def clear(self, transaction: Transaction, tables: Iterable[str]) -> None:
        """Delete every row of the tables; until the commit others read them."""
        for table in tables:
            transaction.run(Prepared(f"DELETE FROM {self.quote(table)}"), ())  # noqa: S608 - the dictionary's names

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Exclude other processes from preparing the same database during the body."""
        if self.embedded:
            yield
            return
        with self._engine.begin() as connection:
            # Preparing may take long, and may wait for other processes.
            for setting in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
                connection.exec_driver_sql(f"SET LOCAL {setting} = 0")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PREPARING)))
            yield

    def begin(self) -> Transaction:
        """Begin a transaction, which the caller must end."""
        if self._connection is not None:
            aside = self._here.connection
            if aside is not None:
                return Transaction(aside, aside.connection.driver_connection, self.failures)
            return Transaction(self._connection, self._driver, self.failures, watch=self._watch)
        interruptible = self._here.interruptible
        if interruptible is not None:
            interruptible.check()
        connection = self._engine.connect()
        driver = connection.connection.driver_connection
        self._busy.add(driver)
        if interruptible is not None:
            interruptible.uses(driver)
        return Transaction(connection, driver, self.failures, self._busy, interruptible=interruptible)

    @property
    def dialect(self) -> sa.Dialect:
        """The SQL that the database speaks."""
        return self._engine.dialect

    @contextmanager
    def alone(self, name: str) -> Iterator[Callable[[str], Sequence[Row]] | None]:
        """Give what executes statements on a shared database without a limit of time, each in its own transaction.

        None while somebody else does so by the same name. Raises what the driver raises.
        """
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            driver: Any = connection.connection.driver_connection

            def run(statement: str, *values: object) -> Sequence[Row]:
                cursor = driver.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else ()

            self._busy.add(driver)
            try:
                [[mine]] = run("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name)
                try:
                    run("SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)")
                    yield run if mine else None
                finally:
                    connection.invalidate()  # with its lock and its settings
            finally:
                self._busy.discard(driver)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Give a transaction that writes, committed when the body ends and undone when it raises."""
        transaction, done = self.begin(), False
        try:
            transaction.lock()
            yield transaction
            done = True
        finally:
            transaction.end(keep=done)

    def briefly(self, work: Callable[[], T]) -> T:
        """Do work on an embedded database; raises OverrunError if it reads for long before it writes."""
        watch = cast("Watch", self._watch)
        watch.hurry()
        try:
            return work()
        finally:
            watch.relax()

    def end_brief(self) -> None:
        """Raise OverrunError in a brief attempt on an embedded database, because what follows takes long."""
        if self._watch is not None and self._watch.is_brief and not self.is_aside:
            raise OverrunError

    def interruptible(self) -> Interruptible:
        """Return a runner of work on a shared database in a thread."""
        return Interruptible(self._here, self.failures)

    def may_repeat(self) -> None:
        """Let the work of this thread on a shared database be repeated, whatever it has stored until now."""
        if self._here.interruptible is not None:
            self._here.interruptible.committed = False

    def aside(self) -> Aside:
        """Return a runner of work on an embedded database in another thread."""
        if self._in_memory:
            return Aside(self._copies, self._driver, self._here)
        return Aside(self._engine, None, self._here)

    @property
    def is_aside(self) -> bool:
        """Whether the current thread has a connection of its own."""
        return self._here.connection is not None

    def interrupt(self) -> None:
        """Cancel every running statement, such as one that waits for a lock."""
        self._ending = True
        for driver in tuple(self._busy):
            with suppress(*self.failures):
                driver.cancel_safe(timeout=CANCEL_SECONDS)

    def has_interrupted(self, failure: BaseException) -> bool:
        """Return whether a statement has failed because `interrupt` cancelled it, or because its client has gone."""
        interruptible = self._here.interruptible
        ended = self._ending or (interruptible is not None and interruptible.stopped)
        return ended and getattr(getattr(failure, "orig", failure), "sqlstate", "") == _QUERY_CANCELED

    def has_timed_out(self, failure: BaseException) -> bool:
        """Return whether a statement of a request has failed because a shared database allows none to take so long."""
        cancelled = getattr(getattr(failure, "orig", failure), "sqlstate", "") == _QUERY_CANCELED
        return cancelled and self._here.interruptible is not None and not self.has_interrupted(failure)

    def has_other_tables(self, failure: BaseException, version: int) -> bool:
        """Return whether a statement has failed because a shared database has tables of another version by now.

        False if the work of this thread cannot be repeated, since it has stored something.
        """
        state = getattr(getattr(failure, "orig", failure), "sqlstate", None) or ""
        interruptible = self._here.interruptible
        if interruptible is None or interruptible.committed or not state.startswith(_OF_OTHER_TABLES):
            return False
        with self._engine.connect() as connection:
            return int(connection.exec_driver_sql(_VERSIONS.text).one()[1]) != version

    def insertion_order(self, table: sa.Table) -> list[sa.ColumnElement[Any]]:
        """Return the sort keys of the order of insertion."""
        return [*positions(table, self._engine.dialect)]

    @property
    def size(self) -> int:
        """The bytes of an embedded database."""
        [pages], [size] = (self._driver.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
        return int(pages * size)

    def image(self) -> bytes:
        """Return a copy of an embedded database."""
        if self._in_memory:
            return bytes(self._driver.serialize())
        with closing(sqlite3.connect(":memory:")) as copy:  # which has what a write-ahead log has
            self._driver.backup(copy, progress=_refuse_to_wait)
            image = bytearray(copy.serialize())
        image[_LOG_VERSIONS] = b"\1\1"
        return bytes(image)

    def restore(self, image: bytes) -> None:
        """Replace the embedded database by a copy made by `image`."""
        with closing(sqlite3.connect(":memory:")) as copy:
            copy.deserialize(image)
            copy.backup(self._driver, progress=_refuse_to_wait)

    def close(self) -> None:
        """Close the connections."""
        self.is_closed = True
        self._open.close()
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        if self._connection is not None:
            yield self._connection
            return
        with self._engine.connect() as connection:
            yield connection

    def _unhurried(self, connection: sa.Connection) -> None:
        """Remove the time limit of a transaction's statements: an index of a large table takes minutes."""
        if not self.embedded:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")

    @property
    def _shown(self) -> str:
        return without_password(self._engine.url)

    def _own_file(self) -> bool:
        """Lock the file of the database and check that it can be written; return whether there is a file."""
        file = self._driver.execute("PRAGMA database_list").fetchone()[2] if self.embedded else ""
        if not file:
            return False
        try:
            self._open.enter_context(_FileLock(f"{file}-lock"))
            [version] = self._driver.execute("PRAGMA user_version").fetchone()
            self._driver.execute(f"PRAGMA user_version = {version}")  # a write that changes nothing
        except BlockingIOError:
            reason = _IN_USE
        except (OSError, sqlite3.Error) as error:
            reason = f"cannot be written: {getattr(error, 'strerror', error)}"
        else:
            return True
        self.close()
        raise StoreError(f"database {self._shown} {reason}")


_LOG_VERSIONS = slice(18, 20)
"""Where a database says that it has a write-ahead log (2) or none (1); one in memory must have none."""


def _refuse_to_wait(status: int, _remaining: int, _total: int) -> None:
    """Raise where a copy would wait for a lock on the file without a limit."""
    if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        raise sqlite3.OperationalError("database is locked")


_IN_USE = "is in use by another process; to share an instance, give each process --database postgresql+psycopg://…"
_EXPECTED = "instance of this version has made; expected an empty database, or one that mock-servicenow has made"
_STATE_COLUMNS = "version INTEGER, made INTEGER, starts INTEGER, facts BIGINT, tables BIGINT, described TEXT"
_VERSIONS = Prepared(f"SELECT facts, tables FROM {STATE_TABLE}")  # noqa: S608 - our own name
_DESCRIBED = Prepared(f"SELECT described FROM {STATE_TABLE}")  # noqa: S608 - our own name
# No two transactions of a server have the same number, even after the tables were created anew.
_RENEW_FACTS = Prepared(f"UPDATE {STATE_TABLE} SET facts = txid_current()")  # noqa: S608 - our own name
_RENEW_TABLES = Prepared(f"UPDATE {STATE_TABLE} SET tables = txid_current() RETURNING tables")  # noqa: S608
_STATE = f"SELECT version, made FROM {STATE_TABLE}"  # noqa: S608 - our own name
_COLUMNS = {
    "sqlite": "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c "
    "WHERE m.type IN ('table', 'view')",
    "postgresql": "SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'f', 'v', 'm')",
}
_INDEXES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
}


def _catalog(connection: sa.Connection) -> Catalog:
    return read_catalog(lambda sql: connection.exec_driver_sql(sql).all(), connection.dialect)


def read_catalog(rows: Callable[[str], Iterable[Sequence[Any]]], dialect: sa.Dialect) -> Catalog:
    """Return the tables and indexes of a database, from the rows of statements."""
    tables: dict[str, set[str]] = {}
    for table, column in rows(_COLUMNS[dialect.name]):
        tables.setdefault(table, set()).add(column)
    return Catalog(tables, frozenset(name for (name,) in rows(_INDEXES[dialect.name])))
