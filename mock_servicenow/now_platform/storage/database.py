"""A database, opened from its URL, and the statements compiled for it."""

import os
import sqlite3
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from typing import Any, Self

import orjson
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.sql_tables import PhysicalSchema, teach_casefold
from mock_servicenow.now_platform.errors import SetupError
from privman_core.inputs import without_login
from privman_core.sized_cache import SizedCache


class StoreError(SetupError):
    """A database URL that cannot be used; the message shows it without its password."""


def open_engine(url: str) -> sa.Engine:
    """Return the engine of a database that has answered; raises StoreError."""
    address = _address(url)
    try:
        engine = _embedded(address) if address.get_backend_name() == "sqlite" else _shared(address)
        with _private_files(), engine.connect():
            return engine
    except (sa.exc.SQLAlchemyError, sqlite3.Error, ValueError) as error:
        reason = one_line(error)
    except ImportError as error:  # psycopg is missing, or finds no libpq
        reason = f"{one_line(error)}; expected the extra 'mock-servicenow[postgresql]'"
    raise StoreError(f"database {without_password(address)} cannot be opened: {reason}")


def without_password(address: sa.URL) -> str:
    """Return a database URL as messages show it: quoted, without its password and its query, which may have one too."""
    return repr(address.set(query={}).render_as_string())


def one_line(error: BaseException | None) -> str:
    """Return the driver's own words for an error."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def open_copies() -> sa.Engine:
    """Return the engine of databases for copies, each in its own temporary file, deleted with its connection."""
    engine = sa.create_engine("sqlite:///file:?uri=true", poolclass=NullPool, connect_args=_CONNECTING, **_compiling())
    sa.event.listen(engine, "connect", _tune_copy)
    return engine


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise StoreError(f"database URL {without_login(url)!r} is not usable: {_EXPECTED}") from None
    if address.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise StoreError(f"database URL '{address.drivername}://…' is not usable: {_EXPECTED}")
    if address.query and address.drivername == "sqlite":
        raise StoreError(f"database URL {without_password(address)} is not usable with a query: expected none")
    return address


_EXPECTED = "expected sqlite:// or postgresql+psycopg://"


_LONGEST_WAITS = {"lock_timeout": "10s", "statement_timeout": "60s", "idle_in_transaction_session_timeout": "60s"}
"""PostgreSQL's settings, where the URL or the server sets none."""
_PLANNING = {"cursor_tuple_fraction": "1", "jit": "off"}
"""PostgreSQL's settings for its plans: each answer is read to its end, and is soon there."""
_COMPILED, _PER_CHARACTER = 2 * 1024 * 1024, 30
"""Bytes of all compiled statements that are kept, and of one by the length of its SQL."""
_BUSY_SECONDS = 0.05  # only another tool that opens the file can lock it, and every request waits meanwhile
# isolation_level None leaves BEGIN to Transaction.lock; a store keeps its only connection.
_CONNECTING = {"check_same_thread": False, "isolation_level": None, "timeout": _BUSY_SECONDS}


def _shared(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address, pool_pre_ping=True, **_compiling())  # the server may have been restarted
    sa.event.listen(engine, "connect", _bound_waits)
    sa.event.listen(engine, "connect", _set_planning)
    return engine


def _embedded(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address, poolclass=NullPool, connect_args=_CONNECTING, **_compiling())
    sa.event.listen(engine, "connect", _tune)
    return engine


def _compiling() -> dict[str, Any]:
    """Return options that bound the size of the compiled statements that are kept: callers choose their number."""
    compiled = SizedCache[Hashable, sa.Compiled](_COMPILED, lambda _key, each: _PER_CHARACTER * len(str(each)))
    return {"query_cache_size": 0, "execution_options": {"compiled_cache": compiled}}


@contextmanager
def _private_files() -> Iterator[None]:
    """Let files that are missing be readable by their owner alone.

    SQLite gives the files beside the database's the same mode.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _bound_waits(driver: Any, _record: object) -> None:  # noqa: ANN401 - no such package without PostgreSQL
    """Bound the time to wait for locks and answers, and the time that a stopped process keeps its locks."""
    for setting, value in _LONGEST_WAITS.items():
        driver.execute("SELECT set_config(%s, %s, false) WHERE current_setting(%s) = '0'", (setting, value, setting))
    driver.commit()


def _set_planning(driver: Any, _record: object) -> None:  # noqa: ANN401 - no such package without PostgreSQL
    for setting, value in _PLANNING.items():
        driver.execute("SELECT set_config(%s, %s, false)", (setting, value))
    driver.commit()


def _tune(driver: sqlite3.Connection, _record: object) -> None:
    driver.execute("PRAGMA journal_mode=WAL")
    driver.execute("PRAGMA synchronous=NORMAL")
    driver.text_factory = _readable
    teach_casefold(driver)


def _readable(stored: bytes) -> str:
    """Return a text with U+FFFD in place of bytes that are not UTF-8, which another tool may have written."""
    return stored.decode(errors="replace")


def _tune_copy(driver: sqlite3.Connection, _record: object) -> None:
    driver.execute("PRAGMA journal_mode=OFF")
    driver.execute("PRAGMA synchronous=OFF")
    teach_casefold(driver)


Row = Sequence[Any]
Given = dict[str, Any] | Sequence[object]
"""The values of a statement's parameters: by their names, or in their order."""
_REMEMBERED = 1_000  # statements that differ in which columns they fill


