"""Columns to which each write appends an entry, such as comments (platform 1.7)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.column_types import JOURNAL_TYPES

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary.definitions import Column
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

ENTRIES = "sys_journal_field"
USERS = "sys_user"
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
        for entry in session.elevated.find_all(ENTRIES, element_id=sys_id):
            session.elevated.delete(ENTRIES, entry.sys_id)


def prefetch(session: "Session", records: "Iterable[Record]") -> None:
    """Fetch the entries of all the records together; the transaction remembers them until something is written."""
    known = session.work.entries
    missing = [record.sys_id for record in records if record.sys_id not in known]
    known.update({sys_id: [] for sys_id in missing})
    for row in session.reader.among(ENTRIES, "element_id", missing):
        known[row["element_id"]].append(row)


def history(session: "Session", record: "Record", column: "Column") -> str:
    """Return all entries of the column, the newest first, as they are displayed."""
    if record.sys_id not in session.work.entries:
        prefetch(session, [record])
    entries = (entry for entry in session.work.entries[record.sys_id] if entry["element"] == column.name)
    return "".join(_entry(session, entry, column.label) for entry in reversed(list(entries)))


def _entry(session: "Session", entry: dict[str, str], label: str) -> str:
    closed = USERS in session.sight.closed
    author = None if closed else session.find(USERS, user_name=entry["sys_created_by"])
    name = entry["sys_created_by"] if author is None else author["name"] or author["user_name"]
    return (
        f"{session.formats.date_time(entry['sys_created_on'])} - {name[:_LONGEST_NAME]} ({label})\n{entry['value']}\n\n"
    )
