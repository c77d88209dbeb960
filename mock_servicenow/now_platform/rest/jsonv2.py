"""The JSONv2 web service: ``/incident.do?JSONv2&sysparm_action=getRecords`` (Docs: JSONv2 web service)."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from typing import Any, TypeGuard

import orjson
from msgspec import Struct
from msgspec.structs import replace
from multidict import CIMultiDict

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import BadRequest, MethodNotAllowed, PlatformError, UnsupportedMediaType
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.fields import Field
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record, Values
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.address_queries import UI_LIMIT, asked_rows, row_limit
from mock_servicenow.now_platform.rest.answers import Layout, RowRange, json_answer, laid_out, page_parts
from mock_servicenow.now_platform.rest.call import JSON, Answer, Call, Steps, guarded
from mock_servicenow.now_platform.rest.catalog_orders import REQUESTED_ITEMS, variables_of_items
from mock_servicenow.now_platform.rest.formats import Result
from mock_servicenow.now_platform.rest.parameters import read_parameters
from mock_servicenow.now_platform.rest.record_bodies import check_length, longest_body, read_json, to_raw
from mock_servicenow.now_platform.rest.shapes import Shapes, shown_fields
from privman_core.cuts import cut
from privman_core.findings import MOST_FINDINGS
from privman_core.natural_numbers import natural_number

_LIMITS = Property("glide.processor.json.row_limit"), Property("glide.json.export.limit"), UI_LIMIT
_DISPLAYED = Property("glide.json.return_displayValue", "false")
_DISPLAYS = {"true": "true", "all": "all"}
_VERBS = ("GET", "HEAD", "POST")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_COUNT = "sysparm_record_count"
# Each may stand in the body as well, where it comes first.
_OWN = frozenset({"displayvalue", "displayvariables", "sysparm_action", "sysparm_sys_id", _COUNT})
_ANYWHERE = _OWN | {"sysparm_query", "sysparm_view"}
_UNREADABLE = "Exception while reading request"
_LONGEST_NAME = 100
_SUCCESS = {"__status": "success"}
_VARIABLES = "variables"
MOST_WRITTEN = 32 * 1024 * 1024
"""Bytes of the records that writes return, beyond which they are left out (I)."""
Action = Callable[["JsonService", "_JsonCall"], Answer | Steps]


class _JsonCall(Struct, frozen=True):
    """One call of the service.

    Attributes:
        parameters: those of the address, and of the body before them.
        records: the records that the body holds, with their values as text.
    """

    call: Call
    table: str
    parameters: Mapping[str, str]
    records: tuple[dict[str, str], ...]

    @property
    def sys_id(self) -> str:
        """The record that is meant; empty for none."""
        return self.parameters.get("sysparm_sys_id", "")

    @property
    def query(self) -> str:
        """The encoded query."""
        return self.parameters.get("sysparm_query", "")


class JsonService:
    """Reads and writes the records of any table, each under the rights of the user."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def answer(self, call: Call, table: str) -> Answer | Steps:
        """Answer a call on the address of a table; an error has the form that the page shows."""
        return guarded(partial(self._begin, call, table), _failure)

    def _begin(self, call: Call, table: str) -> Answer | Steps:
        asked, action = self._read(call, table)
        return action(self, asked)

    def _read(self, call: Call, table: str) -> tuple[_JsonCall, Action]:
        body = self._body(call, table)
        own, records = _parts_of(call, body)
        parameters = {**call.query, **own}
        writes = call.verb == "POST"
        usual = "get" if "sysparm_sys_id" in parameters else "getRecords"
        name = parameters.get("sysparm_action", "" if writes else usual)
        known = ACTIONS if writes else _READS
        action = known.get(name)
        if action is None:
            reason = f"Invalid sysparm_action {name}" if name else "Missing sysparm_action"
            raise BadRequest(reason, f"{call.verb} takes one of {', '.join(known)}")
        return _JsonCall(call, table, parameters, records), action

    def _body(self, call: Call, table: str) -> object:
        if call.verb not in _VERBS:
            raise MethodNotAllowed(call.verb, _VERBS)
        with self._instance.transaction(call.user, call.findings) as session:
            session.check_reach(table)
            check_length(call, longest_body(session))
        if call.headers.get("Content-Type", "").partition(";")[0].strip().lower() in _FORMS:
            raise UnsupportedMediaType
        return read_json(call) if call.body.strip() else {}

    # Reading

    def get_records(self, asked: _JsonCall) -> Answer:
        """Return the records that a query matches, or the one that is named."""
        return self._list(asked, None)

    def get_keys(self, asked: _JsonCall) -> Answer:
        """Return the sys_ids of the records that a query matches."""
        return self._list(asked, ("sys_id",))

    def _list(self, asked: _JsonCall, names: tuple[str, ...] | None) -> Answer:
        found, further, shape = self._rows(asked, names)
        layout = Layout(b'{"records":[', _written_keys if names else shape.written, b",", b"]}")
        return laid_out(layout, found, further, CIMultiDict({"Content-Type": JSON}))

    def _rows(
        self, asked: _JsonCall, names: tuple[str, ...] | None, *, strict: bool = False
    ) -> "tuple[list[Result], Iterator[list[Result]] | None, _JsonShape]":
        """Return the first results that are meant, further ones, and how they are written."""
        call = asked.call
        with self._instance.transaction(call.user, call.findings) as session:
            query = asked_rows(session, asked.table, asked.query, asked.sys_id, strict=strict)
            limit = row_limit(session, asked.parameters.get(_COUNT, ""), _LIMITS)
            rows = RowRange(asked.table, query, limit, 0)
            shape = _JsonShape(session, asked, names)
            found, further = page_parts(
                call, self._instance, session, rows, rows.beginning(session), shape.shown, repeats=shape.repeats
            )
            return found, further, shape

    # Writing

    def insert(self, asked: _JsonCall) -> Steps:
        """Create one record or several and return each as it is then, or why it was refused."""
        works = [(values, partial(_insert, asked, values)) for values in asked.records]
        return self._work_off(asked, works, "Insert into")

    def update(self, asked: _JsonCall) -> Steps:
        """Change every record that a query matches, or the one that is named, and return each."""
        if len(asked.records) != 1:
            raise BadRequest(_UNREADABLE, f"update takes one record; got {len(asked.records)}")
        [values] = asked.records
        ids = yield from self._named(asked, "update")
        works = (({"sys_id": sys_id}, partial(_update, asked, values, sys_id)) for sys_id in ids)
        return (yield from self._work_off(asked, works, "Update of"))

    def delete(self, asked: _JsonCall) -> Steps:
        """Delete every record that a query matches, or the one that is named, and return their sys_ids."""
        ids = yield from self._named(asked, "delete")
        works = (({"sys_id": sys_id}, partial(_delete, asked, sys_id)) for sys_id in ids)
        return (yield from self._work_off(asked, works, "Delete of"))

    def _named(self, asked: _JsonCall, verb: str) -> Generator[None, Any, list[str]]:
        """Return the sys_ids of the records that are meant; raises BadRequest unless all that was asked says so."""
        if not (asked.query or asked.sys_id):
            raise BadRequest(f"Cannot {verb} with empty sysparm_query")
        wanted = asked.parameters.get(_COUNT, "")
        if wanted and natural_number(wanted) is None:
            raise BadRequest(
                f"Invalid {_COUNT}", f"{_COUNT} is '{cut(wanted, _LONGEST_NAME)}'; expected a whole number"
            )
        keys, further = self._rows(asked, ("sys_id",), strict=True)[:2]
        ids: list[str] = []
        for part in chain([keys], further or ()):
            ids += [str(key["sys_id"]) for key in part]
            yield None
        return ids

    def _work_off(self, asked: _JsonCall, works: "Iterable[tuple[Mapping[str, str], _Work]]", named: str) -> Steps:
        """Run each write in its own transaction; a refused one does not stop the rest."""
        done = _Done(asked.call)
        for values, work in works:
            record: Mapping[str, object]
            try:
                with self._instance.next_transaction(asked.call.user, asked.call.findings) as session:
                    record = {**_SUCCESS, **work(session)}
            except PlatformError as error:
                reason = {"message": f"Invalid {named}: {asked.table}", "reason": error.detail or error.message}
                record = {"__error": reason, "__status": "failure", **values}
            done.add(record)
            yield None
        return done.answer()


