"""Long reads.

On an embedded database a long read is given up and repeated in a thread, on a connection of its own; on a shared one it
ends when its client goes.
"""

import math
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from threading import Condition, local
from time import sleep, thread_time
from typing import Any, TypeVar

import sqlalchemy as sa

from mock_servicenow.now_platform.errors import Signal

T = TypeVar("T")
LARGEST_COPY = 256 * 1024 * 1024
"""Bytes of a database in memory of which a copy is made for a long read, in a temporary file."""
CANCEL_SECONDS, _CANCEL_AGAIN = 1.0, 0.05
_BRIEF, _LONG = 0.02, 60.0  # seconds of the processor: on a busy machine a read waits for it
_OFTEN, _SELDOM = 100, 10_000  # operations of SQLite's machine between two looks at the clock
_PAGES, _PAUSE = 500, 0.0005  # pages copied at a time, while the database is locked, and seconds between
_LENGTH, _PATTERN = 128 * 1024, 64
"""Bytes of a text, and of a pattern to search for, that a brief read takes: more can take one operation seconds."""
_BRIEF_LIMITS = ((sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH), (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, _PATTERN))
_OVERRUN = {"SQLITE_INTERRUPT", "SQLITE_TOOBIG"}
_WAITING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_LONG_PATTERN = "LIKE or GLOB pattern too complex"


class OverrunError(Signal):
    """Raised where a read takes longer than other requests should wait."""


class NotAsideError(Signal):
    """Raised where work needs the instance's own connection: it writes, or a copy is too large or fails."""


class Watch:
    """Ends what SQLite executes: when its time is up, or at a call of `stop`.

    Args:
        driver: the connection that executes.
        seconds: how long it may execute from now on.

    Attributes:
        is_brief: whether it has little time.
    """

    def __init__(self, driver: sqlite3.Connection, seconds: float = math.inf) -> None:
        self._driver = driver
        self._left, self._last = seconds, thread_time()
        self._stopped = False
        self.is_brief = False
        self._lengths = [(limit, driver.getlimit(limit)) for limit, _ in _BRIEF_LIMITS]
        if seconds < math.inf:
            driver.set_progress_handler(self._look, _SELDOM)

    def hurry(self) -> None:
        """Give what follows little time, and end it at a text that is too long for a short operation."""
        self.is_brief, self._left = True, _BRIEF
        self._driver.set_progress_handler(self._look, _OFTEN)
        for limit, most in _BRIEF_LIMITS:
            self._driver.setlimit(limit, most)

    def relax(self) -> None:
        """Give what follows any time."""
        self.is_brief = False
        self._driver.set_progress_handler(None, 0)
        for limit, most in self._lengths:
            self._driver.setlimit(limit, most)

    def begin(self) -> None:
        """Count the time from now on, when a statement is about to be executed."""
        self._last = thread_time()

    def stop(self) -> None:
        """End what is executed after its current operation; any thread may call it, repeatedly.

        A statement that is about to begin ends at its next look.
        """
        self._stopped = True
        with suppress(sqlite3.ProgrammingError):  # closed meanwhile
            self._driver.interrupt()

    def _look(self) -> bool:
        now = thread_time()
        self._left -= now - self._last
        self._last = now
        return self._stopped or self._left < 0


class Here(local):
    """The work of the current thread.

    Attributes:
        connection: its own connection, if it does not use the instance's.
        interruptible: its work, on a shared database.
    """

    connection: sa.Connection | None = None
    interruptible: "Interruptible | None" = None


