"""A transaction from its begin to its commit, and what follows from that."""

from types import TracebackType
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.values import utc_form
from mock_servicenow.now_platform.errors import DatabaseUnavailable, TransactionCancelled
from mock_servicenow.now_platform.records.session import Session, Work
from mock_servicenow.now_platform.storage.database import one_line
from mock_servicenow.now_platform.storage.long_reads import OverrunError, is_interrupted
from mock_servicenow.now_platform.users import User
from privman_core.findings import Finding

if TYPE_CHECKING:
    from mock_servicenow.now_platform.instance import Instance


class UnitOfWork:
    """Gives a user's session in a transaction: committed when the body ends, undone when it raises.

    Whatever the database cannot carry out becomes DatabaseUnavailable and one line in the log. A class and no
    generator, since every request goes through it.
    """

    def __init__(self, instance: "Instance", user: User, findings: list[Finding]) -> None:
        self._instance = instance
        self._user = user
        self._findings = findings

    def __enter__(self) -> Session:
        instance = self._instance
        try:
            transaction = instance.store.begin()
        except instance.store.failures as failure:
            raise unavailable(self._instance, failure) from None
        self._work = Work(transaction, self._findings, utc_form(instance.clock.now()))
        return Session(instance, self._work, self._user, secure=not self._user.unrestricted)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        work, failures = self._work, self._instance.store.failures
        try:
            work.transaction.end(keep=kind is None)
        except failures as failure:
            raise unavailable(self._instance, failure) from None
        finally:
            # What was worked out from rows that have now changed or vanished.
            for table in work.written:
                self._instance.cache.forget(table)
        if kind is None:
            for call in work.after_commit:
                call()
        elif isinstance(error, failures):
            raise self._outcome(error) from None

    def _outcome(self, failure: BaseException) -> Exception:
        """Return what a failure of the database amounts to."""
        if not is_interrupted(failure):
            return unavailable(self._instance, failure)
        return TransactionCancelled() if self._instance.store.is_aside else OverrunError()


def unavailable(instance: "Instance", failure: BaseException) -> DatabaseUnavailable:
    """Return the error of a database that cannot carry something out, and log it in one line now and then.

    What the end of the process has interrupted says nothing about the database.
    """
    reason = one_line(failure)
    if not instance.store.has_interrupted(failure):
        instance.database_log.write(f"database: {reason}")
    return DatabaseUnavailable(reason)
