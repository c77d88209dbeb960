"""The rules that keep the changes of records in audited tables, and deleted records."""

from collections.abc import Collection

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query import Sight
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from mock_servicenow.now_platform.records.xml_text import HEAD, character_data, element
from mock_servicenow.now_platform.users import ADMIN_ROLE, User

AUDIT, DELETIONS = "sys_audit", "sys_audit_delete"
MOST_CHANGES = 1_000
"""The newest updates of a record are kept, this many (I)."""
_CLEARED_EVERY = 100
_LONGEST = 4_000
"""Characters of a value that are kept (I)."""
LONGEST_PAYLOAD = 1_000_000
"""Characters of a deleted record in XML; a longer one is not kept (I)."""
_SYSTEM_TABLES = Property("glide.ui.audit_deleted_tables")
_IGNORED_TABLES = Property(
    "glide.db.audit.ignore.delete",
    "sys_mutex,sys_db_cache,sys_lucene_block,sys_lucene_file,sys_lucene_directory,sys_user_preference,sys_audit,sc_cart,"
    "sc_cart_item,sys_trigger,wf_context,wf_activity,wf_condition,wf_executing,wf_history,wf_log,wf_transition,"
    "wf_transition_history,cmdb_ci_windows_service,cmdb_sam_sw_install,cmdb_software_instance,cmdb_sam_sw_usage,"
    "sam_sw_counter_detail",
)
"""With the documented default."""
_CLEANED_TABLES = frozenset({"oauth_credential"})
"""Tables of which the instance itself deletes what has expired; a table cleaner leaves no trace either (KB0634666)."""
_READER = User("", "", roles=frozenset({ADMIN_ROLE}))
"""With whose rights a deleted record is read: those of an administrator."""
_UPDATES: frozenset[Operation] = frozenset({"update"})
_DELETES: frozenset[Operation] = frozenset({"delete"})
_LAST = 1_000_000
_DELETED = {"fieldname": "DELETED", "oldvalue": "DELETED", "newvalue": "DELETED", "record_checkpoint": "-1"}


def audit_rules(dictionary: Dictionary, table: str) -> tuple[BusinessRule, ...]:
    """Return the rules that keep deletions in a table, and changes if it is audited itself: parents do not count."""
    deletions = BusinessRule("audit_delete", table, "after", _DELETES, _keep_deletion, order=_LAST)
    defined = dictionary.table(table)
    if defined is None or not defined.audited:
        return (deletions,)
    return BusinessRule("audit", table, "after", _UPDATES, _keep_changes, order=_LAST), deletions


def _keep_changes(context: RuleContext) -> None:
    """Store a row for each column that a write has changed, but for those of the system."""
    before, after = {} if context.previous is None else context.previous.values, context.current
    changed = {name for name in before if after[name] != before[name] and not name.startswith("sys_")}
    kept = sorted(changed & _readable(context.session, context.table)) if changed else ()
    count = int(after["sys_mod_count"] or 0)
    context.session.store_rows(AUDIT, [_change(context, name, before[name], count) for name in kept])
    if count % _CLEARED_EVERY == 0:
        _clear(context, count - MOST_CHANGES)


def _keep_deletion(context: RuleContext) -> None:
    """Store that a record was deleted, with the values that administrators could read."""
    session, record = context.session, Record(context.table, dict(context.current))
    if not _is_kept(session, context.table):
        return
    about = {"tablename": context.table, "documentkey": record.sys_id}
    audited = {**about, **_DELETED, "sys_id": session.ids.sys_id(), "user": session.user.user_name}
    session.store_rows(AUDIT, [audited])
    readable = _readable(session, context.table)
    kept = _content(session, record, readable) if readable else {}
    session.store_rows(DELETIONS, [{**about, **kept, "sys_id": session.ids.sys_id()}])


def _is_kept(session: Session, table: str) -> bool:
    if table in {*_names(session, _IGNORED_TABLES), *_CLEANED_TABLES, *_reader_sight(session).closed}:
        return False
    return not table.startswith("sys_") or table in _names(session, _SYSTEM_TABLES)


def _names(session: Session, listed: Property) -> list[str]:
    return [name.strip() for name in session.system_property(listed).split(",")]


def _readable(session: Session, table: str) -> frozenset[str]:
    """Return the columns that administrators may read in every record, without passwords."""
    sight, columns = _reader_sight(session), session.dictionary.columns(table)
    if not sight.reads_all(table):
        return frozenset()
    return frozenset(columns) - sight.hidden(table) - {*session.dictionary.columns_of(table, Family.PASSWORD)}


def _reader_sight(session: Session) -> Sight:
    return session.acting_for(_READER).sight


def _content(session: Session, record: Record, readable: Collection[str]) -> dict[str, str]:
    """Return the display value of a record, and its values as Import XML takes them."""
    named = session.dictionary.display_column(record.table)
    columns = [name for name in session.dictionary.columns(record.table) if name in record.values and name in readable]
    values = "".join(element(name, character_data(record[name])) for name in columns)
    unload = f'<unload unload_date="{session.now}"><{record.table} action="INSERT_OR_UPDATE">'
    payload = f"{HEAD}{unload}{values}</{record.table}></unload>"
    return {
        "display_value": session.display(record, named)[:_LONGEST] if named in readable else "",
        "payload": payload if len(payload) <= LONGEST_PAYLOAD else "",
    }


def _change(context: RuleContext, name: str, before: str, count: int) -> dict[str, str]:
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
