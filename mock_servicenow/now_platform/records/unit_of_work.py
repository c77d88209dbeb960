"""Transactions from their begin to their commit, and what follows from that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Unpack

from mock_servicenow.now_platform.errors import NotAuthenticated, TablesChanged, TransactionCancelled
from mock_servicenow.now_platform.records.kernel import Fact, Kernel, Parts, Schema
from mock_servicenow.now_platform.records.rows import Work
from mock_servicenow.now_platform.records.rulebook import Rulebook
from mock_servicenow.now_platform.records.schema_changes import TABLE_RECORDS, apply_definitions, stored_schema
from mock_servicenow.now_platform.records.session import BusinessRule, RunRules, Session
from mock_servicenow.now_platform.storage.database import one_line
from mock_servicenow.now_platform.storage.long_reads import OverrunError, is_interrupted
from mock_servicenow.now_platform.storage.transaction import Transaction
from mock_servicenow.now_platform.users import SYSTEM, User
from privman_core.findings import Finding

CurrentUser = Callable[[Session, User], User | None]
_ENDED = "user '{}' was deleted, deactivated or locked out during the request: what was left of it was refused"


class UnitOfWork:
    """A user's session in a transaction that has begun: committed when the body ends, undone when it raises.

    A failure of the database becomes DatabaseUnavailable and one line in the log. This is a class and not a generator
    because every request goes through it.
    """

    def __init__(self, kernel: Kernel, run_rules: RunRules, user: User, findings: list[Finding] | None = None) -> None:
        self._kernel = kernel
        self._changed: Schema | None = None
        try:
            transaction = kernel.store.begin()
            if not kernel.store.embedded:
                _use_versions(kernel, transaction)
        except kernel.store.failures as failure:
            raise kernel.unavailable(failure) from None
        self._work = Work(kernel, transaction, [] if findings is None else findings)
        self._session = Session(kernel, run_rules, self._work, user, secure=not user.unrestricted)

    def __enter__(self) -> Session:
        return self._session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        kernel, work, failures = self._kernel, self._work, self._kernel.store.failures
        try:
            self._end(keep=kind is None)
        except failures as failure:
            raise kernel.unavailable(failure) from None
        finally:
            # Facts worked out from rows that have now changed or vanished.
            if work.written or work.described:
                kernel.cache.forget(work.written | work.described)
            if not kernel.store.embedded:
                kernel.cache.end()
        if kind is None:
            if self._changed is not None:
                kernel.adopt(self._changed)
            for call in work.after_commit:
                call()
        elif isinstance(error, failures):
            raise self._as_platform_error(error) from None

    def _end(self, *, keep: bool) -> None:
        work, store = self._work, self._kernel.store
        try:
            if keep and not work.written.isdisjoint(TABLE_RECORDS.tables):
                self._changed = apply_definitions(self._kernel, work) or work.defined
            if keep and not store.embedded and not Fact.SOURCES.isdisjoint(work.written | work.described):
                store.renew_facts(work.transaction)
        except BaseException:  # whatever it is, an open transaction would keep what was refused
            work.transaction.end(keep=False)
            raise
        work.transaction.end(keep=keep)

    def _as_platform_error(self, failure: BaseException) -> Exception:
        if self._kernel.store.has_timed_out(failure):
            return TransactionCancelled()
        if not is_interrupted(failure):
            changed = self._kernel.store.has_other_tables(failure, self._work.schema.version)
            return TablesChanged(one_line(failure)) if changed else self._kernel.unavailable(failure)
        return TransactionCancelled() if self._kernel.store.is_aside else OverrunError()


def _use_versions(kernel: Kernel, transaction: Transaction) -> None:
    """Use the facts and the tables of a shared database that it has now, unless some facts are in use."""
    if kernel.cache.is_in_use:
        return
    try:
        facts, tables = kernel.store.versions(transaction)
        schema = kernel.schema
        if tables != schema.version:
            schema = stored_schema(kernel, Work(kernel, transaction, []), tables)
            kernel.adopt(schema)
        kernel.cache.begin(facts, schema)
    except BaseException:
        transaction.end(keep=False)
        raise


class Platform(Kernel):
    """A kernel with its business rules: opens sessions.

    Args:
        rulebook: the business rules that accompany each write.
        current_user: returns a user with the roles that they have by now; None if they may not act any more.
        parts: those of `Kernel`.
    """

    def __init__(self, rulebook: Rulebook, current_user: CurrentUser, **parts: Unpack[Parts]) -> None:
        super().__init__(**parts)
        self.rulebook = rulebook
        self._current_user = current_user

    @property
    def system(self) -> User:
        """The user for whom the instance itself acts, without access control."""
        return SYSTEM

    def load_tables(self) -> None:
        """Take the tables from the records of a database that was made or replaced without this instance."""
        with self.transaction(self.system) as session:
            schema = stored_schema(self, session.work, self.schema.version)
        self.adopt(schema)

    def add_rule(self, rule: BusinessRule) -> None:
        """Apply a business rule from the next write on."""
        self.rulebook.add(rule)
        self.cache.clear()

    def transaction(self, user: User, findings: list[Finding] | None = None) -> UnitOfWork:
        """Begin a transaction and return it for a ``with`` statement: the body gets a session, and ends it."""
        return UnitOfWork(self, self.rulebook.run, user, findings)

    @contextmanager
    def next_transaction(
        self, user: User, findings: list[Finding] | None = None, ended: list[Finding] | None = None
    ) -> Iterator[Session]:
        """Open a session as `transaction` does, for work that has begun before, with the user's rights as of now.

        Args:
            user: the user for whom the work began.
            findings: collects what is swallowed.
            ended: collects the finding that the user may not act any more; by default ``findings`` does.

        Raises:
            NotAuthenticated: the user has been deleted, deactivated or locked out meanwhile.
        """
        with self.transaction(user, findings) as session:
            current = self._current_user(session.of_system, user)
            if current is None:
                found = Finding("swallowed", "user-ended", _ENDED.format(user.user_name))
                collected = session.findings if ended is None else ended
                if found not in collected:
                    collected.append(found)
                raise NotAuthenticated(self.release.not_authenticated)
            yield session.acting_for(current)