class Prepared:
    """A statement compiled once, for use on every request.

    Going through SQLAlchemy's execution costs more than the statement itself on an embedded database.
    """

    __slots__ = ("names", "text")

    def __init__(self, text: str, names: Sequence[str] | None = None) -> None:
        self.text = text
        self.names = names

    @classmethod
    def compile(cls, statement: sa.ClauseElement, dialect: sa.Dialect) -> Self:
        """Return a statement of SQLAlchemy's."""
        compiled = statement.compile(dialect=dialect)
        return cls(str(compiled), getattr(compiled, "positiontup", None))

    @classmethod
    def insertion(cls, dialect: sa.Dialect, table: str, names: Sequence[str]) -> Self:
        """Return the insertion of a row with values in only those columns.

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


def _mark(dialect: sa.Dialect) -> str:
    return "?" if dialect.positional else "%s"


class Statements:
    """Statements on the tables of one schema, each built once.

    Attributes:
        insertion: returns the insertion of a row with those columns.
        update: returns the change of those columns of a row.
    """

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self.insertion = lru_cache(_REMEMBERED)(partial(Prepared.insertion, dialect))
        self.update = lru_cache(_REMEMBERED)(partial(Prepared.update, dialect))
        self._prepared: dict[object, Prepared] = {}
        self._statements: dict[object, sa.Select[Any]] = {}

    def statement(self, key: object, build: Callable[[], sa.Select[Any]]) -> sa.Select[Any]:
        """Return the statement known by that key; build it the first time."""
        known = self._statements.get(key)
        if known is None:
            known = self._statements[key] = build()
        return known

    def prepared(self, key: object, build: Callable[[], sa.ClauseElement]) -> Prepared:
        """Return the compiled statement known by that key; build it the first time."""
        known = self._prepared.get(key)
        if known is None:
            known = self._prepared[key] = Prepared.compile(build(), self._dialect)
        return known


class _PreparedByServer:
    """The statements that each connection's server has prepared, which fail once a column has another type."""

    def __init__(self) -> None:
        self._generation = 0

    def watch(self, engine: sa.Engine) -> None:
        """Replace each connection to a shared database that was used before the last `forget`."""
        sa.event.listen(engine, "checkout", self._used)

    def forget(self) -> None:
        """Prepare no statement's answer from tables that were there before."""
        self._generation += 1

    def _used(self, _driver: object, record: Any, _proxy: object) -> None:  # noqa: ANN401 - SQLAlchemy's own
        if record.info.setdefault("generation", self._generation) != self._generation:
            raise sa.exc.DisconnectionError


class Database:
    """The database of a URL, shared by the stores of instances with the same tables.

    Args:
        url: a SQLAlchemy URL; each store in memory has rows of its own.
        schema: the physical tables.

    Attributes:
        embedded: whether it is SQLite.
        copies: opens databases for copies of one in memory.
        quote: quotes a name.
        statements: those on the physical tables.
        prepared: those that the server of a shared database has prepared.
        failures: the errors of statements that the database cannot execute: it is gone, locked, full, read-only.

    Raises:
        StoreError: the URL names another kind of database, or one that cannot be opened.
    """

    def __init__(self, url: str, schema: PhysicalSchema) -> None:
        self.schema = schema
        self.engine = open_engine(url)
        self.copies = open_copies()
        self.embedded = self.engine.dialect.name == "sqlite"
        self.quote: Callable[[str], str] = self.engine.dialect.identifier_preparer.quote
        self.statements = Statements(self.engine.dialect)
        self.prepared = _PreparedByServer()
        if not self.embedded:
            self.prepared.watch(self.engine)
        self.failures: tuple[type[Exception], ...] = (self.engine.dialect.loaded_dbapi.Error, sa.exc.SQLAlchemyError)


_MOST_COLUMNS = 120  # of the 127 arguments that SQLite takes for a function


def row_expressions(columns: Iterable[Column], quote: Callable[[str], str]) -> Iterator[str]:
    """Return the SQL that fetches a whole row from SQLite as JSON arrays of texts, in bytes.

    The driver converts every value of a row by itself, which takes longer than the rest of a read, and each text by a
    call of `_readable`. Fractions come as numbers, for databases write them differently.
    """
    texts = (_text(column, quote(column.name)) for column in columns)
    while some := list(islice(texts, _MOST_COLUMNS)):
        yield f"CAST(json_array({', '.join(some)}) AS BLOB)"


def row_values(columns: Iterable[str], row: Row) -> dict[str, str]:
    """Return what `row_expressions` fetched, by column."""
    try:
        texts = orjson.loads(row[0])
        for part in row[1:]:
            texts += orjson.loads(part)
    except orjson.JSONDecodeError:  # bytes that are not UTF-8
        texts = [text for part in row for text in orjson.loads(_readable(part))]
    return dict(zip(columns, texts, strict=True))


def _text(column: Column, name: str) -> str:
    kind = column.family.storage
    if kind == "number":
        return name
    return f"ifnull({name if kind == 'text' else f'CAST({name} AS TEXT)'}, '')"
