"""One transaction of an instance."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.errors import Signal
from mock_servicenow.now_platform.storage.database import Given, Prepared, Row
from mock_servicenow.now_platform.storage.long_reads import Interruptible, NotAsideError, Watch

_WRITING = 0x6D6F636C  # any number that all processes agree on, and that nothing else locks
_NAMES = re.compile(r"[\w.]+")
_FEW_AT_A_TIME = {"stream_results": True, "max_row_buffer": 10}


class DuplicateError(Signal):
    """A unique index refuses a value.

    Attributes:
        names: the words of the driver's message, among them the index's name or ``table.column``.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.names = _NAMES.findall(text)


class Transaction:
    """One transaction; it locks an embedded database only before it writes.

    Args:
        connection: SQLAlchemy's.
        driver: the driver's own connection below it.
        failures: the driver's errors.
        busy: the driver's connections that are in use; None where the database is embedded.
        watch: ends reads that take long on an embedded database; None on a connection that only reads.
        interruptible: its work on a shared database.
    """

    def __init__(  # noqa: PLR0913 - what a transaction is made of
        self,
        connection: sa.Connection,
        driver: Any,  # noqa: ANN401 - two drivers
        failures: tuple[type[Exception], ...],
        busy: set[Any] | None = None,
        *,
        watch: Watch | None = None,
        interruptible: Interruptible | None = None,
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._failures = failures
        self._embedded = busy is None
        self._busy = busy
        self._watch = watch
        self._interruptible = interruptible
        self._locked = False
        self._begun = not self._embedded

    def lock(self) -> None:
        """Begin to write: on an embedded database no other transaction writes until this one ends.

        On a shared one only `lock_alone` excludes others. Raises NotAsideError on a connection that only reads.
        """
        if self._embedded and not self._locked:
            if self._watch is None:
                raise NotAsideError
            if self._watch.is_brief:
                self._watch.relax()  # work that writes is not repeated
            self._driver.execute("BEGIN IMMEDIATE")
            self._begun = True
        if not self._embedded and not self._locked:
            self._driver.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_WRITING,))
        if self._interruptible is not None:
            self._interruptible.writes()
        self._locked = True

    def lock_alone(self) -> None:
        """Begin to write once all who write have ended; others begin after this transaction.

        What writes all tables would otherwise wait for somebody who waits for it.
        """
        if not self._embedded:
            self._driver.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITING,))
        self.lock()

    def reserve(self, name: str) -> None:
        """Begin to write something unique: other transactions that reserve the same name wait for this one to end.

        It replaces a unique index where duplicates may exist already, or belong to a user.
        """
        self.lock()
        if not self._embedded:
            self._driver.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))

    def execute(self, statement: sa.Executable, values: Mapping[str, object] | None = None) -> sa.CursorResult[Any]:
        """Execute a statement with the values of its parameters."""
        self._begin()
        return self._connection.execute(statement, values)

    def stream(self, statement: sa.Executable, values: Mapping[str, object] | None = None) -> sa.CursorResult[Any]:
        """Execute a statement whose rows may be long: only a few are in memory at a time."""
        self._begin()
        options = None if self._embedded else _FEW_AT_A_TIME
        return self._connection.execute(statement, values, execution_options=options)

    def run(self, prepared: Prepared, values: Given) -> Sequence[Row]:
        """Execute a statement that was compiled before; raises DuplicateError."""
        if self._watch is not None and self._watch.is_brief:
            self._watch.begin()
        try:
            if isinstance(values, dict) and prepared.names is not None:
                values = tuple(map(values.__getitem__, prepared.names))
            cursor = self._driver.execute(prepared.text, values)
            return cursor.fetchall() if cursor.description else ()
        except self._connection.dialect.loaded_dbapi.IntegrityError as error:
            raise DuplicateError(str(error)) from None

    def end(self, *, keep: bool) -> None:
        """Commit or undo everything, including what bypassed SQLAlchemy; a failed commit undoes it too."""
        if not self._begun:  # prepared statements of an embedded database begin nothing by themselves
            return
        if self._interruptible is not None:
            self._interruptible.uses()
        committed = False
        try:
            if keep:
                self._commit()
                committed = True
                if self._interruptible is not None and self._locked:
                    self._interruptible.committed = True
        finally:
            if self._busy is not None:
                self._busy.discard(self._driver)
                self._give_back()
            elif not committed:
                self._undo()

    def _begin(self) -> None:
        """Prepare for a statement of SQLAlchemy's, with which its connection begins a transaction."""
        self._begun = True
        if self._watch is not None and self._watch.is_brief:
            self._watch.begin()

    def _commit(self) -> None:
        self._driver.commit()
        if self._connection.in_transaction():
            self._connection.commit()

    def _undo(self) -> None:
        self._driver.rollback()
        if self._connection.in_transaction():
            self._connection.rollback()

    def _give_back(self) -> None:
        """Give a connection to a shared database back to its pool, or drop it if it is broken."""
        try:
            self._undo()
        except self._failures:
            self._connection.invalidate()
        finally:
            self._connection.close()
