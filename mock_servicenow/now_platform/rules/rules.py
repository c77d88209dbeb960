"""Business rules: what runs before and after a record is written."""

from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from hashlib import md5
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NoReturn

from mock_servicenow.now_platform.query import Change
from mock_servicenow.now_platform.records import queries
from privman_core.findings import Finding

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

When = Literal["before", "after"]
Operation = Literal["insert", "update", "delete"]
EVERY_TABLE = "global"
LONGEST = 16_000
"""Characters of a condition, and of what else of a stored rule is read with each write: five times what the columns are
documented to hold (I)."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


class RuleAbort(Exception):  # noqa: N818 - a signal to the rule's runner, not an error
    """Raised in a rule to abort the write it accompanies."""


class RuleAnswer(Exception):  # noqa: N818 - a signal to the writer, not an error
    """Raised in a before rule of an insert to let a record that exists stand for the new one."""

    def __init__(self, record: "Record", status: int) -> None:
        super().__init__(record)
        self.record = record
        self.status = status


@dataclass(frozen=True, slots=True)
class BusinessRule:
    """Code that accompanies the writes of a table and of the tables that extend it.

    Attributes:
        table: ``global`` for every table.
        when: ``before`` may change or abort the write, ``after`` sees what was written, in the same transaction.
        order: rules run in ascending order.
        condition: an encoded query that the record as it would be must meet.
    """

    name: str
    table: str
    when: When
    operations: frozenset[Operation]
    run: "Callable[[RuleContext], None]"
    order: float = 100
    condition: str = ""
    sys_id: str = ""

    @property
    def id(self) -> str:
        """Return the sys_id that error texts name; the same in every run."""
        return self.sys_id or md5(self.name.encode(), usedforsecurity=False).hexdigest()


class RuleContext:
    """What a rule sees of the write it accompanies.

    Attributes:
        session: acts for the same user in the same transaction, without access control.
        table: the class of the record.
        current: the record as it would be; a before rule may change it.
        previous: the record as it was; None on insert.
        supplied: the columns that the writer named, whether or not their values differ.
        rewritten: the columns that stored rules have changed, each with its value before the first of them.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a rule may ask for
        self,
        session: "Session",
        operation: Operation,
        table: str,
        current: MutableMapping[str, str],
        previous: "Record | None",
        supplied: Collection[str],
    ) -> None:
        self.session = session
        self.operation = operation
        self.table = table
        self.current = current
        self.previous = previous
        self.supplied = supplied
        self.rewritten: Mapping[str, str] = _NOTHING

    def changed(self, column: str) -> bool:
        """Return whether the write gives the column another value; on insert, whether it gives it one."""
        before = "" if self.previous is None else self.previous[column]
        return self.current.get(column, "") != before

    def meets(self, condition: str) -> bool:
        """Return whether the record as it would be meets an encoded query; every record meets an empty one.

        None meets one that cannot be evaluated, which becomes a finding.
        """
        if not condition:
            return True
        if len(condition) > LONGEST:
            self.report("condition-not-evaluated", f"a condition on {self.table}: {too_long(condition)}: not met")
            return False
        previous = {} if self.previous is None else self.previous.values
        met = queries.would_match(self.session, condition, Change(self.table, self.current, previous))
        if met is None:
            self.report(
                "condition-not-evaluated", f"condition '{condition}' on {self.table} cannot be evaluated: not met"
            )
        return bool(met)

    def rewrite(self, values: Mapping[str, str]) -> None:
        """Give columns the values that a stored rule sets."""
        before = {name: self.current[name] for name, value in values.items() if self.current[name] != value}
        self.rewritten = {**before, **self.rewritten}
        self.current.update(values)

    def report(self, rule: str, message: str, where: str = "") -> None:
        """Record what the instance swallows of this write."""
        self.session.findings.append(Finding("swallowed", rule, message, where))

    def abort(self, reason: str) -> NoReturn:
        """Refuse the write; the reason becomes a finding and never reaches the client (platform 1.9)."""
        raise RuleAbort(reason)

    def answer_with(self, record: "Record", status: int) -> NoReturn:
        """Insert nothing and answer with a record that exists, as a coalescing import does, and with that status."""
        raise RuleAnswer(record, status)


def too_long(condition: str) -> str:
    """Return why a condition is not evaluated that is longer than `LONGEST`."""
    return f"it has {len(condition):,} characters, of which at most {LONGEST:,} are read with each write"
