"""Actions on the selected rows of a list."""

from collections.abc import Mapping

from mock_servicenow.now_platform.errors import AbortedByRule, OperationFailed
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.event_notes import Note
from mock_servicenow.ui.list_query import ROWS
from mock_servicenow.ui.record_stamps import stamps
from privman_core.pages.forms import Form

DELETE = "delete"
SELECTED = "selected"
"""The check box of each row; its value is the sys_id and the stamps that the list has shown."""


def act_on_rows(session: Session, table: str, form: Form) -> Note:
    """Do what the pressed button says to every selected row; return the sentence about it.

    A row that was changed or deleted since the list was shown stays as it is. If one is refused, none is changed:
    raises OperationFailed.
    """
    selected = form.values(SELECTED)[:ROWS]
    if not selected:
        return Note("Nothing was done: no row was selected", "plain")
    if form.value("sys_action") != DELETE:
        return Note("Nothing was done: no action was chosen", "plain")
    session.work.transaction.lock()
    deleted = sum(_delete(session, table, each) for each in selected)
    return _in_words(deleted, len(selected) - deleted)


def row_version(session: Session, table: str, values: Mapping[str, str]) -> str:
    """Return the value of the check box of a row."""
    return ".".join((values["sys_id"], *stamps(session, table, values).values()))


def _delete(session: Session, table: str, version: str) -> bool:
    sys_id = version.partition(".")[0]
    current = session.work.get(table, sys_id, lock=True)
    if current is None or row_version(session, table, current) != version:
        return False
    session.delete(table, sys_id)
    return True


def refused(error: OperationFailed) -> Note:
    """Return the sentence about selected rows, none of which was changed because one was refused."""
    if isinstance(error, AbortedByRule):
        return Note(f"Nothing was deleted. Business rule '{error.rule}' aborted it: {error.reason}", "bad")
    return Note(f"Nothing was deleted. {error.message}: {error.detail or ''}".rstrip(": "), "bad")


def _in_words(deleted: int, stale: int) -> Note:
    was = "record was" if deleted == 1 else "records were"
    done = f"{deleted} {was} deleted." if deleted else "Nothing was deleted."
    if not stale:
        return Note(done)
    stayed = "record was" if stale == 1 else "records were"
    return Note(f"{done} {stale} {stayed} changed or deleted since the list was shown.", "good" if deleted else "plain")
