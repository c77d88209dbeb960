"""Actions on the selected rows of a list: decisions about requests, and deletion."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from mock_servicenow.now_platform.errors import AbortedByRule, OperationFailed
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.decisions import ACTION, DELETE, Decisions
from mock_servicenow.ui.event_notes import Note
from mock_servicenow.ui.list_query import ROWS
from mock_servicenow.ui.record_stamps import row_version
from privman_core.pages.forms import Form

SELECTED = "selected"
"""The check box of each row; its value is the sys_id and the stamps that the list has shown."""
ALL, SHOWN = "select_all", "shown"
"""The check box of all rows, and the hidden field of each; with script, the rows are ticked instead."""
_NOTHING = "Nothing was changed."
Outcome = Literal["done", "overruled", "closed", "stale"]
_KEPT: set[Outcome] = {"closed", "stale"}
_WORDS: dict[Outcome, tuple[str, str]] = {
    "overruled": ("decision was changed by a rule of the table", "decisions were changed by a rule of the table"),
    "closed": ("record was not pending", "records were not pending"),
    "stale": (
        "record was changed or deleted since the list was shown",
        "records were changed or deleted since the list was shown",
    ),
}


class RowScope(Struct, frozen=True):
    """The list whose rows are selected, and who acts on them."""

    session: Session
    decisions: Decisions
    table: str


class RowAction(Struct, frozen=True):
    """What users may do to selected rows.

    Attributes:
        question: asked before.
        labels: the labels of the choices that the user has for some of the rows; of none, those that all rows have.
        act: does it to a row; the text is the label of the choice, if forms post it after the action's name.
        done: what the note says of one row, and of several.
    """

    question: str
    labels: Callable[[RowScope, list[Record]], Iterable[str]]
    act: Callable[[RowScope, Record, str], Outcome]
    done: tuple[str, str]


class ActionChoice(Struct, frozen=True):
    """An action as the list offers it."""

    value: str
    label: str


def _responses(scope: RowScope, records: list[Record]) -> Iterable[str]:
    return scope.decisions.responses(scope.session, records)


def _decide(scope: RowScope, record: Record, response: str) -> Outcome:
    if not scope.decisions.is_pending(record):
        return "closed"
    after = scope.session.update(record.table, record.sys_id, scope.decisions.values(Form(), response))
    return "done" if scope.decisions.took_effect(after, response) else "overruled"


def _deletion(scope: RowScope, _: list[Record]) -> Iterable[str]:
    return ["Delete"] if scope.session.may("delete", scope.table) else []


def _delete(scope: RowScope, record: Record, _: str) -> Outcome:
    scope.session.delete(record.table, record.sys_id)
    return "done"


ROW_ACTIONS = {
    ACTION: RowAction(
        "Answer the selected requests, without a comment or a duration? A decision cannot be changed.",
        _responses,
        _decide,
        ("request was decided", "requests were decided"),
    ),
    DELETE: RowAction(
        "Delete the selected records? Deleted records cannot be restored.",
        _deletion,
        _delete,
        ("record was deleted", "records were deleted"),
    ),
}
"""By the name that forms post, which ends with a colon if the label of the choice follows; style.css has each name."""


class RowChoices:
    """The actions that a list offers to a user, in the order of `ROW_ACTIONS`."""

    def __init__(self, scope: RowScope) -> None:
        self._scope = scope
        self._found: dict[str, dict[ActionChoice, None]] = {name: {} for name in ROW_ACTIONS}
        self.add([])

    def add(self, records: list[Record]) -> None:
        """Add the choices for some rows."""
        for name, action in ROW_ACTIONS.items():
            labels = action.labels(self._scope, records)
            self._found[name] |= dict.fromkeys(ActionChoice(_value(name, label), label) for label in labels)

    def choices(self) -> list[ActionChoice]:
        """Return each choice once."""
        return [choice for some in self._found.values() for choice in some]

    def questions(self) -> dict[str, str]:
        """Return the question of each action that has a choice, by the action's name."""
        return {name: ROW_ACTIONS[name].question for name, some in self._found.items() if some}


class RowActions:
    """Does what the chosen action says to the selected rows of a list."""

    def __init__(self, scope: RowScope, form: Form) -> None:
        self._scope = scope
        self._form = form
        first, colon, self._label = form.value("sys_action").partition(":")
        self._action = ROW_ACTIONS.get(first + colon)

    def run(self) -> Note:
        """Write, and return the sentence about it.

        A row that was changed or deleted since the list was shown stays as it is, as does a request that is decided.
        If one is refused, none is changed: raises OperationFailed.
        """
        selected = self._form.values(SHOWN if self._form.value(ALL) else SELECTED)[:ROWS]
        if not selected:
            return Note("Nothing was done: no row was selected", "plain")
        if self._action is None:
            return Note("Nothing was done: no action was chosen", "plain")
        self._scope.session.work.transaction.lock()
        outcomes = Counter(self._act(self._action, each) for each in selected)
        sentences = [*[_NOTHING] * (outcomes.keys() <= _KEPT), *_sentences(self._action, outcomes)]
        return Note(" ".join(sentences), "good" if outcomes["done"] else "plain")

    def _act(self, action: RowAction, version: str) -> Outcome:
        session, table = self._scope.session, self._scope.table
        current = session.work.get(table, version.partition(".")[0], lock=True)
        if current is None or row_version(session, table, current) != version:
            return "stale"
        return action.act(self._scope, Record(table, current), self._label)


def refused(error: OperationFailed) -> Note:
    """Return the sentence about selected rows, none of which was changed because one was refused."""
    if isinstance(error, AbortedByRule):
        return Note(f"{_NOTHING} Business rule '{error.rule}' aborted it: {error.reason}", "bad")
    return Note(f"{_NOTHING} {error.message}: {error.detail or ''}".rstrip(": "), "bad")


def _value(name: str, label: str) -> str:
    return f"{name}{label}" if name.endswith(":") else name


def _sentences(action: RowAction, outcomes: Mapping[Outcome, int]) -> Iterator[str]:
    words: dict[Outcome, tuple[str, str]] = {"done": action.done, **_WORDS}
    for outcome, (one, several) in words.items():
        if count := outcomes.get(outcome, 0):
            yield f"{count} {one if count == 1 else several}."
