"""Opening the database that a URL names."""

import os
import sqlite3
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from mock_servicenow.now_platform.storage.folding import teach_casefold
from privman_core.addresses import without_login
from privman_core.sized_cache import SizedCache


class StoreError(Exception):
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
    except ModuleNotFoundError as error:
        reason = f"the Python package {error.name} is not installed"
    raise StoreError(f"database {shown(address)} cannot be opened: {reason}")


def shown(address: sa.URL) -> str:
    """Return a database URL as messages show it: quoted, without its password, which its query may hold, too."""
    return repr(address.set(query={}).render_as_string())


def one_line(error: BaseException | None) -> str:
    """Return the driver's own words for an error."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def open_copies() -> sa.Engine:
    """Return the engine of databases for copies, each in a temporary file of its own that goes with its connection."""
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
    return address


_EXPECTED = "expected sqlite:// or postgresql+psycopg://"


_LONGEST_WAITS = {"lock_timeout": "10s", "statement_timeout": "60s", "idle_in_transaction_session_timeout": "60s"}
"""PostgreSQL's settings, where the URL or the server sets none."""
_COMPILED, _PER_CHARACTER = 2 * 1024 * 1024, 30
"""Bytes of all compiled statements that are kept, and of one by the length of its SQL."""
_BUSY_SECONDS = 0.05  # only a tool that somebody points at the file can lock it, and everybody waits meanwhile
# isolation_level None leaves BEGIN to Transaction.lock; a store keeps its one connection, which nobody else uses.
_CONNECTING = {"check_same_thread": False, "isolation_level": None, "timeout": _BUSY_SECONDS}


def _shared(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address, pool_pre_ping=True, **_compiling())  # the server may have been restarted
    sa.event.listen(engine, "connect", _bound_waits)
    return engine


def _embedded(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address, poolclass=NullPool, connect_args=_CONNECTING, **_compiling())
    sa.event.listen(engine, "connect", _tune)
    return engine


def _compiling() -> dict[str, Any]:
    """Return the options that bound by size what is kept of compiled statements: callers ask for any number of them."""
    compiled = SizedCache[Hashable, sa.Compiled](_COMPILED, lambda _key, each: _PER_CHARACTER * len(str(each)))
    return {"query_cache_size": 0, "execution_options": {"compiled_cache": compiled}}


@contextmanager
def _private_files() -> Iterator[None]:
    """Let files that are missing be readable by their owner alone, whatever the URL makes SQLite call them.

    SQLite gives the files beside the database's the same mode.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _bound_waits(driver: Any, _record: object) -> None:  # noqa: ANN401 - no such package without PostgreSQL
    """Wait for nobody's lock nor for an answer for ever, nor let others wait for a process that has stopped."""
    for setting, value in _LONGEST_WAITS.items():
        driver.execute("SELECT set_config(%s, %s, false) WHERE current_setting(%s) = '0'", (setting, value, setting))
    driver.commit()


def _tune(driver: sqlite3.Connection, _record: object) -> None:
    driver.execute("PRAGMA journal_mode=WAL")
    driver.execute("PRAGMA synchronous=NORMAL")
    driver.text_factory = _readable
    teach_casefold(driver)


def _readable(stored: bytes) -> str:
    """Return a text that is not UTF-8 with U+FFFD where it is not: whoever wrote it into the file, others go on."""
    return stored.decode(errors="replace")


def _tune_copy(driver: sqlite3.Connection, _record: object) -> None:
    driver.execute("PRAGMA journal_mode=OFF")
    driver.execute("PRAGMA synchronous=OFF")
    teach_casefold(driver)
