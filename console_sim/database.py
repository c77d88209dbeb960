"""Shelves in an SQLite file, for one process at a time."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from console_sim.errors import StoreError, UnusableDatabaseError
from console_sim.shelf import Kind, Shelf
from privman_testbench.addresses import without_login
from privman_testbench.reasons import reason_of

T = TypeVar("T")
MARK = 0x504D4353  # SQLite's application_id of such a file
VERSION = 1  # of the tables and of the documents in them
_BATCH = 500
_DOCUMENT = sa.Table(
    "document",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),  # in the order in which things were first kept
    sa.Column("kind", sa.Text, nullable=False, index=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("unfinished", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("kind", "key"),
)
sa.Index("unfinished_by_kind", _DOCUMENT.c.kind, sqlite_where=_DOCUMENT.c.unfinished)
_log = logging.getLogger("console_sim.database")


class Database:
    """Keeps each thing as a JSON document; a change is on the disk's journal before the call returns.

    A killed process loses nothing. The file is locked as long as it is open.

    Args:
        url: a SQLAlchemy URL such as ``sqlite:///console.db``.

    Raises:
        UnusableDatabaseError: the URL is not one of an SQLite file, or the file can't be used.
    """

    def __init__(self, url: str) -> None:
        self._path = file_of(url)
        _create_private(self._path)
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=self._path),
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": 0, "check_same_thread": False},
        )
        try:
            self._connection = self._engine.connect()
            self._prepare()
        except sa.exc.DBAPIError as error:
            self._engine.dispose()
            raise UnusableDatabaseError(f"database {self._path!r} cannot be used: {_explain(error)}") from None
        except UnusableDatabaseError:
            self._engine.dispose()
            raise

    def shelf(self, kind: Kind[T]) -> Shelf[T]:
        """Return the shelf of a kind."""
        return FileShelf(self, kind)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep everything that is put in the body, or nothing."""
        self.run(sa.text("BEGIN IMMEDIATE"))
        try:
            yield
            self.run(sa.text("COMMIT"))
        except BaseException:
            self._roll_back()
            raise

    def clear(self) -> None:
        """Empty every shelf."""
        self.run(_DOCUMENT.delete())

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        self._engine.dispose()

    def run(self, statement: sa.Executable, **values: object) -> Sequence[sa.Row[Any]]:
        """Execute and return the rows, if it returns any; raises StoreError, which is logged in one line."""
        try:
            result = self._connection.execute(statement, values)
            return result.fetchall() if result.returns_rows else ()
        except sa.exc.DBAPIError as error:
            raise self.failure(_explain(error)) from None

    def failure(self, reason: str) -> StoreError:
        """Return the error of a database that failed while the console serves, and log it."""
        _log.error("database %r failed: %s", self._path, reason)
        return StoreError(f"the console's database failed: {reason}")

    def _roll_back(self) -> None:
        # A full disk may have ended the transaction already.
        driver = self._connection.connection.driver_connection
        if driver is not None and driver.in_transaction:
            driver.rollback()

    def _prepare(self) -> None:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
            self._connection.exec_driver_sql(f"PRAGMA {pragma}")
        self._connection.exec_driver_sql("BEGIN EXCLUSIVE")
        self._check_version()
        _DOCUMENT.metadata.create_all(self._connection)
        # Written even if unchanged: a file that can't be written is refused now, not at the first request.
        self._connection.exec_driver_sql(f"PRAGMA application_id={MARK}")
        self._connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
        self._connection.exec_driver_sql("COMMIT")

    def _check_version(self) -> None:
        if not sa.inspect(self._connection).get_table_names():
            return
        mark, version = self._pragma("application_id"), self._pragma("user_version")
        if mark != MARK:
            raise UnusableDatabaseError(
                f"database {self._path!r} is not a console's; expected a new file, or one that console-sim wrote"
            )
        if version != VERSION:
            raise UnusableDatabaseError(
                f"database {self._path!r} has version {version}; this console reads version {VERSION}: "
                "start the console that wrote it, or give another file"
            )

    def _pragma(self, name: str) -> int:
        return int(self._connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


class FileShelf(Shelf[T]):
    """Keeps things in the file, and nothing in memory."""

    def __init__(self, database: Database, kind: Kind[T]) -> None:
        self._database = database
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind.type)

    def get(self, key: str) -> T | None:
        """Return the thing of that key."""
        return next(iter(self._read(_GET, key=key)), None)

    def put(self, thing: T) -> T:
        """Keep a thing, in the place of the one with the same key if there is one, and return it."""
        kind = self._kind
        values = {"key": kind.key(thing), "unfinished": kind.unfinished(thing), "body": msgspec.json.encode(thing)}
        self._database.run(_PUT, kind=kind.name, **values)
        return thing

    def remove(self, key: str) -> None:
        """Keep that thing no longer."""
        self._database.run(_REMOVE, kind=self._kind.name, key=key)

    def __iter__(self) -> Iterator[T]:
        last = 0
        while batch := self._database.run(_AFTER, kind=self._kind.name, last=last):
            yield from map(self._decode, batch)
            last = batch[-1].number

    def __len__(self) -> int:
        return int(self._database.run(_COUNT, kind=self._kind.name)[0][0])

    def newest(self, skipped: int, count: int) -> list[T]:
        """Return some of them, newest first."""
        return self._read(_NEWEST, skipped=skipped, count=count)

    def unfinished(self) -> list[T]:
        """Return those about which something remains to be done, oldest first."""
        return self._read(_UNFINISHED)

    def _read(self, statement: sa.Executable, **values: object) -> list[T]:
        return [self._decode(row) for row in self._database.run(statement, kind=self._kind.name, **values)]

    def _decode(self, row: sa.Row[Any]) -> T:
        try:
            return self._decoder.decode(row.body)
        except msgspec.MsgspecError as error:
            raise self._database.failure(f"document {row.number} of kind {self._kind.name!r}: {error}") from None


