"""Actions on the selected rows of a list: decisions about requests, and deletion."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal

from mock_servicenow.now_platform.errors import AbortedByRule, OperationFailed
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.decisions import ACTION, Decisions
from mock_servicenow.ui.event_notes import Note
from mock_servicenow.ui.list_query import ROWS
from mock_servicenow.ui.record_stamps import row_version
from privman_core.pages.forms import Form

DELETE = "delete"
SELECTED = "selected"
"""The check box of each row; its value is the sys_id and the stamps that the list has shown."""
ALL, SHOWN = "select_all", "shown"
"""The check box of all rows, and the hidden field of each; with script, the rows are ticked instead."""
_NOTHING = "Nothing was changed."
Outcome = Literal["deleted", "decided", "overruled", "stale", "closed"]
_DONE: set[Outcome] = {"deleted", "decided"}
_KEPT: set[Outcome] = {"closed", "stale"}
_WORDS: dict[Outcome, tuple[str, str]] = {
    "deleted": ("record was deleted", "records were deleted"),
    "decided": ("request was decided", "requests were decided"),
    "overruled": ("decision was changed by a rule of the table", "decisions were changed by a rule of the table"),
    "closed": ("record was not pending", "records were not pending"),
    "stale": (
        "record was changed or deleted since the list was shown",
        "records were changed or deleted since the list was shown",
    ),
}


def is_action(name: str) -> bool:
    """Return whether a list has an action of that name."""
    return name == DELETE or name.startswith(ACTION)


class RowActions:
    """Does what the chosen action says to the selected rows of a list.

    Args:
        session: writes.
        decisions: decide requests.
        table: the list's.
        form: as posted.
    """

    def __init__(self, session: Session, decisions: Decisions, table: str, form: Form) -> None:
        self._session = session
        self._decisions = decisions
        self._table = table
        self._form = form
        self._action = form.value("sys_action")

    def run(self) -> Note:
        """Write, and return the sentence about it.

        A row that was changed or deleted since the list was shown stays as it is, as does a request that is decided.
        If one is refused, none is changed: raises OperationFailed.
        """
        selected = self._form.values(SHOWN if self._form.value(ALL) else SELECTED)[:ROWS]
        if not selected:
            return Note("Nothing was done: no row was selected", "plain")
        if not is_action(self._action):
            return Note("Nothing was done: no action was chosen", "plain")
        self._session.work.transaction.lock()
        outcomes = Counter(self._act(each) for each in selected)
        sentences = [*[_NOTHING] * (outcomes.keys() <= _KEPT), *_sentences(outcomes)]
        return Note(" ".join(sentences), "good" if outcomes.keys() & _DONE else "plain")

    def _act(self, version: str) -> Outcome:
        sys_id = version.partition(".")[0]
        current = self._session.work.get(self._table, sys_id, lock=True)
        if current is None or row_version(self._session, self._table, current) != version:
            return "stale"
        if self._action == DELETE:
            self._session.delete(self._table, sys_id)
            return "deleted"
        return self._decide(Record(self._table, current))

    def _decide(self, record: Record) -> Outcome:
        if not self._decisions.is_pending(record):
            return "closed"
        response = self._action.removeprefix(ACTION)
        after = self._session.update(record.table, record.sys_id, self._decisions.values(Form(), response))
        return "decided" if self._decisions.took_effect(after, response) else "overruled"


def refused(error: OperationFailed) -> Note:
    """Return the sentence about selected rows, none of which was changed because one was refused."""
    if isinstance(error, AbortedByRule):
        return Note(f"{_NOTHING} Business rule '{error.rule}' aborted it: {error.reason}", "bad")
    return Note(f"{_NOTHING} {error.message}: {error.detail or ''}".rstrip(": "), "bad")


def _sentences(outcomes: Mapping[Outcome, int]) -> Iterator[str]:
    for outcome, (one, several) in _WORDS.items():
        if count := outcomes.get(outcome, 0):
            yield f"{count} {one if count == 1 else several}."
