"""Change requests as the Change Management API finds, reads and shows them (Docs: change-management-api)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from msgspec import structs

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import RecordNotFound
from mock_servicenow.now_platform.query import as_operand
from mock_servicenow.now_platform.records.display_formats import Formats
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import bounded_records, value_answer
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.endpoints import check_role
from mock_servicenow.now_platform.rest.formats import Document, Value
from mock_servicenow.now_platform.rest.parameters import (
    NOTHING_ASKED,
    PAGE,
    PREFIX,
    asked_query,
    page_bounds,
    report_filters,
    report_ignored,
)
from mock_servicenow.now_platform.rest.record_bodies import longest_body, read_object
from mock_servicenow.now_platform.rest.shapes import Shapes, shown_fields

CHANGES, TASKS = "change_request", "change_task"
DEFAULT_LIMIT = 500
_READERS = ("change_manager", "itil", "sn_change_read")
_WRITERS = ("change_manager", "itil")
_DELETERS = ("change_manager",)
_BY_VERB = {"GET": _READERS, "HEAD": _READERS, "DELETE": _DELETERS}
_EVERYTHING = structs.replace(NOTHING_ASKED, display="all", exclude_reference_link=True)
_META, _ENCRYPTED = "__meta", "encrypted_fields"
_EMPTY: Mapping[str, Document] = {"display_value": "", "value": ""}
_TYPES: Mapping[Family, Callable[[str], Document]] = {
    Family.INTEGER: int,
    Family.DECIMAL: float,
    Family.BOOLEAN: lambda value: value == "true",
}
_NO_FILTERS = frozenset({"order", "textSearch"})
_OF_LISTS = frozenset({*PAGE, "sysparm_query"})


def check_caller(call: Call, session: Session) -> None:
    """Raise ApiAccessDenied unless the user has one of the roles that the verb takes (Docs: change-management-api)."""
    check_role(session, *_BY_VERB.get(call.verb, _WRITERS))


def record_of(session: Session, table: str, sys_id: str, **equal: str) -> Record:
    """Return a record with these values; raises RecordNotFound."""
    record = session.get(table, sys_id)
    if record is None or any(record[name] != value for name, value in equal.items()):
        raise RecordNotFound
    return record


def list_answer(call: Call, session: Session, table: str, *, taken: Iterable[str] = (), **equal: str) -> Answer:
    """Answer with the records that have these values and that the call chooses: by query, field=value pairs or text.

    Parameters that are ``taken`` choose nothing.
    """
    limit, offset = page_bounds(call, DEFAULT_LIMIT)
    given = call.query
    others = {*_NO_FILTERS, *taken}
    pairs = tuple((name, text) for name, text in given.items() if not (name.startswith(PREFIX) or name in others))
    report_ignored(call, (name for name in given if name.startswith(PREFIX) and name not in _OF_LISTS))
    encoded = given.get("sysparm_query", "")
    if encoded and pairs:
        report_filters(call)
    query = asked_query(session, table, encoded, () if encoded else pairs)
    wheres = [session.accept(table, session.equal_query(table, equal.items())).where]
    if words := as_operand(given.get("textSearch", "")).strip():
        wheres.append(session.compiled(table, f"123TEXTQUERY321={words}").where)
    for where in wheres:
        query = replace(query, where=query.where & where)
    if (order := given.get("order", "")) and not query.order_by:
        query = replace(query, order_by=session.compiled(table, f"ORDERBY{as_operand(order)}").order_by)
    return value_answer(
        call, shown(session, call, table, bounded_records(session, table, query, limit=limit, offset=offset))
    )


def record_answer(call: Call, session: Session, table: str, record: Record, ignored: list[str] | None = None) -> Answer:
    """Return the envelope of a record, with the fields of a write that were ignored."""
    [result] = shown(session, call, table, [record])
    meta: dict[str, Document] = {_META: {"ignoredFields": list[Document](ignored)}} if ignored else {}
    return value_answer(call, {**result, **meta})


def shown(session: Session, call: Call, table: str, records: list[Record]) -> list[dict[str, Document]]:
    """Return records, each field an object with its value and what people read; journals are empty."""
    fields = shown_fields(session, call, _EVERYTHING, table)
    fields = fields.where(lambda field: field.column.family is not Family.JOURNAL)
    columns = session.dictionary.columns(table)
    rows = Shapes(session, call, _EVERYTHING, fields).results(records)
    internal = structs.replace(session.formats, date_pattern="yyyy-MM-dd", time_pattern="HH:mm:ss")
    journals = dict.fromkeys(session.dictionary.columns_of(table, Family.JOURNAL), _EMPTY)
    return [{**{name: _typed(columns[name], cell, internal) for name, cell in row.items()}, **journals} for row in rows]


def _typed(column: Column, cell: Value, internal: Formats) -> Document:
    """Return a field with a number or a boolean where its column holds one, and a moment in the user's zone."""
    display, value = (cell[name] for name in ("display_value", "value")) if isinstance(cell, dict) else (cell, cell)
    if column.family is Family.DATE_TIME:
        local = internal.date_time(value) if value else ""
        return {"display_value": display, "value": value, "display_value_internal": local}
    convert = _TYPES.get(column.family)
    return {"display_value": display, "value": convert(value) if convert and value else value}


def written(
    call: Call, session: Session, table: str, kept: frozenset[str] = frozenset()
) -> tuple[dict[str, str], list[str]]:
    """Return the values that a call writes, and the names of the fields that are ignored.

    Args:
        call: its body overrides its parameters.
        session: of the user.
        table: of the record.
        kept: columns that this API does not change.
    """
    report_ignored(call, (name for name in call.query if name.startswith(PREFIX)))
    given: dict[str, object] = {name: text for name, text in call.query.items() if not name.startswith(PREFIX)}
    given |= read_object(call, longest_body(session))
    given.pop(_ENCRYPTED, None)
    columns = session.dictionary.columns(table)
    ignored = sorted(name for name in given if name not in columns or columns[name].read_only or name in kept)
    values = {name: json_text(value) for name, value in given.items() if name not in ignored}
    return values, ignored