class Interruptible:
    """Work on a shared database in a thread; until it begins to write, it can be stopped.

    Args:
        here: where the store finds it.
        failures: the driver's errors.

    Attributes:
        stopped: whether its client has gone.
        committed: whether a transaction that has written was committed.
    """

    def __init__(self, here: Here, failures: tuple[type[Exception], ...]) -> None:
        self._here = here
        self._failures = failures
        self._drivers: tuple[Any, ...] = ()
        self._reads = False
        # The connection must not be used again while its statement is being cancelled.
        self._free = Condition()
        self.stopped = False
        self.committed = False

    def run(self, work: Callable[[], T]) -> T:
        """Do the work."""
        self._here.interruptible, self._reads = self, True
        try:
            return work()
        finally:
            self._here.interruptible = None
            self.writes()

    def check(self) -> None:
        """Raise OverrunError if it was stopped."""
        if self.stopped:
            raise OverrunError

    def uses(self, *drivers: Any) -> None:  # noqa: ANN401 - no such package without PostgreSQL
        """Set the connections on which its statements may be cancelled."""
        with self._free:
            self._drivers = drivers

    def writes(self) -> None:
        """Finish what follows, even if its client goes."""
        with self._free:
            self._drivers, self._reads = (), False
            self._free.notify()

    def stop(self) -> None:
        """Prevent further transactions."""
        self.stopped = True

    def cancel(self) -> None:
        """Cancel its statements until the work ends; one that is about to begin cannot be cancelled."""
        with self._free:
            while self._reads:
                for driver in self._drivers:
                    with suppress(*self._failures):
                        driver.cancel_safe(timeout=CANCEL_SECONDS)
                self._free.wait(_CANCEL_AGAIN)


class Aside:
    """Work in another thread, on its own read-only connection.

    Args:
        engine: opens the connection.
        source: the instance's own connection to a database in memory, which is copied; None for a file.
        here: where the store finds the connection.

    Raises:
        NotAsideError: a copy would be too large.
    """

    def __init__(self, engine: sa.Engine, source: sqlite3.Connection | None, here: Here) -> None:
        # Here, in the thread of the source: in another one Python waits for a statement of this thread with its lock
        # held, and the statement waits for that lock to look at the clock.
        if source is not None and _size(source) > LARGEST_COPY:
            raise NotAsideError
        self._engine = engine
        self._source = source
        self._here = here
        self._stopped = False
        self._watch: Watch | None = None

    def run(self, work: Callable[[], T]) -> T:
        """Do the work; raises NotAsideError."""
        with closing(self._connected()) as connection:
            self._watch = Watch(_driver(connection), _LONG)
            if self._stopped:
                self._watch.stop()
            self._here.connection = connection
            try:
                return work()
            finally:
                self._here.connection = None

    def _connected(self) -> sa.Connection:
        """Return a connection of its own, to a copy of what is in memory.

        It is copied in steps, between which others may write: each commit makes SQLite begin anew. So the steps grow,
        at last to the whole database.
        """
        pages = _PAGES
        while True:
            with ExitStack() as unless_copied:
                connection = unless_copied.enter_context(closing(self._opened()))
                if self._source is None or _is_copied(self._source, _driver(connection), pages):
                    unless_copied.pop_all()
                    return connection
            pages *= 2  # into another file: half a copy is no database

    def _opened(self) -> sa.Connection:
        try:
            return self._engine.connect()
        except (sa.exc.DBAPIError, sqlite3.Error):  # such as too many open files
            raise NotAsideError from None

    def stop(self) -> None:
        """End the work soon."""
        self._stopped = True
        if self._watch is not None:
            self._watch.stop()


class _BegunAnewError(Signal):
    """Raised where SQLite has begun a copy anew."""


def _is_copied(source: sqlite3.Connection, driver: sqlite3.Connection, pages: int) -> bool:
    """Copy that many pages at a time; false if SQLite has begun anew. Raises NotAsideError, as for a full disk."""
    left = math.inf

    def look(status: int, remaining: int, _total: int) -> None:
        """Give others a chance to lock the database that is copied."""
        nonlocal left
        if status in _WAITING:
            return
        if remaining >= left:
            raise _BegunAnewError
        left = remaining
        sleep(_PAUSE)

    try:
        source.backup(driver, pages=pages, progress=look, sleep=_PAUSE)
    except _BegunAnewError:
        return False
    except sqlite3.Error:
        raise NotAsideError from None
    return True


def _driver(connection: sa.Connection) -> Any:  # noqa: ANN401 - that of the database
    return connection.connection.driver_connection


def is_interrupted(error: BaseException) -> bool:
    """Return whether a `Watch` ended a statement."""
    cause = getattr(error, "orig", error)
    return getattr(cause, "sqlite_errorname", "") in _OVERRUN or str(cause) == _LONG_PATTERN


def _size(source: sqlite3.Connection) -> int:
    [pages], [size] = source.execute("PRAGMA page_count").fetchone(), source.execute("PRAGMA page_size").fetchone()
    return int(pages * size)
