"""Forms: ``/{table}.do?sys_id=…``."""

from collections.abc import Mapping

from aiohttp import web

from mock_servicenow.now_platform.errors import AbortedByRule, OperationFailed, RecordNotFound
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.intake import default_values
from mock_servicenow.now_platform.records.list_columns import readable
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.decisions import Decisions
from mock_servicenow.ui.event_notes import Note, NotedEvent, follow, shown, take_note
from mock_servicenow.ui.form_actions import FormActions, Refusal, aborted, not_done
from mock_servicenow.ui.form_fields import LONG_TEXT, FormField, form_fields, sections, system_fields
from mock_servicenow.ui.form_head import FormHead, form_head, way_back
from mock_servicenow.ui.form_reader import ADD, REMOVE, FormReader
from mock_servicenow.ui.instance_gate import InstanceVisit
from mock_servicenow.ui.record_place import RecordPlace
from mock_servicenow.ui.record_stamps import stamps
from mock_servicenow.ui.visible_schema import VisibleTables, column_text, label, time_zone
from privman_core.pages.forms import Form
from privman_core.pages.site import PageError

NEW = frozenset({"", "-1"})
"""The ``sys_id`` of a record that does not exist yet."""


class FormPage:
    """One record, or a new one.

    Args:
        instance: has the records.
        tables: those that have forms.
        decisions: decide requests.
        kept: columns that the form of a record shows read-only, by table; APIs may write them.
    """

    def __init__(
        self, instance: Instance, tables: VisibleTables, decisions: Decisions, kept: Mapping[str, frozenset[str]]
    ) -> None:
        self._instance = instance
        self._kept = kept
        self._tables = tables
        self._decisions = decisions

    async def show(self, visit: InstanceVisit) -> web.Response:
        """Show the form; raises PlatformError and PageError."""
        return shown(visit, await self._form(visit, None))

    async def save(self, visit: InstanceVisit) -> web.Response:
        """Do what the pressed button says; raises PlatformError and PageError.

        A refused form is shown again with an error beside each field. Buttons that add or remove a name-value pair show
        the form again and save nothing.
        """
        self._tables.check(visit.request.match_info["table"])
        if visit.form.value("sys_action").startswith((ADD, REMOVE)):
            return await self._form(visit, None)
        try:
            return follow(visit, await self._instance.run(lambda: self._act(visit)))
        except Refusal as refusal:
            return await self._form(visit, refusal)
        except AbortedByRule as error:
            return await self._form(visit, aborted(error, visit.form.value("sys_action")))
        except OperationFailed as error:
            return await self._form(visit, Refusal(error.status, error.message, error.detail or ""))

    async def _form(self, visit: InstanceVisit, refusal: Refusal | None) -> web.Response:
        table = self._tables.check(visit.request.match_info["table"])
        values = await self._instance.run(lambda: self._values(visit, table, refusal))
        return await visit.page("form.html", 200 if refusal is None else refusal.status, **values)

    def _values(self, visit: InstanceVisit, table: str, refusal: Refusal | None) -> dict[str, object]:
        with self._instance.transaction(visit.user, visit.findings) as session:
            record = _record(session, visit, table)
            form, place = _ShownForm(session, visit, record, refusal), self._place(visit, record.table)
            if _is_new(visit):
                return form.new(place)
            return form.existing(place, self._decisions, self._kept_of(record.table))

    def _act(self, visit: InstanceVisit) -> NotedEvent:
        """Write, and return the outcome."""
        with self._instance.transaction(visit.user, visit.findings) as session:
            try:
                record = _record(session, visit, visit.request.match_info["table"])
            except RecordNotFound as error:
                raise PageError(error.status, not_done(visit.form.value("sys_action")), _GONE) from None
            place, kept = self._place(visit, record.table), self._kept_of(record.table)
            actions = FormActions(session, self._decisions, visit.form, place, kept)
            return actions.insert(record) if _is_new(visit) else actions.change(record)

    def _kept_of(self, table: str) -> frozenset[str]:
        return self._kept.get(table, frozenset())

    def _place(self, visit: InstanceVisit, table: str) -> RecordPlace:
        place = RecordPlace.read(visit, table)
        return place if self._tables.shows(place.table) else RecordPlace(table)