class _Done:
    """The records of an answer, written one by one; those beyond `MOST_WRITTEN` have just their sys_id and status."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._texts: list[bytes] = []
        self._size = 0

    def add(self, record: Mapping[str, object]) -> None:
        """Write a record."""
        text = orjson.dumps(record)
        if self._size + len(text) > MOST_WRITTEN:
            message = f"the answer has more than {MOST_WRITTEN:,} bytes: records are left out, but for their sys_ids"
            self._call.swallowed("records-left-out", message)
            text = orjson.dumps({name: record[name] for name in ("__status", "sys_id") if name in record})
        self._texts.append(text)
        self._size += len(text)

    def answer(self) -> Answer:
        """Return the answer."""
        return Answer(200, b'{"records":[' + b",".join(self._texts) + b"]}", CIMultiDict({"Content-Type": JSON}))


def _insert(asked: _JsonCall, values: dict[str, str], session: Session) -> dict[str, str]:
    return _after(asked, session, session.insert(asked.table, _stored(asked, session, values)))


def _update(asked: _JsonCall, values: dict[str, str], sys_id: str, session: Session) -> dict[str, str]:
    return _after(asked, session, session.update(asked.table, sys_id, _stored(asked, session, values)))


def _delete(asked: _JsonCall, sys_id: str, session: Session) -> dict[str, str]:
    session.delete(asked.table, sys_id)
    return {"sys_id": sys_id}


def _after(asked: _JsonCall, session: Session, record: Record) -> dict[str, str]:
    shape = _JsonShape(session, asked, None)
    return shape.records(shape.results(session, [record]))[0]


_Work = Callable[[Session], Mapping[str, str]]
_READS: Mapping[str, Action] = {
    "get": JsonService.get_records,
    "getRecords": JsonService.get_records,
    "getKeys": JsonService.get_keys,
}
ACTIONS: Mapping[str, Action] = {
    **_READS,
    "insert": JsonService.insert,
    "insertMultiple": JsonService.insert,
    "update": JsonService.update,
    "deleteRecord": JsonService.delete,
    "deleteMultiple": JsonService.delete,
}


class _JsonShape:
    """The records of one answer."""

    def __init__(self, session: Session, asked: _JsonCall, names: tuple[str, ...] | None) -> None:
        display = _DISPLAYS.get(_display(session, asked).lower(), "false")
        parameters = read_parameters(asked.call, also=_OWN)
        view = asked.parameters.get("sysparm_view", "")
        self._parameters = replace(
            parameters, display=display, exclude_reference_link=True, fields=names or parameters.fields, view=view
        )
        self._call, self._table = asked.call, asked.table
        self._fields = shown_fields(session, asked.call, self._parameters, asked.table)
        self._with_variables = names is None and _shows_variables(session, asked)
        shapes = Shapes(session, self._call, self._parameters, self._fields)
        self.repeats = shapes.repeats or self._with_variables

    def shown(self, session: Session, rows: list[Values]) -> list[Result]:
        """Return the results for rows."""
        return self.results(session, [session.record(self._table, row) for row in rows])

    def results(self, session: Session, records: list[Record]) -> list[Result]:
        """Return the results for records; the variables of requested items as JSON."""
        results = Shapes(session, self._call, self._parameters, self._fields).results(records)
        if not self._with_variables:
            return results
        variables = variables_of_items(session, records)
        return [
            {**result, _VARIABLES: orjson.dumps(variables[record.sys_id]).decode()}
            for record, result in zip(records, results, strict=True)
        ]

    def records(self, results: list[Result]) -> list[dict[str, str]]:
        """Return the results as the service has them: flat, each with its status."""
        return [{**_SUCCESS, **_flat(self._fields.fields, result)} for result in results]

    def _written(self, result: Result) -> Mapping[str, object]:
        [record] = self.records([result])
        return {**record, _VARIABLES: orjson.Fragment(str(result[_VARIABLES]))} if self._with_variables else record

    def written(self, results: list[Result]) -> bytes:
        """Return the records as text within an array."""
        return orjson.dumps([self._written(result) for result in results])[1:-1]


def _shows_variables(session: Session, asked: _JsonCall) -> bool:
    """Return whether records have their variables beside them; only requested items do."""
    if asked.parameters.get("displayvariables", "").lower() != "true":
        return False
    requested = REQUESTED_ITEMS in session.dictionary.lineage(asked.table)
    if not requested:
        asked.call.swallowed("parameter-ignored", f"displayvariables: records of {asked.table} have no variables")
    return requested


def _display(session: Session, asked: _JsonCall) -> str:
    usual = session.system_property(_DISPLAYED)
    return asked.parameters.get("displayvalue", usual)


def _flat(fields: Iterable[Field], result: Result) -> dict[str, str]:
    """Return a record's texts; where both forms are asked for, what people read has a name that begins with dv_."""
    flat: dict[str, str] = {}
    for field in fields:
        value = result[field.key]
        flat[field.key] = value if isinstance(value, str) else value["value"]
        if not isinstance(value, str):
            flat.setdefault(f"dv_{field.key}", value["display_value"])
    return flat


