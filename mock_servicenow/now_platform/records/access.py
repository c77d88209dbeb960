"""Who may do what: access control lists (platform 1.6, 1.9)."""

from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.definitions import Acl
from mock_servicenow.now_platform.errors import ApiAccessDenied, InvalidTable
from mock_servicenow.now_platform.query.syntax import Condition
from mock_servicenow.now_platform.records import queries

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

_TABLES = "sys_db_object"
# Rows that belong to a record, with the columns that name its table and its sys_id.
_OWNERS = {"sys_attachment": ("table_name", "table_sys_id"), "sys_journal_field": ("name", "element_id")}


def check_reach(session: "Session", table: str) -> None:
    """Let pass what is asked of a table over REST.

    Raises:
        InvalidTable: there is no such table.
        ApiAccessDenied: it is closed to web services, by its definition or its record, or to the user altogether.
    """
    definition = session.dictionary.table(table)
    if definition is None:
        raise InvalidTable(table)
    is_open = definition.web_service_access and table not in _closed(session)
    if not is_open or not may_reach(session, table, "read"):
        raise ApiAccessDenied


def _closed(session: "Session") -> frozenset[str]:
    """Return the tables whose record in sys_db_object does not allow access by web services (platform 4.2)."""

    def load() -> frozenset[str]:
        return frozenset(record["name"] for record in session.elevated.find_all(_TABLES, ws_access="false"))

    return session.instance.cache.get("web-services", "", (_TABLES,), load)


def may_reach(session: "Session", table: str, operation: str) -> bool:
    """Return whether the user may do that to any record of the table at all."""
    if not session.dictionary.acls(table):
        return True
    rules = _rules(session, table, operation)
    return not rules or any(_has_role(session, acl) for acl in rules)


def allowed(session: "Session", operation: str, records: "list[Record]") -> "list[Record]":
    """Return those of the records to which the user may do that, in their order.

    Attachments and journal entries belong to a record: to read them takes its reading, to change them its writing.
    """
    permitted = _by_rules(session, operation, records)
    owner = _OWNERS.get(permitted[0].table) if permitted else None
    return permitted if owner is None else _of_owners(session, operation, permitted, *owner)


def _by_rules(session: "Session", operation: str, records: "list[Record]") -> "list[Record]":
    if not any(session.dictionary.acls(record.table) for record in records):
        return records
    by_table: dict[str, list[Record]] = {}
    for record in records:
        by_table.setdefault(record.table, []).append(record)
    guarded = {table: _rules(session, table, operation) for table in by_table}
    ids = {sys_id for table, rules in guarded.items() for sys_id in _permitted(session, rules, by_table[table])}
    return [record for record in records if record.sys_id in ids]


def _of_owners(
    session: "Session", operation: str, records: "list[Record]", table_column: str, id_column: str
) -> "list[Record]":
    """Return those of the records whose own record exists and is open to the user."""
    wanted: dict[str, set[str]] = {}
    for record in records:
        wanted.setdefault(record[table_column], set()).add(record[id_column])
    needed = "read" if operation == "read" else "write"
    open_to = {(table, each) for table, ids in wanted.items() for each in _open(session, needed, table, ids)}
    return [record for record in records if (record[table_column], record[id_column]) in open_to]


def _open(session: "Session", operation: str, table: str, sys_ids: set[str]) -> set[str]:
    if session.dictionary.table(table) is None:
        return set()
    rows = session.reader.get_many(table, sys_ids)
    found = [session.record(table, values) for values in rows.values()]
    return {record.sys_id for record in allowed(session, operation, found)}


def hidden_columns(session: "Session", table: str) -> frozenset[str]:
    """Return the columns of the table that the user may not read."""
    return _forbidden_columns(session, table, "read")


def asks_of_hidden(session: "Session", table: str, encoded: str) -> bool:
    """Return whether a query tests a column of the table that the user may not read."""
    hidden = hidden_columns(session, table)
    blocks = (block for group in session.instance.queries.parser.parse(encoded).groups for block in group)
    return any(isinstance(term, Condition) and term.path[0] in hidden for block in blocks for term in block)


def locked_columns(session: "Session", table: str) -> frozenset[str]:
    """Return the columns of the table that the user may not write."""
    return _forbidden_columns(session, table, "write")


def _forbidden_columns(session: "Session", table: str, operation: str) -> frozenset[str]:
    guarded: dict[str, bool] = {}
    for acl in session.dictionary.acls(table):
        if acl.column is not None and acl.operation == operation:
            guarded[acl.column] = guarded.get(acl.column, False) or _has_role(session, acl)
    return frozenset(column for column, allowed in guarded.items() if not allowed)


def _rules(session: "Session", table: str, operation: str) -> list[Acl]:
    return [acl for acl in session.dictionary.acls(table) if acl.operation == operation and acl.column is None]


def _permitted(session: "Session", rules: list[Acl], records: "list[Record]") -> set[str]:
    """Return the sys_ids of records of one table that meet any of the rules."""
    ids = {record.sys_id for record in records}
    held = [acl for acl in rules if _has_role(session, acl)]
    if not rules or any(not acl.condition for acl in held):
        return ids
    table = records[0].table
    return {found for acl in held for found in queries.matching(session.elevated, table, acl.condition, ids)}


def _has_role(session: "Session", acl: Acl) -> bool:
    return not acl.roles or session.user.has_any(acl.roles)
