"""The buttons of a form: each writes and returns a sentence about what it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.errors import AbortedByRule, AccessDenied, BadRequest
from mock_servicenow.now_platform.records.list_columns import readable
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.composite_values import FieldError
from mock_servicenow.ui.decisions import ACTION, DELETE, Decisions
from mock_servicenow.ui.event_notes import Note, NotedEvent, in_words
from mock_servicenow.ui.form_fields import FormField, form_fields, is_system
from mock_servicenow.ui.form_reader import FormReader
from mock_servicenow.ui.record_place import RecordPlace
from mock_servicenow.ui.record_stamps import CREATED, stamps
from privman_core.pages.forms import Form

NOT_SAVED = "The record was not saved"


def not_done(action: str) -> str:
    """Return the title of a refusal, such as "The record was not saved"."""
    if action == DELETE:
        return "The record was not deleted"
    return "The decision was not recorded" if action.startswith(ACTION) else NOT_SAVED


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - an outcome that the form shows
    """A form that was not accepted.

    Attributes:
        error: beside the duration of a decision.
        reason: that a business rule gave; it may begin with the quoted name of a column.
        keeps: whether the form shows the posted values again.
    """

    status: int
    message: str
    detail: str = ""
    error: str = ""
    reason: str = ""
    keeps: bool = True

    def put_beside(self, fields: Sequence[FormField]) -> None:
        """Put the reason beside the field that it names, or after the detail if it names none."""
        for each in fields:
            name = f"{each.column.name!r} "
            if each.control != "fixed" and self.reason.startswith(name):
                each.error = self.reason.removeprefix(name)
                return
        self.detail = ": ".join(part for part in (self.detail, self.reason) if part)


def aborted(error: AbortedByRule, action: str) -> Refusal:
    """Return the refusal of a form whose write a business rule has aborted."""
    return Refusal(error.status, not_done(action), f"business rule '{error.rule}' aborted it", reason=error.reason)


class FormActions:
    """Does what the pressed button of one form says.

    Args:
        session: writes.
        decisions: decide requests.
        form: as posted.
        place: of the record in its list.
        kept: columns that an update never changes.
    """

    def __init__(
        self, session: Session, decisions: Decisions, form: Form, place: RecordPlace, kept: frozenset[str]
    ) -> None:
        self._session = session
        self._decisions = decisions
        self._form = form
        self._place = place
        self._kept = kept

    def insert(self, record: Record) -> NotedEvent:
        """Create a record; raises Refusal and PlatformError."""
        session = self._session
        if not session.may("create", record.table):
            raise AccessDenied("Insert")
        values = self._read(form_fields(session, record, writable=True))
        made = session.insert(record.table, values)
        if session.work.answered:
            return self._event(made, Note("No record was created: this one has these values already", "plain"))
        return self._event(made, Note("Record created"))

    def change(self, record: Record) -> NotedEvent:
        """Update, decide or delete a record; raises Refusal and PlatformError."""
        self._check_unchanged(record)
        action = self._form.value("sys_action")
        if action == DELETE:
            self._session.delete(record.table, record.sys_id)
            return NotedEvent(self._place.back, self._place.table, Note("Record deleted"))
        if action.startswith(ACTION):
            return self._decide(record, action.removeprefix(ACTION))
        if action == "update":
            return self._update(record)
        raise BadRequest("Invalid form", f"Unknown action '{action}'")

    def _update(self, record: Record) -> NotedEvent:
        if not self._session.allowed("write", [record]):
            raise AccessDenied("Update")
        values = self._read(form_fields(self._session, record, writable=True, kept=self._kept))
        after = self._session.update(record.table, record.sys_id, values)
        return self._event(after, _changes_in_words(self._session, record, after, values))

    def _decide(self, record: Record, response: str) -> NotedEvent:
        try:
            values = self._decisions.values(self._form, response)
        except FieldError as error:
            raise Refusal(422, not_done(ACTION), error=str(error)) from None
        after = self._session.update(record.table, record.sys_id, values)
        if not self._decisions.took_effect(after, response):
            return self._event(after, Note("A rule of the table changed the decision", "plain"))
        return self._event(after, Note("Decision recorded"))

    def _read(self, fields: list[FormField]) -> dict[str, str]:
        posted = FormReader(self._session, self._form).read(fields)
        if posted.errors:
            again = f"Enter {in_words(posted.forgotten)} again: pages never repeat a secret" if posted.forgotten else ""
            raise Refusal(422, NOT_SAVED, again)
        return posted.values

    def _check_unchanged(self, record: Record) -> None:
        """Refuse a form that was opened before the last change, and lock the record."""
        session = self._session
        session.work.transaction.lock()
        current = session.work.get(record.table, record.sys_id, lock=True) or record.values
        expected = stamps(session, record.table, current)
        posted = {name: self._form.given(name) for name in expected}
        if posted.get(CREATED, "") is None:  # by a program, which sends the count of changes
            del posted[CREATED]
        if all(text == expected[name] for name, text in posted.items()):
            return
        changed = Record(record.table, {**record.values, **current})
        who, when = (self._visible(changed, name) for name in ("sys_updated_by", "sys_updated_on"))
        detail = f"{who or 'Another user'} changed it{when and f' at {when}'}. The form shows the current values."
        raise Refusal(409, not_done(self._form.value("sys_action")), detail, keeps=False)

    def _visible(self, record: Record, column: str) -> str:
        is_hidden = column in self._session.sight.hidden(record.table)
        return "" if is_hidden else self._session.display(record, column)

    def _event(self, record: Record, note: Note) -> NotedEvent:
        return NotedEvent(self._place.form(record), record.sys_id, note)


def _changes_in_words(session: Session, before: Record, after: Record, posted: Mapping[str, str]) -> Note:
    columns = {name: each for name, each in readable(session, before.table).items() if not is_system(name)}
    journals = {name for name, each in columns.items() if each.family is Family.JOURNAL and posted.get(name)}
    changed = [each.label for name, each in columns.items() if before[name] != after[name] or name in journals]
    kept = [
        each.label
        for name, each in columns.items()
        if name in posted and not each.family.concealed and before[name] == after[name] != each.to_stored(posted[name])
    ]
    stays = f"A rule of the table kept {in_words(kept)}." if kept else ""
    if not changed:
        return Note(f"Nothing was changed. {stays}".strip(), "plain")
    return Note(f"Record updated: {in_words(changed)}. {stays}".strip())
