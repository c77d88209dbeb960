"""Who may do what: access control lists (platform 1.6, 1.9).

What may be read is decided by the `Sight` with which queries are compiled; here the same rules meet single records.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.errors import AccessDenied, ApiAccessDenied, InvalidTable
from mock_servicenow.now_platform.query.sight import OWNED, Sight
from mock_servicenow.now_platform.records import queries
from mock_servicenow.now_platform.users import GUEST

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

_TABLES = "sys_db_object"
PUBLIC = "sys_public"
"""The tables that are read without credentials."""


def sight(session: "Session") -> Sight:
    """Return what the session's user may see: everything if the session acts for the instance itself."""
    known = session.instance.queries
    return known.sight(session.user.roles, _closed(session)) if session.secure else known.everything


def check_reach(session: "Session", table: str) -> None:
    """Let pass what is asked of a table over REST.

    Raises:
        InvalidTable: there is no such table.
        ApiAccessDenied: it is closed to web services, by its definition or its record, or to the user altogether.
    """
    if session.dictionary.table(table) is None:
        raise InvalidTable(table)
    if table in session.sight.closed or not may_reach(session, table, "read"):
        raise ApiAccessDenied


def _closed(session: "Session") -> frozenset[str]:
    """Return the tables that the user does not reach by web services (platform 4.2).

    Those are the ones whose definition or record does not allow it, and for a guest all but the public ones.
    """
    closed = _without_access(session)
    return closed | _not_public(session) if session.user is GUEST else closed


def _not_public(session: "Session") -> frozenset[str]:
    """Return the tables that are not public, nor extend one that is."""
    public = {record["page"] for record in session.elevated.find_all(PUBLIC, active="true")}
    lineage = session.dictionary.lineage
    return frozenset(table.name for table in session.dictionary if public.isdisjoint(lineage(table.name)))


def _without_access(session: "Session") -> frozenset[str]:

    def load() -> frozenset[str]:
        defined = {table.name for table in session.dictionary if not table.web_service_access}
        return frozenset(defined | {record["name"] for record in session.elevated.find_all(_TABLES, ws_access="false")})

    return session.instance.cache.get("web-services", "", (_TABLES,), load)


def may_reach(session: "Session", table: str, operation: str) -> bool:
    """Return whether the user may do that to any record of the table at all."""
    return session.sight.conditions(table, operation) != ()


def allowed(session: "Session", operation: str, records: "list[Record]") -> "list[Record]":
    """Return those of the records to which the user may do that, in their order.

    Attachments and journal entries belong to a record: to read them takes its reading, to change them its writing.
    """
    if all(_is_open(session.sight, record.table, operation) for record in records):
        return records
    by_class: dict[str, set[str]] = {}
    for record in records:
        by_class.setdefault(record.table, set()).add(record.sys_id)
    ids = {each for table, ids in by_class.items() for each in queries.permitted(session, operation, table, ids)}
    return [record for record in records if record.sys_id in ids]


def check_owner(session: "Session", table: str, values: Mapping[str, str], operation: str) -> None:
    """Raise AccessDenied if a row belongs to a record, or a column of one, that the user may not change.

    Args:
        session: acts for the user.
        table: of the row.
        values: the row.
        operation: ``Insert``, ``Update`` or ``Delete``, for the error.
    """
    owner = OWNED.get(table)
    if owner is None or session.sight.is_admin or {owner.key, owner.named}.isdisjoint(values):
        return
    name = owner.table or values.get(owner.named, "")
    known = session.dictionary.table(name) is not None and name not in session.sight.closed
    record = session.get(name, values.get(owner.key, "")) if known else None
    if record is None or not allowed(session, "write", [record]):
        raise AccessDenied(operation)
    if values.get(owner.element, "") in session.sight.locked(record.table):
        raise AccessDenied(operation)


def check_created(session: "Session", record: "Record") -> None:
    """Raise AccessDenied unless a record that the user has just inserted meets a rule by which they may create it."""
    if not session.sight.conditions(record.table, "create"):
        return
    if not queries.permitted(session, "create", record.table, [record.sys_id]):
        raise AccessDenied("Insert")


def _is_open(seen: Sight, table: str, operation: str) -> bool:
    return seen.conditions(table, operation) is None and (table not in OWNED or seen.everything)
