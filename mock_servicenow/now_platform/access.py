"""Who may do what: access control lists (platform 1.6, 1.9)."""

from typing import TYPE_CHECKING

from mock_servicenow.now_platform import queries
from mock_servicenow.now_platform.dictionary import Acl
from mock_servicenow.now_platform.query.syntax import Condition

if TYPE_CHECKING:
    from mock_servicenow.now_platform.record import Record
    from mock_servicenow.now_platform.session import Session


def may_reach(session: "Session", table: str, operation: str) -> bool:
    """Return whether the user may do that to any record of the table at all."""
    if not session.dictionary.acls(table):
        return True
    rules = _rules(session, table, operation)
    return not rules or any(_has_role(session, acl) for acl in rules)


def allowed(session: "Session", operation: str, records: "list[Record]") -> "list[Record]":
    """Return those of the records to which the user may do that, in their order."""
    if not any(session.dictionary.acls(record.table) for record in records):
        return records
    by_table: dict[str, list[Record]] = {}
    for record in records:
        by_table.setdefault(record.table, []).append(record)
    guarded = {table: _rules(session, table, operation) for table in by_table}
    ids = {sys_id for table, rules in guarded.items() for sys_id in _permitted(session, rules, by_table[table])}
    return [record for record in records if record.sys_id in ids]


def hidden_columns(session: "Session", table: str) -> frozenset[str]:
    """Return the columns of the table that the user may not read."""
    return _forbidden_columns(session, table, "read")


def asks_of_hidden(session: "Session", table: str, encoded: str) -> bool:
    """Return whether a query tests a column of the table that the user may not read."""
    hidden = hidden_columns(session, table)
    blocks = (block for group in session.instance.parser.parse(encoded).groups for block in group)
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
