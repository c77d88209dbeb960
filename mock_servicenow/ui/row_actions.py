"""Actions on the selected rows of a list."""

from mock_servicenow.now_platform.errors import AbortedByRule, OperationFailed
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.event_notes import Note
from mock_servicenow.ui.list_query import ROWS
from privman_core.pages.forms import Form

DELETE = "delete"
SELECTED = "selected"
"""The check box of each row; its value is the sys_id and the sys_mod_count that the list has shown."""


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
    deleted = sum(_delete(session, table, *each.partition(".")[::2]) for each in selected)
    return _in_words(deleted, len(selected) - deleted)


def _delete(session: Session, table: str, sys_id: str, count: str) -> bool:
    current = session.work.get(table, sys_id, lock=True)
    if current is None or current["sys_mod_count"] != count:
        return False
    session.delete(table, sys_id)
    return True


def refused(error: OperationFailed) -> Note:
    """Return the sentence about rows of which one was refused."""
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
