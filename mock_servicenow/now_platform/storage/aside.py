"""Reads that take long on an embedded database: given up, and made again in a thread on a connection of their own."""

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from threading import local
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
LARGEST_COPY = 64 * 1024 * 1024
"""Bytes of a database in memory of which a copy is made for a long read."""
_OPERATIONS = 10_000  # of SQLite's machine between two looks: some tenths of a millisecond
_BRIEF, _LONG = 100, 300_000  # looks: some 20 ms, and about a minute
_PAGES = 500  # copied at a time, during which nobody else uses the database


class OverrunError(Exception):
    """Raised where a read takes longer than others should wait for it."""


class NotAsideError(Exception):
    """Raised where work needs the instance's own connection: it writes, a copy is too large, or none can be had."""


class Watch:
    """Counts the looks that SQLite takes up while it executes, and lets it end when they are used up."""

    def __init__(self, driver: sqlite3.Connection, looks: float = math.inf) -> None:
        self._left = looks
        self._stopped = False
        driver.set_progress_handler(self._look, _OPERATIONS)

    def hurry(self) -> None:
        """Let what follows end soon."""
        self._left = _BRIEF

    def relax(self) -> None:
        """Let what follows take as long as it takes."""
        self._left = math.inf

    def stop(self) -> None:
        """Let whatever is executed end at once; any thread may call it."""
        self._stopped = True

    def _look(self) -> bool:
        self._left -= 1
        return self._stopped or self._left < 0


class Here(local):
    """The connection of the current thread, where that is none of the instance's own."""

    connection: sa.Connection | None = None


class Aside:
    """Work that is done in another thread, on a connection of its own that only reads.

    Args:
        engine: opens the connection.
        source: the instance's own connection to a database in memory, which is copied; None for a file.
        here: tells the store of the connection.
    """

    def __init__(self, engine: sa.Engine, source: sqlite3.Connection | None, here: Here) -> None:
        self._engine = engine
        self._source = source
        self._here = here
        self._stopped = False
        self._watch: Watch | None = None

    def run(self, work: Callable[[], T]) -> T:
        """Do the work; raises NotAsideError."""
        with closing(self._connected()) as connection:
            driver: Any = connection.connection.driver_connection
            if self._source is not None:
                _copy(self._source, driver)
            self._watch = Watch(driver, _LONG)
            if self._stopped:
                self._watch.stop()
            self._here.connection = connection
            try:
                return work()
            finally:
                self._here.connection = None

    def _connected(self) -> sa.Connection:
        try:
            return self._engine.connect()
        except (sa.exc.DBAPIError, sqlite3.Error):  # such as for want of files to open
            raise NotAsideError from None

    def stop(self) -> None:
        """Let the work end soon."""
        self._stopped = True
        if self._watch is not None:
            self._watch.stop()


def is_interrupted(error: BaseException) -> bool:
    """Return whether a statement has failed because a `Watch` let it end."""
    return getattr(getattr(error, "orig", error), "sqlite_errorname", "") == "SQLITE_INTERRUPT"


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    [pages], [size] = source.execute("PRAGMA page_count").fetchone(), source.execute("PRAGMA page_size").fetchone()
    if pages * size > LARGEST_COPY:
        raise NotAsideError
    source.backup(target, pages=_PAGES, sleep=0.001)
