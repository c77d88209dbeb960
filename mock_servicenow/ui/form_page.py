"""Forms: ``/{table}.do?sys_id=…``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from mock_servicenow.now_platform.errors import AccessDenied, BadRequest, OperationFailed, RecordNotFound
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.intake import default_values
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.composite_values import FieldError
from mock_servicenow.ui.decisions import ACTION, Decisions
from mock_servicenow.ui.form_fields import LONG_TEXT, FormField, form_fields, system_fields
from mock_servicenow.ui.form_reader import FormReader
from mock_servicenow.ui.instance_gate import InstanceVisit
from mock_servicenow.ui.visible_schema import VisibleTables
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see

NEW = frozenset({"", "-1"})
"""The ``sys_id`` of a record that does not exist yet."""
DONE: Mapping[str, str] = {
    "insert": "Record created",
    "update": "Record updated",
    "decide": "Decision recorded",
}
REMOVE = "remove:"
_BACK = re.compile(r"[a-z0-9_]+_list\.do(\?.*)?")


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - an outcome that the form shows
    """A form that was not accepted.

    Attributes:
        error: beside the duration of a decision.
        keeps: whether the form shows the posted values again.
    """

    status: int
    message: str
    detail: str = ""
    error: str = ""
    keeps: bool = True


class FormPage:
    """One record, or a new one."""

    def __init__(self, instance: Instance, tables: VisibleTables, decisions: Decisions) -> None:
        self._instance = instance
        self._tables = tables
        self._decisions = decisions

    async def show(self, visit: InstanceVisit) -> web.Response:
        """Show the form; raises PlatformError and PageError."""
        return await self._form(visit, None)

    async def save(self, visit: InstanceVisit) -> web.Response:
        """Do what the pressed button says; raises PlatformError and PageError.

        A form that is refused is shown again, with an error beside each field.
        """
        self._tables.check(visit.request.match_info["table"])
        try:
            return see(await self._instance.run(lambda: self._act(visit)))
        except Refusal as refusal:
            return await self._form(visit, refusal)
        except OperationFailed as error:
            return await self._form(visit, Refusal(error.status, error.message, error.detail or ""))

    async def _form(self, visit: InstanceVisit, refusal: Refusal | None) -> web.Response:
        table = self._tables.check(visit.request.match_info["table"])
        values = await self._instance.run(lambda: self._values(visit, table, refusal))
        return await visit.page("form.html", 200 if refusal is None else refusal.status, **values)

    def _values(self, visit: InstanceVisit, table: str, refusal: Refusal | None) -> dict[str, object]:
        with self._instance.transaction(visit.user, visit.findings) as session:
            record, sys_id = _record(session, visit, table), visit.query.get("sys_id", "")
            new = sys_id in NEW
            decision = None if new else self._decisions.about(session, record)
            writable = _may_write(session, record, new=new) and decision is None
            fields = form_fields(session, record, writable=writable)
            if refusal is not None and refusal.keeps:
                FormReader(session, visit.form).read(fields)
            return {
                "title": _title(session, record, new=new),
                "table": record.table,
                "record": record,
                "new": new,
                "action": f"/{record.table}.do?{urlencode({'sys_id': '-1' if new else record.sys_id})}",
                "fields": fields,
                "system": [] if new else system_fields(session, record),
                "decision": decision,
                "writable": writable,
                "deletable": not new and bool(session.allowed("delete", [record])),
                "refusal": refusal,
                "done": DONE.get(visit.query.get("sysparm_done", ""), ""),
                "back": _back(visit, record.table),
                "posted": visit.form if refusal is not None and refusal.keeps else Form(),
            }

    def _act(self, visit: InstanceVisit) -> str:
        """Write, and return the address of the next page."""
        with self._instance.transaction(visit.user, visit.findings) as session:
            table = visit.request.match_info["table"]
            record = _record(session, visit, table)
            action = visit.form.value("sys_action")
            if visit.query.get("sys_id", "") in NEW:
                return self._insert(session, visit, record)
            _check_unchanged(session, visit, record)
            if action == "delete":
                session.delete(record.table, record.sys_id)
                return f"/{record.table}_list.do"
            if action.startswith(ACTION):
                return self._decide(session, visit, record, action.removeprefix(ACTION))
            if action == "update" or action.startswith(REMOVE):
                return self._update(session, visit, record, action)
            raise BadRequest("Invalid form", f"Unknown action '{action}'")

    def _insert(self, session: Session, visit: InstanceVisit, record: Record) -> str:
        if not session.may("create", record.table):
            raise AccessDenied("Insert")
        values = _read(FormReader(session, visit.form), form_fields(session, record, writable=True))
        return _url(session.insert(record.table, values), "insert")

    def _update(self, session: Session, visit: InstanceVisit, record: Record, action: str) -> str:
        if not _may_write(session, record, new=False):
            raise AccessDenied("Update")
        reader = FormReader(session, visit.form, action.removeprefix(REMOVE))
        values = _read(reader, form_fields(session, record, writable=True))
        return _url(session.update(record.table, record.sys_id, values), "update")

    def _decide(self, session: Session, visit: InstanceVisit, record: Record, response: str) -> str:
        try:
            values = self._decisions.values(visit.form, response)
        except FieldError as error:
            raise Refusal(422, "The decision was not recorded", error=str(error)) from None
        return _url(session.update(record.table, record.sys_id, values), "decide")


def _read(reader: FormReader, fields: list[FormField]) -> dict[str, str]:
    posted = reader.read(fields)
    if posted.errors:
        raise Refusal(422, "The record was not saved", "Enter passwords and other secrets again")
    return posted.values


def _record(session: Session, visit: InstanceVisit, table: str) -> Record:
    """Return the record with all columns of its class, or a new one; raises RecordNotFound."""
    sys_id = visit.query.get("sys_id", "")
    if sys_id in NEW:
        return Record(table, default_values(session, table))
    found = session.get(table, sys_id)
    whole = found if found is None or found.table == table else session.get(found.table, sys_id)
    if whole is None:
        raise RecordNotFound
    return whole


def _check_unchanged(session: Session, visit: InstanceVisit, record: Record) -> None:
    """Refuse a form that was opened before the last change, and lock the record."""
    session.work.transaction.lock()
    current = session.work.get(record.table, record.sys_id, lock=True) or record.values
    if current["sys_mod_count"] != visit.form.given("sys_mod_count"):
        who, when = (_visible(session, record, current, name) for name in ("sys_updated_by", "sys_updated_on"))
        detail = f"{who or 'Another user'} changed it{when and f' at {when}'}. The form shows the current values."
        raise Refusal(409, "The record was not saved", detail, keeps=False)


def _visible(session: Session, record: Record, current: Mapping[str, str], column: str) -> str:
    return "" if column in session.sight.hidden(record.table) else current[column]


def _may_write(session: Session, record: Record, *, new: bool) -> bool:
    if new:
        return session.may("create", record.table)
    return bool(session.allowed("write", [record]))


def _title(session: Session, record: Record, *, new: bool) -> str:
    table = session.dictionary.table(record.table)
    label = record.table if table is None else table.label
    name = "New record" if new else session.display(record, session.dictionary.display_column(record.table))
    return f"{label}: {name[:LONG_TEXT]}"


def _url(record: Record, done: str) -> str:
    return f"/{record.table}.do?{urlencode({'sys_id': record.sys_id, 'sysparm_done': done})}"


def _back(visit: InstanceVisit, table: str) -> str:
    """Return the list that the link names, or the table's list if that is not one of this instance."""
    stack = visit.query.get("sysparm_stack", "")
    return f"/{stack}" if _BACK.fullmatch(stack) else f"/{table}_list.do"
