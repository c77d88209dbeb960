"""Columns to which each write appends an entry, such as comments (platform 1.7)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import JOURNAL_TYPES
from mock_servicenow.now_platform.records.reader import Values

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary.definitions import Column
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

ENTRIES = "sys_journal_field"
USERS = "sys_user"
MOST_ENTRIES, LONGEST_HISTORY = 1_000, 256 * 1024
"""How many entries of a record are displayed, the newest ones, and how many characters of them (I)."""
_LONGEST_NAME = 151
"""Characters of an author that each of his entries repeats: as many as the column of his name is defined with."""


def pop_entries(session: "Session", table: str, values: dict[str, str]) -> dict[str, str]:
    """Take what is to be appended out of a record's values and return it by column."""
    names = session.dictionary.columns_of_type(table, JOURNAL_TYPES)
    entries = {name: values[name] for name in names if values[name]}
    values.update(dict.fromkeys(entries, ""))
    return entries


def append_entries(session: "Session", table: str, sys_id: str, entries: dict[str, str]) -> None:
    """Append an entry to each of the columns."""
    for name, text in entries.items():
        session.insert(ENTRIES, {"element": name, "element_id": sys_id, "name": table, "value": text})


def delete_entries(session: "Session", table: str, sys_id: str) -> None:
    """Delete every entry of a record, since the record is deleted."""
    if session.dictionary.columns_of_type(table, JOURNAL_TYPES):
        entries = session.dictionary.sql_table(ENTRIES)
        of_record = entries.c.element_id == sys_id, entries.c.name.in_(_tables(session, table))
        session.work.transaction.execute(sa.delete(entries).where(*of_record))


def prefetch(session: "Session", records: "Iterable[Record]") -> None:
    """Fetch the entries of all the records together; the transaction remembers them until something is written."""
    missing: dict[str, list[str]] = {}
    for record in records:
        root = session.dictionary.root(record.table)
        if (root, record.sys_id) not in session.work.entries:
            missing.setdefault(root, []).append(record.sys_id)
    for root, sys_ids in missing.items():
        session.work.entries.update({(root, each): _shown(rows) for each, rows in _newest(session, root, sys_ids)})


def history(session: "Session", record: "Record", column: "Column") -> str:
    """Return the entries of the column, the newest first, as they are displayed."""
    prefetch(session, [record])
    known = session.work.entries[session.dictionary.root(record.table), record.sys_id]
    entries = [entry for entry in known if entry["element"] == column.name]
    names = {name: _author(session, name) for name in {entry["sys_created_by"] for entry in entries}}
    moment = session.formats.date_time
    return "".join(
        f"{moment(entry['sys_created_on'])} - {names[entry['sys_created_by']]} ({column.label})\n{entry['value']}\n\n"
        for entry in entries
    )


def _newest(session: "Session", root: str, sys_ids: list[str]) -> "Iterable[tuple[str, list[Values]]]":
    """Return the newest entries of each of these records of a hierarchy."""
    tables = _tables(session, root)
    rows, whole = session.reader.newest_among(ENTRIES, {"element_id": sys_ids, "name": tables}, MOST_ENTRIES)
    if not whole and len(sys_ids) > 1:
        return [found for each in sys_ids for found in _newest(session, root, [each])]
    of_each: dict[str, list[Values]] = {sys_id: [] for sys_id in sys_ids}
    for row in rows:
        of_each[row["element_id"]].append(row)
    return of_each.items()


def _tables(session: "Session", table: str) -> tuple[str, ...]:
    """Return the names by which entries say that a record of the table's hierarchy is theirs.

    Another table may have a record with the same sys_id, which whoever inserts it chooses.
    """
    return session.dictionary.family(session.dictionary.root(table))


def _shown(entries: list[Values]) -> list[Values]:
    """Return the first entries, as far as `LONGEST_HISTORY` goes."""
    if sum(len(entry["value"]) for entry in entries) <= LONGEST_HISTORY:
        return entries
    shown, left = [], LONGEST_HISTORY
    for entry in entries:
        if left > 0:
            shown.append({**entry, "value": entry["value"][:left]})
        left -= len(entry["value"])
    return shown


def _author(session: "Session", user_name: str) -> str:
    closed = USERS in session.sight.closed
    author = None if closed else session.find(USERS, user_name=user_name)
    return (user_name if author is None else author["name"] or author["user_name"])[:_LONGEST_NAME]
