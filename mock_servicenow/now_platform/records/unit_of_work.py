"""A transaction from its begin to its commit, and what follows from that."""

from types import TracebackType
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.values import utc_form
from mock_servicenow.now_platform.identity.users import User
from mock_servicenow.now_platform.records.session import Session, Work
from privman_testbench.findings import Finding

if TYPE_CHECKING:
    from mock_servicenow.now_platform.instance import Instance


class UnitOfWork:
    """Gives a user's session in a transaction: committed when the body ends, undone when it raises.

    A class and no generator, since every request goes through it.
    """

    def __init__(self, instance: "Instance", user: User, findings: list[Finding]) -> None:
        self._instance = instance
        self._user = user
        self._findings = findings

    def __enter__(self) -> Session:
        instance = self._instance
        self._work = Work(instance.store.begin(), self._findings, utc_form(instance.clock.now()))
        return Session(instance, self._work, self._user, secure=not self._user.unrestricted)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        work = self._work
        try:
            work.transaction.end(keep=kind is None)
        finally:
            # What was worked out from rows that have now changed or vanished.
            for table in work.written:
                self._instance.cache.forget(table)
        if kind is None:
            for call in work.after_commit:
                call()
