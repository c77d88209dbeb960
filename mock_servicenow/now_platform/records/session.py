"""Records read and written by one user in one transaction, and the writes as business rules see them.

Sessions and rules refer to each other: a write runs rules, and a rule writes by the session of its write.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from functools import cached_property
from hashlib import md5
from types import MappingProxyType
from typing import Literal, NoReturn

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.errors import AccessDenied, Signal, ViewIsReadOnly
from mock_servicenow.now_platform.query import RecordChange
from mock_servicenow.now_platform.query.sight import NAMING, OWNED
from mock_servicenow.now_platform.records.display import ENTRIES, Displays, delete_entries
from mock_servicenow.now_platform.records.intake import Intake, assign_number, new_values, pop_entries, update_stamps
from mock_servicenow.now_platform.records.kernel import Kernel
from mock_servicenow.now_platform.records.rows import Record, Values, Work
from mock_servicenow.now_platform.records.view import View
from mock_servicenow.now_platform.users import SYSTEM, User
from privman_core.findings import Finding

When = Literal["before", "after"]
Operation = Literal["insert", "update", "delete"]
LONGEST_CONDITION = 16_000
"""Characters of a condition, and of everything else in a stored rule that each write reads: five times the documented
length of the columns (I)."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Session(View):
    """A view with the verbs that write. Synchronous.

    Args:
        kernel: the parts that all sessions share.
        run_rules: runs the business rules that accompany each write.
        work: the transaction.
        user: the acting user.
        secure: whether access control limits the user.
    """

    def __init__(self, kernel: Kernel, run_rules: "RunRules", work: Work, user: User, *, secure: bool) -> None:
        self.kernel = kernel
        self.run_rules = run_rules
        self.work = work
        self.user = user
        self.secure = secure
        self.findings = work.findings
        self.schema = work.schema
        self.dictionary = work.schema.dictionary
        self.ids = kernel.ids

    @cached_property
    def displays(self) -> Displays:
        """What the user reads in place of stored values."""
        return Displays(self)

    @cached_property
    def elevated(self) -> "Session":
        """The same user and transaction without access control, as server-side code acts."""
        return Session(self.kernel, self.run_rules, self.work, self.user, secure=False) if self.secure else self

    @property
    def of_system(self) -> "Session":
        """The same transaction for the instance itself, without access control."""
        return self.acting_for(SYSTEM)

    def acting_for(self, user: User) -> "Session":
        """Return the same transaction for another user."""
        return Session(self.kernel, self.run_rules, self.work, user, secure=not user.unrestricted)

    def display(self, record: Record, column: str) -> str:
        """Return what people read in a column of a record."""
        return self.displays.text(record, column)

    def on_commit(self, call: Callable[[], None]) -> None:
        """Call this once the commit has succeeded, and never if it fails."""
        self.work.after_commit.append(call)

    def insert(self, table: str, values: Mapping[str, str], *, system_columns: bool = False) -> Record:
        """Create a record and return it as it is after the business rules.

        Args:
            table: its class.
            values: raw values by column; unknown columns are ignored.
            system_columns: whether sys_created_on and the like are taken from the values.

        Raises:
            InvalidTable: there is no such table.
            OperationFailed: access control, a business rule or the database refuses it.
        """
        _ = self.schema.plans[table]  # raises InvalidTable
        if not self.secure:
            return self._insert(table, values, system_columns=system_columns)
        conditions = self.sight.conditions(table, "create")
        if conditions == ():
            if self.dictionary.is_view(table):
                raise ViewIsReadOnly(table)
            raise AccessDenied("Insert").because(self.denial("create", table))
        if table in OWNED:
            self.check_owner(table, values, "Insert")
        record = self._insert(table, values, system_columns=system_columns)
        if conditions or table in NAMING:
            self.check_created(record)
        return self._readable(record)

    def update(self, table: str, sys_id: str, values: Mapping[str, str], *, system_columns: bool = False) -> Record:
        """Change a record and return it as it is after the business rules; others' changes are never lost.

        Nothing happens if no value differs. Who may write a record because it is theirs cannot give it away.

        Raises:
            InvalidTable: there is no such table.
            RecordNotFound: there is no such record in the table, or the user may not see it.
            OperationFailed: access control, a business rule or the database refuses it.
        """
        previous = self._locked(table, sys_id)
        if self.secure:
            self._check_allowed("write", previous, "Update")
            differing = {name for name, text in values.items() if previous.values.get(name, text) != text}
            if differing:
                self.check_owner(previous.table, previous.values, "Update")
                self.check_owner(previous.table, {**previous.values, **values}, "Update")
        changed = self._update(previous, values, system_columns=system_columns)
        if self.secure and previous.table in NAMING:
            self._check_allowed("write", changed, "Update")
        return self._readable(changed)

    def delete(self, table: str, sys_id: str) -> None:
        """Delete a record with the entries of its journal columns.

        Raises:
            InvalidTable: there is no such table.
            RecordNotFound: there is no such record in the table, or the user may not see it.
            OperationFailed: access control or a business rule refuses it.
        """
        previous = self._locked(table, sys_id)
        if self.secure:
            self._check_allowed("delete", previous, "Delete")
            self.check_owner(previous.table, previous.values, "Delete")
        context = RuleContext(self, "delete", previous.table, dict(previous.values), previous, ())
        self.run_rules("before", context)
        self.work.delete(previous.table, sys_id)
        if sys_id == self.user.sys_id:
            self._report_own_deletion()
        self._delete_entries(previous)
        self.run_rules("after", context)

    def store_rows(self, table: str, rows: Iterable[Mapping[str, str]]) -> None:
        """Store rows of one class with defaults, but without access control, conversion and business rules."""
        self.work.transaction.lock()
        empty = new_values(self, table)
        self.work.insert(table, ({**empty, **row} for row in rows))

    def replace_row(self, table: str, row: Mapping[str, str]) -> None:
        """Store a row as `store_rows` does, or give the row with its sys_id these values; raises UniqueKeyViolation."""
        self.work.transaction.lock()
        known = self.work.get(table, row["sys_id"])
        if known is None:
            self.store_rows(table, [row])
        elif changes := {name: text for name, text in row.items() if text != known[name]}:
            self.work.update(table, row["sys_id"], changes)

    def change_row(self, table: str, sys_id: str, changes: Values) -> None:
        """Change columns of a row without access control, conversion and business rules; raises UniqueKeyViolation."""
        self.work.transaction.lock()
        self.work.update(table, sys_id, changes)

    def remove_row(self, table: str, sys_id: str) -> None:
        """Delete a row with the entries of its journal columns, without access control and business rules."""
        self.work.transaction.lock()
        self.work.delete(table, sys_id)
        if sys_id == self.user.sys_id:
            self._report_own_deletion()
        self._delete_entries(Record(table, {"sys_id": sys_id}))

    def _report_own_deletion(self) -> None:
        what = f"sys_user {self.user.user_name!r} has deleted itself, and is let in no more"
        self.findings.append(Finding("swallowed", "own-user-deleted", what))

    def _insert(self, table: str, values: Mapping[str, str], *, system_columns: bool) -> Record:
        self.work.transaction.lock()
        current = new_values(self, table)
        current.update(Intake(self, table, system_columns=system_columns).take(values, with_sys_id=True))
        current["sys_id"] = current["sys_id"] or self.ids.sys_id()
        assign_number(self, table, current)
        if self.secure and (subject := self.kernel.subjects.get(table)):
            self.note_subject(subject, current)
        context = RuleContext(self, "insert", table, current, None, values.keys())
        try:
            self.run_rules("before", context)
        except RuleAnswer as answer:
            self.work.insert_status, self.work.answered = answer.status, True
            return answer.record
        entries = pop_entries(self, table, current)
        self.work.insert(table, [current])
        return self._finish(context, entries)

    def _update(self, previous: Record, values: Mapping[str, str], *, system_columns: bool) -> Record:
        table = previous.table
        taken = Intake(self, table, system_columns=system_columns).take(values, with_sys_id=False)
        current = {**previous.values, **taken}
        context = RuleContext(self, "update", table, current, previous, values.keys())
        self.run_rules("before", context)
        if self.sight.owning(table):
            self._check_stays_own(previous, current)
        entries = pop_entries(self, table, current)
        # An unreadable value always counts as changed: otherwise the answer would reveal that it was the same.
        unread = self.sight.hidden(table) & taken.keys()
        changes = {name: text for name, text in current.items() if text != previous.values[name] or name in unread}
        if not changes and not entries:
            return previous
        stamps = update_stamps(self, previous)
        changes |= {name: text for name, text in stamps.items() if not (system_columns and name in taken)}
        current.update(changes)
        self.work.update(table, previous.sys_id, changes)
        return self._finish(context, entries)

    def _finish(self, context: "RuleContext", entries: Values) -> Record:
        """Append the entries of journal columns, which rules after the write see, and run those."""
        stored = dict(context.current)
        for name, text in entries.items():
            entry = {"element": name, "element_id": stored["sys_id"], "name": context.table, "value": text}
            self.elevated.insert(ENTRIES, entry)
        context.current.update(entries)
        self.run_rules("after", context)
        return Record(context.table, stored)

    def _delete_entries(self, deleted: Record) -> None:
        if self.dictionary.columns_of(deleted.table, Family.JOURNAL):
            delete_entries(self, deleted)

    def _locked(self, table: str, sys_id: str) -> Record:
        """Return the record with all columns of its class; nobody else writes it until this transaction ends."""
        self.check_table(table)
        self.work.transaction.lock()
        values = self.work.get(table, sys_id, lock=True)
        if values is not None and self.secure and (subject := self.kernel.subjects.get(table)):
            self.note_subject(subject, values)
        if values is None or not self._visible(table, [values]):
            raise self.not_found(table, sys_id)
        name = values.get("sys_class_name") or table
        whole = values if name == table else self.work.get(name, sys_id)
        return Record(name, whole or values)

    def _check_allowed(self, operation: str, record: Record, named: str) -> None:
        if not self.allowed(operation, [record]):
            raise AccessDenied(named).because(self.denial(operation, record.table))

    def _check_stays_own(self, previous: Record, current: Values) -> None:
        """Raise AccessDenied if the user may write a record because they own it, and would no longer own it."""
        owning, table = self.sight.owning(previous.table), previous.table
        others = [each for each in self.sight.conditions(table, "write") or () if each not in owning]
        lets_write = any(self.would_match(each, RecordChange(table, previous.values)) for each in others)
        stays = any(self.would_match(each, RecordChange(table, current)) for each in owning)
        if not (lets_write or stays):
            raise AccessDenied("Update").because(f"{self.user.user_name!r} would no longer own the record")

    def _readable(self, written: Record) -> Record:
        return self.record(written.table, written.values) if self.sight.hidden(written.table) else written