def file_of(url: str) -> str:
    """Return the path in a SQLAlchemy URL; raises UnusableDatabaseError for the URL of anything but an SQLite file."""
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise UnusableDatabaseError(f"invalid database URL {without_login(url)!r}: {_EXPECTED}") from None
    if address.drivername != "sqlite" or not address.database or address.query:
        raise UnusableDatabaseError(f"unsupported database '{address.drivername}://…': {_EXPECTED}")
    return address.database


_EXPECTED = "expected the URL of an SQLite file, such as sqlite:///console.db"


def _create_private(path: str) -> None:
    """Create the file unless it exists, for its owner's eyes alone; SQLite gives its journal the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise UnusableDatabaseError(f"database {path!r} cannot be opened: {reason}") from None


def _explain(error: sa.exc.DBAPIError) -> str:
    reason = " ".join(str(error.orig).split())
    return "another process has it open; each console needs a file of its own" if "locked" in reason else reason


_PUT = sa.text(
    "INSERT INTO document (kind, key, unfinished, body) VALUES (:kind, :key, :unfinished, :body) "
    "ON CONFLICT (kind, key) DO UPDATE SET unfinished = excluded.unfinished, body = excluded.body"
)
_REMOVE = sa.text("DELETE FROM document WHERE kind = :kind AND key = :key")
_COUNT = sa.text("SELECT count(*) FROM document WHERE kind = :kind")
_GET = sa.text("SELECT number, body FROM document WHERE kind = :kind AND key = :key")
_AFTER = sa.text(
    f"SELECT number, body FROM document WHERE kind = :kind AND number > :last ORDER BY number LIMIT {_BATCH}"  # noqa: S608 - a number
)
_UNFINISHED = sa.text("SELECT number, body FROM document WHERE kind = :kind AND unfinished ORDER BY number")
_NEWEST = sa.text(
    "SELECT number, body FROM document WHERE number IN "
    "(SELECT number FROM document WHERE kind = :kind ORDER BY number DESC LIMIT :count OFFSET :skipped) "
    "ORDER BY number DESC"
)
