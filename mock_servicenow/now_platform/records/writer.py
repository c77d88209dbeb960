"""The life cycle of a write: intake, defaults, rules before, the row, journal entries, rules after (platform 1.8)."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.records import journal_fields, numbering
from mock_servicenow.now_platform.records.defaults import default_values
from mock_servicenow.now_platform.records.intake import Intake
from mock_servicenow.now_platform.records.record import Record
from mock_servicenow.now_platform.records.rows import Rows
from mock_servicenow.now_platform.rules import data_policies
from mock_servicenow.now_platform.rules.rules import RuleAnswer, RuleContext

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session

Values = dict[str, str]
_MOST_COUNTED = 2**63 - 2  # a client may write any count that the database holds


class Writer:
    """Writes records for one session; access has been decided before."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._rules = session.instance.rules
        self._rows = Rows(session)

    def insert(self, table: str, values: Mapping[str, str], *, system_columns: bool) -> Record:
        """Insert and return the record as stored."""
        session = self._session
        session.work.transaction.lock()
        taken = Intake(session, table, system_columns=system_columns).take(values, with_sys_id=True)
        current = default_values(session, table)
        current.update(self._stamps(table))
        current.update(taken)
        current["sys_id"] = current["sys_id"] or session.ids.sys_id()
        numbering.assign(session, table, current)
        context = RuleContext(session.elevated, "insert", table, current, None, values.keys())
        try:
            self._rules.run("before", context)
        except RuleAnswer as answer:
            session.work.insert_status = answer.status
            return answer.record
        data_policies.enforce(context)
        entries = journal_fields.pop_entries(session, table, current)
        self._rows.insert(table, current)
        return self._written(context, entries)

    def store_rows(self, table: str, rows: Iterable[Mapping[str, str]]) -> None:
        """Insert rows that are known to be sound, all at once."""
        self._session.work.transaction.lock()
        empty = default_values(self._session, table) | self._stamps(table)
        self._rows.insert_all(table, [{**empty, **row} for row in rows])

    def replace_row(self, table: str, row: Mapping[str, str]) -> None:
        """Insert a row that is known to be sound, or give the one of its sys_id these values."""
        self._session.work.transaction.lock()
        known = self._session.reader.get(table, row["sys_id"])
        if known is None:
            self.store_rows(table, [row])
        elif changes := {name: text for name, text in row.items() if text != known[name]}:
            self._rows.update(table, row["sys_id"], changes)

    def update(self, previous: Record, values: Mapping[str, str], *, system_columns: bool) -> Record:
        """Write what differs and return the record as stored; nothing happens if nothing differs."""
        session, table = self._session, previous.table
        taken = Intake(session, table, system_columns=system_columns).take(values, with_sys_id=False)
        current = {**previous.values, **taken}
        context = RuleContext(session.elevated, "update", table, current, previous, values.keys())
        self._rules.run("before", context)
        data_policies.enforce(context)
        entries = journal_fields.pop_entries(session, table, current)
        # That a value is what it was would tell who may not read it.
        unread = session.sight.hidden(table) & taken.keys()
        changes = {name: text for name, text in current.items() if text != previous.values[name] or name in unread}
        if not changes and not entries:
            return previous
        stamps = self._update_stamps(previous)
        changes |= {name: text for name, text in stamps.items() if not (system_columns and name in taken)}
        current.update(changes)
        self._rows.update(table, previous.sys_id, changes)
        return self._written(context, entries)

    def delete(self, previous: Record) -> None:
        """Delete the record with the entries of its journal columns."""
        session, table = self._session, previous.table
        context = RuleContext(session.elevated, "delete", table, dict(previous.values), previous, ())
        self._rules.run("before", context)
        self._rows.delete(table, previous.sys_id)
        journal_fields.delete_entries(session, table, previous.sys_id)
        self._rules.run("after", context)

    def _written(self, context: RuleContext, entries: Values) -> Record:
        """Finish a write whose row is stored; rules after it see what was appended to journal columns."""
        stored = dict(context.current)
        journal_fields.append_entries(self._session.elevated, context.table, stored["sys_id"], entries)
        context.current.update(entries)
        self._rules.run("after", context)
        return Record(self._session, context.table, stored)

    def _stamps(self, table: str) -> Values:
        session = self._session
        stamps = {
            "sys_created_on": session.now,
            "sys_created_by": session.user.user_name,
            "sys_updated_on": session.now,
            "sys_updated_by": session.user.user_name,
            "sys_mod_count": "0",
        }
        return stamps | {"sys_class_name": table} if session.dictionary.has_classes(table) else stamps

    def _update_stamps(self, previous: Record) -> Values:
        return {
            "sys_updated_on": self._session.now,
            "sys_updated_by": self._session.user.user_name,
            "sys_mod_count": str(min(int(previous["sys_mod_count"] or 0), _MOST_COUNTED) + 1),
        }