class RuleAbort(Signal):
    """Raised in a rule to abort the write it accompanies.

    Attributes:
        message: what the client reads; empty for the platform's own text.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(reason)
        self.message = message


class RuleAnswer(Signal):
    """Raised in a before rule of an insert to answer with an existing record instead of a new one."""

    def __init__(self, record: Record, status: int) -> None:
        super().__init__(record)
        self.record = record
        self.status = status


class RuleContext:
    """The write that a rule accompanies.

    Attributes:
        kernel: the parts that all sessions share.
        work: the transaction.
        table: the class of the record.
        current: the record as it would be; a before rule may change it.
        previous: the record as it was; None on insert.
        supplied: the columns in the request, whether or not their values differ.
        rewritten: the columns that stored rules have changed, each with its value before the first of them.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - everything that a rule may ask for
        self,
        writer: Session,
        operation: Operation,
        table: str,
        current: MutableMapping[str, str],
        previous: Record | None,
        supplied: Collection[str],
    ) -> None:
        self.kernel = writer.kernel
        self.work = writer.work
        self._writer = writer
        self.operation = operation
        self.table = table
        self.current = current
        self.previous = previous
        self.supplied = supplied
        self.rewritten: Mapping[str, str] = _NOTHING

    @property
    def session(self) -> Session:
        """Acts for the same user in the same transaction, without access control."""
        return self._writer.elevated

    def changed(self, column: str) -> bool:
        """Return whether the write gives the column another value; on insert, whether it gives it any."""
        before = "" if self.previous is None else self.previous[column]
        return self.current.get(column, "") != before

    def meets(self, condition: str) -> bool:
        """Return whether the record as it would be meets an encoded query; every record meets an empty one.

        A condition that cannot be evaluated is never met and becomes a finding.
        """
        if not condition:
            return True
        if len(condition) > LONGEST_CONDITION:
            self.report("condition-not-evaluated", f"a condition on {self.table}: {too_long(condition)}: not met")
            return False
        previous = {} if self.previous is None else self.previous.values
        met = self.session.would_match(condition, RecordChange(self.table, self.current, previous))
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
        """Record something that the instance swallows of this write."""
        self.work.findings.append(Finding("swallowed", rule, message, where))

    def abort(self, reason: str, message: str = "") -> NoReturn:
        """Refuse the write; the reason becomes a finding, and the client reads the message.

        Without a message it reads the platform's own text.
        """
        raise RuleAbort(reason, message)

    def answer_with(self, record: Record, status: int) -> NoReturn:
        """Insert nothing and answer with an existing record and this status, as a coalescing import does."""
        raise RuleAnswer(record, status)


def too_long(condition: str) -> str:
    """Return why a condition longer than `LONGEST_CONDITION` is not evaluated."""
    return f"it has {len(condition):,} characters, of which at most {LONGEST_CONDITION:,} are read with each write"


class BusinessRule(Struct, frozen=True):
    """Code that accompanies the writes of a table and of the tables that extend it.

    Attributes:
        table: ``global`` for every table.
        when: ``before`` may change or abort the write, ``after`` sees what was written, in the same transaction.
        order: rules run in ascending order.
        condition: an encoded query that the record as it would be must meet.
        given: a column that must have a value; empty for none. It costs no call where it has none.
    """

    name: str
    table: str
    when: When
    operations: frozenset[Operation]
    run: Callable[[RuleContext], None]
    order: float = 100
    condition: str = ""
    sys_id: str = ""
    given: str = ""

    @property
    def id(self) -> str:
        """The sys_id that error texts name; the same in every run."""
        return self.sys_id or md5(self.name.encode(), usedforsecurity=False).hexdigest()


RunRules = Callable[[When, RuleContext], None]