class _ShownForm:
    """The form of one record, read in one transaction; the methods return the values of the template."""

    def __init__(self, session: Session, visit: InstanceVisit, record: Record, refusal: Refusal | None) -> None:
        self._session = session
        self._visit = visit
        self._record = record
        self._refusal = refusal
        self._is_draft = visit.request.method == "POST" and (refusal is None or refusal.keeps)

    def new(self, place: RecordPlace) -> dict[str, object]:
        """Return those of a record that is not in the table yet."""
        table = self._record.table
        writable = self._session.may("create", table)
        return self._filled(form_fields(self._session, self._record, writable=writable)) | {
            "title": f"{label(self._session, table)} - New record",
            "head": FormHead(way_back(self._visit, place)),
            "new": True,
            "action": f"/{table}.do?sys_id=-1",
            "versions": {},
            "system": [],
            "decision": None,
            "writable": writable,
            "deletable": False,
        }

    def existing(self, place: RecordPlace, decisions: Decisions, kept: frozenset[str]) -> dict[str, object]:
        """Return those of a record; an update never changes the columns that are kept."""
        session, record = self._session, self._record
        decision = decisions.about(session, record)
        writable = decision is None and bool(session.allowed("write", [record]))
        asked = frozenset() if decision is None else decision.asked
        every = form_fields(session, record, writable=writable, kept=kept)
        return self._filled([each for each in every if each.column.name not in asked]) | {
            "title": _title(session, record),
            "head": form_head(session, record, place, way_back(self._visit, place), decisions.request_id(record)),
            "new": False,
            "action": place.form(record),
            # A draft keeps the stamps of the form that was opened, so that a stale one is still refused.
            "versions": _versions(session, record, self._visit.form if self._is_draft else None),
            "system": system_fields(session, record),
            "decision": decision,
            "writable": writable,
            "deletable": bool(session.allowed("delete", [record])),
        }

    def _filled(self, fields: list[FormField]) -> dict[str, object]:
        """Fill the fields with what was posted, and return them with what else depends on that."""
        reader = FormReader(self._session, self._visit.form, self._visit.form.value("sys_action"))
        redrawn = self._is_draft and self._refusal is None
        if redrawn:
            reader.redraw(fields)
        elif self._is_draft:
            reader.read(fields)
        if self._refusal is not None:
            self._refusal.put_beside(fields)
        return {
            "fields": fields,
            "sections": sections(fields),
            "refusal": self._refusal,
            "note": _DRAFT if redrawn else take_note(self._visit, self._record.sys_id),
            "posted": self._visit.form if self._is_draft else Form(),
            "zone": time_zone(self._session),
        }


_CREATED = "sys_created_on"
_DRAFT = Note("Nothing is saved yet", "plain")
_GONE = "It was deleted after this form was opened, or you may no longer read it."


def _is_new(visit: InstanceVisit) -> bool:
    return visit.query.get("sys_id", "") in NEW


def _record(session: Session, visit: InstanceVisit, table: str) -> Record:
    """Return the record with all columns of its class, or a new one; raises RecordNotFound."""
    if _is_new(visit):
        return Record(table, default_values(session, table))
    sys_id = visit.query["sys_id"]
    found = session.get(table, sys_id)
    whole = found if found is None or found.table == table else session.get(found.table, sys_id)
    if whole is None:
        raise RecordNotFound
    return whole


def _title(session: Session, record: Record) -> str:
    """Return the title of a form: the table's label, and the record's display value or else its time of creation."""
    named, columns = label(session, record.table), readable(session, record.table)
    column = session.dictionary.display_column(record.table)
    name = ""
    if column in columns and column != "sys_id":
        name = column_text(session, record, columns[column], LONG_TEXT)
    if not name and _CREATED in columns:
        name = f"Created {session.display(record, _CREATED)}"
    return f"{named} - {name}" if name else named


def _versions(session: Session, record: Record, draft: Form | None) -> dict[str, str]:
    """Return the stamps of the record; for a draft, those that the form was opened with."""
    found = stamps(session, record.table, record.values)
    return found if draft is None else {name: draft.value(name) for name in found}