def _written_keys(results: list[Result]) -> bytes:
    return orjson.dumps([result["sys_id"] for result in results])[1:-1]


def _parts_of(call: Call, body: object) -> tuple[dict[str, str], tuple[dict[str, str], ...]]:
    """Return the parameters in a body, and its records; raises BadRequest for a body that holds no records."""
    own = _texts(body, lambda name: name in _ANYWHERE) if isinstance(body, dict) else {}
    given = body.get("records", [body]) if isinstance(body, dict) else body
    records = [_texts(record, lambda name: name not in _ANYWHERE) for record in given] if _is_records(given) else None
    if records is None:
        raise BadRequest(_UNREADABLE, "Expected a record, or an array of records")
    if isinstance(body, dict) and "records" in body:
        beside = (name for name in body if name != "records" and name not in _ANYWHERE)
        for name in islice(beside, MOST_FINDINGS + 1):
            call.swallowed("parameter-ignored", f"'{cut(name, _LONGEST_NAME)}' beside records was ignored", "body")
    return own, tuple(records)


def _is_records(value: object) -> TypeGuard[list[dict[str, object]]]:
    return isinstance(value, list) and all(isinstance(record, dict) for record in value)


def _texts(values: Mapping[str, object], kept: Callable[[str], bool]) -> dict[str, str]:
    return {name: json_text(value) for name, value in values.items() if kept(name)}


def _stored(asked: _JsonCall, session: Session, values: dict[str, str]) -> dict[str, str]:
    """Return a client's values as they are stored; a choice may be given by its label, as in the page's example."""
    columns = session.schema.plans[asked.table].columns
    raw = to_raw(session, asked.table, values, display=False)
    labels = {
        name: choice.value
        for name, text in raw.items()
        if name in columns
        for choice in columns[name].choices
        if choice.label == text
    }
    return {**raw, **labels}


def _failure(error: PlatformError) -> Answer:
    answer = json_answer({"_error": error.message, "reason": error.detail}, error.status)
    answer.headers.update(error.headers)
    return answer
