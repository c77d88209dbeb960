"""Shelves in an SQLite file, for one process at a time."""

import logging
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from console_sim.bounded_memory import BoundedMemory, MemoryUse
from console_sim.errors import NotStoredError, UnusableDatabaseError
from console_sim.shelf import KEPT_BYTES, LongShelf, ShelfKind, Undo, memory_full
from privman_core.clock import Clock
from privman_core.findings import Finding
from privman_core.inputs import reason_of, without_login
from privman_core.seldom_log import SeldomLog

T = TypeVar("T")
MARK = 0x504D4353  # SQLite's application_id of such a file
VERSION = 1  # of the tables and of the documents in them
_BATCH = 500
_OUTERMOST = ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
# A name means the newest savepoint of that name; ROLLBACK TO keeps it, so it is released, too.
_NESTED = ("SAVEPOINT nested", "RELEASE nested", ("ROLLBACK TO nested", "RELEASE nested"))
_FAILURES = (sa.exc.DBAPIError, UnicodeDecodeError)  # UnicodeDecodeError if SQLite's message quotes a damaged file
_DOCUMENT = sa.Table(
    "document",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),  # in order of first insertion
    sa.Column("kind", sa.Text, nullable=False, index=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("unfinished", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("kind", "key"),
)
sa.Index("unfinished_by_kind", _DOCUMENT.c.kind, sqlite_where=_DOCUMENT.c.unfinished)


class FileShelves:
    """Keeps each entry as a JSON document; a change is in SQLite's journal before the call returns.

    A killed process loses nothing. The file is locked while it is open.

    Args:
        url: a SQLAlchemy URL such as ``sqlite:///console.db``.
        clock: bounds how often a failure is logged.
        kept_bytes: limit for the unfinished entries of each kind, which are processed in memory.
        note: receives a finding for each unreadable row.

    Raises:
        UnusableDatabaseError: not the URL of an SQLite file, or the file is unusable.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        kept_bytes: int = KEPT_BYTES,
        note: Callable[[Finding], object] = lambda _finding: None,
    ) -> None:
        self._path = file_of(url)
        self._clock = clock
        self._kept_bytes = kept_bytes
        self.note = note
        self.undo = Undo()
        self._log = SeldomLog(logging.getLogger("console_sim.database"), clock)
        self._shelves: list[FileShelf[object]] = []
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
        except _FAILURES as error:
            self._engine.dispose()
            raise UnusableDatabaseError(f"database {self._path!r} cannot be used: {_explain(error)}") from None
        except UnusableDatabaseError:
            self._engine.dispose()
            raise

    def shelf(self, kind: ShelfKind[T]) -> LongShelf[T]:
        """Return the shelf of a kind."""
        shelf = FileShelf(self, kind, self._clock, self._kept_bytes)
        self._shelves.append(shelf)  # type: ignore[arg-type] # of any kind, to be counted
        return shelf

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep everything that the body puts, or nothing; transactions may be nested."""
        begin, commit, roll_back = _NESTED if self.undo.is_open else _OUTERMOST
        self.run(sa.text(begin))
        with self.undo.transaction():
            try:
                yield
                self.run(sa.text(commit))
            except BaseException:
                self._roll_back(roll_back)
                raise

    def clear(self) -> None:
        """Empty every shelf."""
        self.run(_DOCUMENT.delete())
        for shelf in self._shelves:
            shelf.reload()

    @property
    def shelves(self) -> Sequence[LongShelf[Any]]:
        """Every shelf, in the order in which they were asked for."""
        return self._shelves

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._engine.dispose()

    def run(self, statement: sa.Executable, **values: object) -> Sequence[sa.Row[Any]]:
        """Execute and return the rows, if any; raises NotStoredError, which is logged in one line."""
        if self.undo.is_open and not self._in_transaction:  # without one, SQLite would keep it
            raise self.failure("the transaction was rolled back")
        try:
            result = self._connection.execute(statement, values)
            return result.fetchall() if result.returns_rows else ()
        except _FAILURES as error:
            raise self.failure(_explain(error)) from None

    def failure(self, reason: str) -> NotStoredError:
        """Log a failure of the database and return its error."""
        self._log.write(f"database {self._path!r} failed: {reason}")
        return NotStoredError(f"the console's database failed: {reason}")

    def skip(self, reason: str) -> None:
        """Log and note an unreadable row, which is left out."""
        self._log.write(f"database {self._path!r} failed: {reason}")
        self.note(Finding("swallowed", "unreadable-row", reason))

    @property
    def _in_transaction(self) -> bool:
        """Whether the open transaction still exists: SQLite rolls it back if the disk is full."""
        driver = self._connection.connection.driver_connection
        return driver is not None and driver.in_transaction

    def _roll_back(self, statements: tuple[str, ...]) -> None:
        if self._in_transaction:
            for statement in statements:
                self._connection.exec_driver_sql(statement)

    def _prepare(self) -> None:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
            self._connection.exec_driver_sql(f"PRAGMA {pragma}")
        self._connection.exec_driver_sql("BEGIN EXCLUSIVE")
        self._check_version()
        _DOCUMENT.metadata.create_all(self._connection)
        # Written even if unchanged, so that a read-only file is refused now, not at the first request.
        self._connection.exec_driver_sql(f"PRAGMA application_id={MARK}")
        self._connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
        self._connection.exec_driver_sql("COMMIT")

    def _check_version(self) -> None:
        catalog = sa.inspect(self._connection)
        tables = catalog.get_table_names()
        if not tables and not catalog.get_view_names():
            return
        mark, version = self._pragma("application_id"), self._pragma("user_version")
        found = (
            {column["name"] for column in catalog.get_columns(_DOCUMENT.name)} if _DOCUMENT.name in tables else set()
        )
        if mark != MARK or (version == VERSION and not found.issuperset(_DOCUMENT.columns.keys())):
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


class FileShelf(LongShelf[T]):
    """Keeps entries in the file.

    Unfinished entries are limited to ``kept_bytes``, because they are processed in memory; finished ones are not. Row
    numbers are cached, so that counting needs no query.
    """

    def __init__(self, database: FileShelves, kind: ShelfKind[T], clock: Clock, kept_bytes: int) -> None:
        self._database = database
        self._kind = kind
        self._clock = clock
        self._kept_bytes = kept_bytes
        self._decoder = msgspec.json.Decoder(kind.type)
        self._reported: set[int] = set()  # numbers of unreadable rows
        self.reload()

    def get(self, key: str) -> T | None:
        """Return the entry with that key."""
        return next((entry for _, entry in self._readable(self._rows(_GET, key=key))), None)

    def put(self, entry: T) -> T:
        """Insert or replace an entry and return it; raises NotStoredError if memory is full of unfinished ones."""
        evicted = self._evicted_for(entry) if self._kind.unfinished(entry) else []
        with self._database.transaction() if evicted else nullcontext():
            for key in evicted:
                self._rows(_FINISH, key=key)
                self._memory.set(key, None)
            self._write(entry)
        return entry

    def remove(self, key: str) -> None:
        """Remove the entry, if there is one."""
        for row in self._rows(_REMOVE, key=key):
            place = bisect_left(self._numbers, row.number)
            self._database.undo.add(partial(self._numbers.insert, place, self._numbers.pop(place)))
        self._memory.set(key, None)

    def reload(self) -> None:
        """Read the numbers of the rows, and the unfinished entries."""
        self._numbers = array("q")  # of the rows, in order
        self._memory = BoundedMemory(self._kept_bytes, self._clock.now, self._database.undo)
        with suppress(NotStoredError):  # already logged
            self._numbers.extend(self._read_numbers())
            for number, entry in self._readable(self._rows(_UNFINISHED)):
                self._memory.set(self._kind.key(entry), self._memory_use(number, entry))

    def __iter__(self) -> Iterator[T]:
        last = 0
        while batch := self._rows(_AFTER, last=last):
            yield from (entry for _, entry in self._readable(batch))
            last = batch[-1].number

    def __len__(self) -> int:
        return len(self._numbers)

    def newest(self, skipped: int, count: int) -> list[T]:
        """Return a page, newest first."""
        end = max(len(self._numbers) - skipped, 0)
        page = self._numbers[max(end - count, 0) : end]
        rows = self._rows(_BETWEEN, first=page[0], last=page[-1]) if page else []
        return [entry for _, entry in self._readable(rows)]

    def unfinished(self) -> list[T]:
        """Return the unfinished entries, oldest first."""
        return [entry for _, entry in self._readable(self._rows(_UNFINISHED))]

    def _write(self, entry: T) -> None:
        key, unfinished = self._kind.key(entry), self._kind.unfinished(entry)
        values = {"key": key, "unfinished": unfinished, "body": msgspec.json.encode(entry)}
        updated = self._rows(_UPDATE, **values)
        number = updated[0].number if updated else self._insert(values)
        self._memory.set(key, self._memory_use(number, entry) if unfinished else None)

    def _insert(self, values: dict[str, object]) -> int:
        number: int = self._rows(_INSERT, **values)[0].number
        self._numbers.append(number)
        self._database.undo.add(self._numbers.pop)
        return number

    def _read_numbers(self) -> Iterator[int]:
        last = 0
        while batch := self._rows(_NUMBERS, last=last):
            yield from (row.number for row in batch)
            last = batch[-1].number

    def _memory_use(self, number: int, entry: T) -> MemoryUse:
        return MemoryUse(number, self._kind.weight(entry), self._kind.evictable_from(entry))

    def _evicted_for(self, entry: T) -> list[str]:
        """Return the keys of the oldest entries that have ended; raises NotStoredError if they are too few."""
        evicted = self._memory.evicted_for(self._kind.key(entry), self._kind.weight(entry))
        if evicted is None:
            raise memory_full(self._kind, self._memory.unevictable_count(), self._kept_bytes, _REMEDY)
        return evicted

    def _rows(self, statement: sa.Executable, **values: object) -> Sequence[sa.Row[Any]]:
        return self._database.run(statement, kind=self._kind.name, **values)

    def _readable(self, rows: Iterable[sa.Row[Any]]) -> Iterator[tuple[int, T]]:
        """Yield the readable entries, each with the number of its row; each unreadable one is logged and noted once."""
        for row in rows:
            try:
                yield row.number, self._decoder.decode(row.body)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                if row.number not in self._reported:
                    self._reported.add(row.number)
                    self._database.skip(f"document {row.number} of kind {self._kind.name!r}: {error}")


_REMEDY = (
    "new ones are accepted once some of these have been sent, have timed out, or have their decision recorded in "
    "ServiceNow"
)


def file_of(url: str) -> str:
    """Return the path in the SQLAlchemy URL of an SQLite file; raises UnusableDatabaseError."""
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise UnusableDatabaseError(f"invalid database URL {without_login(url)!r}: {_EXPECTED}") from None
    if address.drivername != "sqlite" or not address.database or address.query:
        raise UnusableDatabaseError(f"unsupported database '{address.drivername}://…': {_EXPECTED}")
    return address.database


_EXPECTED = "expected the URL of an SQLite file, such as sqlite:///console.db"


def _create_private(path: str) -> None:
    """Create the file unless it exists, readable for its owner only; SQLite gives its journal the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise UnusableDatabaseError(f"database {path!r} cannot be opened: {reason}") from None


def _explain(error: sa.exc.DBAPIError | UnicodeDecodeError) -> str:
    text = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error.orig)
    reason = " ".join(text.split())
    return "another process has it open; each console needs a file of its own" if "locked" in reason else reason


_SELECT = "SELECT number, CAST(body AS BLOB) AS body FROM document"  # other tools may have written text or numbers
_UPDATE = sa.text(
    "UPDATE document SET unfinished = :unfinished, body = :body WHERE kind = :kind AND key = :key RETURNING number"
)
_INSERT = sa.text(
    "INSERT INTO document (kind, key, unfinished, body) VALUES (:kind, :key, :unfinished, :body) RETURNING number"
)
_REMOVE = sa.text("DELETE FROM document WHERE kind = :kind AND key = :key RETURNING number")
_NUMBERS = sa.text("SELECT number FROM document WHERE kind = :kind AND number > :last ORDER BY number LIMIT 10000")
_GET = sa.text(f"{_SELECT} WHERE kind = :kind AND key = :key")
_AFTER = sa.text(f"{_SELECT} WHERE kind = :kind AND number > :last ORDER BY number LIMIT {_BATCH}")
_UNFINISHED = sa.text(f"{_SELECT} WHERE kind = :kind AND unfinished ORDER BY number")
_FINISH = sa.text("UPDATE document SET unfinished = 0 WHERE kind = :kind AND key = :key")
_BETWEEN = sa.text(f"{_SELECT} WHERE kind = :kind AND number BETWEEN :first AND :last ORDER BY number DESC")
