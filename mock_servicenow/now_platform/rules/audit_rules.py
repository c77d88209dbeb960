"""The rules that keep what changed in records of audited tables, and which were deleted (platform 8)."""

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext

AUDIT, DELETIONS = "sys_audit", "sys_audit_delete"
MOST_CHANGES = 1_000
"""Updates of a record that are kept, the newest ones (I)."""
_CLEARED_EVERY = 100
_LONGEST = 4_000
"""Characters of a value that are kept (I)."""
_UPDATES: frozenset[Operation] = frozenset({"update"})
_DELETES: frozenset[Operation] = frozenset({"delete"})
_LAST = 1_000_000
_DELETED = {"fieldname": "DELETED", "oldvalue": "DELETED", "newvalue": "DELETED", "record_checkpoint": "-1"}


def audit_rules(dictionary: Dictionary, table: str) -> tuple[BusinessRule, ...]:
    """Return the rules that audit the records of a table, if it is audited itself: parents do not count."""
    defined = dictionary.table(table)
    if defined is None or not defined.audited:
        return ()
    return (
        BusinessRule("audit", table, "after", _UPDATES, _Audit(dictionary, table), order=_LAST),
        BusinessRule("audit_delete", table, "after", _DELETES, _keep_deletion, order=_LAST),
    )


class _Audit:
    """Stores a row for each column that a write has changed; passwords and columns of the system leave none."""

    def __init__(self, dictionary: Dictionary, table: str) -> None:
        secret = {*dictionary.columns_of(table, Family.PASSWORD)}
        self._columns = [
            name for name in dictionary.columns(table) if not name.startswith("sys_") and name not in secret
        ]

    def __call__(self, context: RuleContext) -> None:
        before, after = {} if context.previous is None else context.previous.values, context.current
        changed = sorted(name for name in self._columns if after[name] != before[name])
        count = int(after["sys_mod_count"] or 0)
        context.session.store_rows(AUDIT, [_row(context, name, before[name], count) for name in changed])
        if count % _CLEARED_EVERY == 0:
            _clear(context, count - MOST_CHANGES)


def _keep_deletion(context: RuleContext) -> None:
    """Store that a record is gone, and what people called it."""
    session, record = context.session, Record(context.table, dict(context.current))
    about = {"tablename": context.table, "documentkey": record.sys_id}
    audited = {**about, **_DELETED, "sys_id": session.ids.sys_id(), "user": session.user.user_name}
    session.store_rows(AUDIT, [audited])
    shown = session.display(record, session.dictionary.display_column(context.table))
    session.store_rows(DELETIONS, [{**about, "sys_id": session.ids.sys_id(), "display_value": shown[:_LONGEST]}])


def _row(context: RuleContext, name: str, before: str, count: int) -> dict[str, str]:
    return {
        "sys_id": context.session.ids.sys_id(),
        "tablename": context.table,
        "fieldname": name,
        "documentkey": context.current["sys_id"],
        "oldvalue": before[:_LONGEST],
        "newvalue": context.current[name][:_LONGEST],
        "user": context.session.user.user_name,
        "record_checkpoint": str(count),
    }


def _clear(context: RuleContext, before: int) -> None:
    """Delete the rows of older updates."""
    rows = context.session.dictionary.sql_table(AUDIT)
    of_record = rows.c.documentkey == context.current["sys_id"], rows.c.tablename == context.table
    context.work.transaction.execute(sa.delete(rows).where(*of_record, rows.c.record_checkpoint <= before))
