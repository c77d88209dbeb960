"""Direct web services: the operations that every table has, one row each (Docs: direct web services)."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.errors import ApiAccessDenied, PlatformError, RecordNotFound, SoapError
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.query.aggregates import LAST, Aggregate, Grouping, read_having
from mock_servicenow.now_platform.records.fields import Fields
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record, Values
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.address_queries import ordered
from mock_servicenow.now_platform.rest.answers import RowRange, page_parts
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.computed_groups import Groups, Rows, computed_groups, first_entries
from mock_servicenow.now_platform.rest.formats import Result
from mock_servicenow.now_platform.rest.parameters import Parameters, asked_query, choice, report_ignored
from mock_servicenow.now_platform.rest.record_bodies import to_raw
from mock_servicenow.now_platform.rest.shapes import Shapes, shown_fields
from mock_servicenow.now_platform.rest.soap.soap_message import Element, SoapRequest, Writer, elements
from mock_servicenow.now_platform.rest.soap.table_operations import (
    COLUMNS,
    DISPLAY,
    DISPLAYED,
    FAILED,
    LONGEST_NAME,
    NUMBERS,
    QUERY_WORDS,
    RECORD,
    SoapCall,
    TableOperation,
    number,
)
from privman_core.cuts import cut
from privman_core.findings import MOST_FINDINGS

MOST_RECORDS = 250
"""Records that one request gets."""
STRICT = Property("glide.soap.strict_security", "true")
_DISPLAYED = Property("glide.soap.return_displayValue", "false")
_OMITTED = Property("glide.soap.omit_null_values")
_FUNCTIONS = ("sum", "min", "max", "avg", LAST)
"""Aggregates of columns, in the order of a response."""
_LISTS = (*map(str.upper, _FUNCTIONS), "GROUP_BY", "HAVING")
_AGGREGATES = ("COUNT", *_LISTS)
DISPLAY_FORM, _FORMS = "displayvalue", ("false", "true", "all")
EMPTIES = "allow_empty_value"
"""The parameter of an address by which empty elements clear columns."""
_BOOLEANS = {"true": "1", "false": "0"}


class DirectServices:
    """Answers the requests on any table, under the rights of their users.

    Args:
        instance: whose tables they are.
        operations: those that a table has, by name.
    """

    def __init__(self, instance: Instance, operations: "Mapping[str, TableOperation]") -> None:
        self._instance = instance
        self._operations = operations

    def answer(self, call: Call, table: str, request: SoapRequest, writer: Writer) -> Answer | Steps:
        """Answer a request; raises PlatformError."""
        with self._instance.transaction(call.user, call.findings) as session:
            session.check_reach(table)
            operation = self._operations.get(request.operation.name)
            if operation is None:
                raise SoapError(f"Unsupported SOAP operation {request.operation.name}")
            check_soap_role(session, operation.roles)
        report_ignored(call, call.query.keys() - {DISPLAY_FORM, EMPTIES})
        _check(call, operation, request.operation)
        return operation.run(self, SoapCall(call, table, request.operation, writer))

    # Reading

    def get(self, asked: SoapCall) -> Answer:
        """Return one record, an empty response where there is none (I)."""
        with self._instance.transaction(asked.call.user, asked.call.findings) as session:
            record = session.get(asked.table, asked.values.get("sys_id", ""))
            shown = _SoapColumns(session, asked)
            content = "" if record is None else shown.written(shown.results(session, [record]))[0]
            return asked.writer.answer(content.encode())

    def get_records(self, asked: SoapCall) -> Answer:
        """Return the records that match."""
        with self._instance.transaction(asked.call.user, asked.call.findings) as session:
            shown = _SoapColumns(session, asked)
            rows = _rows(session, asked, MOST_RECORDS)
            found, further = page_parts(
                asked.call, self._instance, session, rows, rows.beginning(session), shown.rows, repeats=shown.repeats
            )

            def write(results: list[Result]) -> bytes:
                texts = (f"<getRecordsResult>{text}</getRecordsResult>" for text in shown.written(results))
                return "".join(texts).encode()

            return asked.writer.pieces(write, found, further)

    def get_keys(self, asked: SoapCall) -> Steps:
        """Return the sys_ids of the records that match, and how many there are."""
        ids = yield from self._ids(asked)
        return asked.writer.answer(elements({"sys_id": ",".join(ids), "count": str(len(ids))}).encode())

    def aggregate(self, asked: SoapCall) -> Answer:
        """Return aggregates of the records that match, one result for each group."""
        with self._instance.transaction(asked.call.user, asked.call.findings) as session:
            example = {name: text for name, text in asked.values.items() if name not in _AGGREGATES}
            query = _query(session, asked.table, asked.word("encoded_query"), example)
            ignore = partial(_ignore, asked.call)
            groups = computed_groups(session, asked.call, asked.table, query.where, _grouping(asked), ignore)
            order = {name: place for place, name in enumerate(session.dictionary.columns(asked.table))}

        def show(_session: Session, rows: Rows) -> list[str]:
            return [elements(_of_group(groups, order, row)) for row in rows]

        def write(texts: list[str]) -> bytes:
            return "".join(f"<aggregateResult>{text}</aggregateResult>" for text in texts).encode()

        return asked.writer.pieces(write, [], groups.parts(self._instance, asked.call, show))

    # Writing

    def insert(self, asked: SoapCall) -> Answer:
        """Create a record."""
        with self._instance.transaction(asked.call.user, asked.call.findings) as session:
            try:
                return asked.writer.answer(_inserted(session, asked, asked.values).encode())
            except PlatformError as error:
                raise SoapError(f"{FAILED}: Insert Aborted : {error.detail or error.message}") from None

    def insert_multiple(self, asked: SoapCall) -> Steps:
        """Create several records; of one that is refused the response says why, as an import's does (I)."""
        written: list[str] = []
        for record in (each for each in asked.operation.children if each.name == RECORD):
            try:
                with self._instance.next_transaction(asked.call.user, asked.call.findings) as session:
                    content = _inserted(session, asked, record.values)
            except PlatformError as error:
                content = elements({"status": "error", "error_message": error.detail or error.message})
            written.append(f"<insertResponse>{content}</insertResponse>")
            yield None
        return asked.writer.answer("".join(written).encode())

    def update(self, asked: SoapCall) -> Answer:
        """Change a record."""
        sys_id = asked.values.get("sys_id", "")
        values = {name: text for name, text in asked.values.items() if name != "sys_id"}
        with self._instance.transaction(asked.call.user, asked.call.findings) as session:
            session.update(asked.table, sys_id, _raw(session, asked, values))
        return asked.writer.answer(elements({"sys_id": sys_id}).encode())

    def delete_record(self, asked: SoapCall) -> Answer:
        """Delete a record."""
        with self._instance.transaction(asked.call.user, asked.call.findings) as session:
            try:
                session.delete(asked.table, asked.values.get("sys_id", ""))
            except RecordNotFound:
                return asked.writer.answer(elements({"count": "0"}).encode())
        return asked.writer.answer(elements({"count": "1"}).encode())

    def delete_multiple(self, asked: SoapCall) -> Steps:
        """Delete the records that match, as far as the user may, and return how many those were."""
        _check_example(asked)
        ids = yield from self._ids(asked, strict=True)
        count = 0
        for sys_id in ids:
            try:
                with self._instance.next_transaction(asked.call.user, asked.call.findings) as session:
                    session.delete(asked.table, sys_id)
                count += 1
            except PlatformError as error:
                asked.call.swallowed("record-not-deleted", f"{asked.table} {sys_id} was not deleted: {error}")
            yield None
        return asked.writer.answer(elements({"count": str(count)}).encode())

    def _ids(self, asked: SoapCall, *, strict: bool = False) -> Generator[None, Any, list[str]]:
        """Return the sys_ids of the records that match, `MOST_KEYS` at most; raises as `Session.accept` does."""

        def show(_session: Session, rows: list[Values]) -> list[Result]:
            return [{"sys_id": row["sys_id"]} for row in rows]

        with self._instance.transaction(asked.call.user, asked.call.findings) as session:
            rows = _rows(session, asked, MOST_KEYS, strict=strict)
            found, further = page_parts(asked.call, self._instance, session, rows, rows.beginning(session), show)
        ids: list[str] = []
        for part in chain([found], further or ()):
            ids += [str(each["sys_id"]) for each in part]
            yield None
        return ids


MOST_KEYS = 10_000
"""Records of which one request gets the sys_ids, or that it deletes (I)."""
_QUERY = ("soap", "soap_query", "soap_query_update")
_UPDATE = ("soap", "soap_update", "soap_query_update")
_CREATE, _DELETE = ("soap", "soap_create"), ("soap", "soap_delete")
_EXAMPLE = (*QUERY_WORDS, COLUMNS)
READERS = _QUERY
"""Who may read the description of a service."""
OPERATIONS: Mapping[str, TableOperation] = {
    "get": TableOperation(
        _QUERY, DirectServices.get, ("sys_id", "__use_view", "__exclude_columns"), (COLUMNS,), displays=True
    ),
    "getKeys": TableOperation(_QUERY, DirectServices.get_keys, _EXAMPLE, ("sys_id", "count")),
    "getRecords": TableOperation(
        _QUERY, DirectServices.get_records, _EXAMPLE, (COLUMNS,), "getRecordsResult", displays=True
    ),
    "insert": TableOperation(_CREATE, DirectServices.insert, (COLUMNS,), ("sys_id", DISPLAY)),
    "insertMultiple": TableOperation(
        _CREATE,
        DirectServices.insert_multiple,
        (RECORD,),
        ("sys_id", DISPLAY, "status", "error_message"),
        "insertResponse",
    ),
    "update": TableOperation(_UPDATE, DirectServices.update, ("sys_id", COLUMNS), ("sys_id",)),
    "deleteRecord": TableOperation(_DELETE, DirectServices.delete_record, ("sys_id",), ("count",)),
    "deleteMultiple": TableOperation(_DELETE, DirectServices.delete_multiple, _EXAMPLE, ("count",), strict=True),
    "aggregate": TableOperation(
        _QUERY,
        DirectServices.aggregate,
        (*_AGGREGATES, "__encoded_query", COLUMNS),
        ("count", *_FUNCTIONS, COLUMNS),
        "aggregateResult",
        lists={*_LISTS, *_FUNCTIONS},
    ),
}


def check_soap_role(session: Session, roles: tuple[str, ...]) -> None:
    """Raise ApiAccessDenied unless the user has one of the roles, or the instance demands none."""
    if session.is_on(STRICT) and not session.user.has_any(roles):
        raise ApiAccessDenied


def display_form(call: Call, session: Session) -> str:
    """Return whether a response has values (``false``), what people read (``true``), or both (``all``)."""
    usual = session.system_property(_DISPLAYED).lower()
    given = choice(call, DISPLAY_FORM, _FORMS) if DISPLAY_FORM in call.query else usual
    return given if given in _FORMS else _FORMS[0]


class _SoapColumns:
    """The columns that a request asks for, and how their values are written."""

    def __init__(self, session: Session, asked: SoapCall) -> None:
        self._omits = session.is_on(_OMITTED)
        self._parameters = Parameters(
            display=display_form(asked.call, session), exclude_reference_link=True, view=asked.word("use_view")
        )
        self._call, self._table = asked.call, asked.table
        excluded = {name.strip() for name in asked.word("exclude_columns").split(",") if name.strip()}
        self._columns = columns = session.dictionary.columns(asked.table)
        for name in islice(sorted(excluded - columns.keys()), MOST_FINDINGS + 1):
            message = f"__exclude_columns names '{cut(name, LONGEST_NAME)}', which {asked.table} lacks: it was ignored"
            asked.call.swallowed("field-ignored", message, "body")
        fields = shown_fields(session, asked.call, self._parameters, asked.table)
        self._fields: Fields = fields.where(lambda field: field.key not in excluded)
        self.repeats = Shapes(session, asked.call, self._parameters, self._fields).repeats

    def rows(self, session: Session, rows: list[Values]) -> list[Result]:
        """Return the results for rows."""
        return self.results(session, [session.record(self._table, row) for row in rows])

    def results(self, session: Session, records: list[Record]) -> list[Result]:
        """Return the results for records."""
        return Shapes(session, self._call, self._parameters, self._fields).results(records)

    def written(self, results: list[Result]) -> list[str]:
        """Return each result as elements."""
        return [elements(self._texts(result)) for result in results]

    def _texts(self, result: Result) -> Iterable[tuple[str, str]]:
        """Yield names and texts: 1 and 0 for booleans; what people read beside a value has a name of its own."""
        for field in self._fields.fields:
            value = result[field.key]
            text = _text(field.column, value if isinstance(value, str) else value["value"])
            if text or not self._omits:
                yield field.key, text
            if isinstance(value, str) or (named := DISPLAYED.format(field.key)) in self._columns:
                continue
            if value["display_value"] or not self._omits:
                yield named, value["display_value"]


def _check(call: Call, operation: TableOperation, request: Element) -> None:
    """Raise SoapError for the first mistake of a request that must have none; those of others become findings."""
    for mistake in islice(operation.mistakes(request), MOST_FINDINGS + 1):
        if operation.strict:
            raise SoapError(f"{FAILED}: {mistake}")
        call.swallowed("parameter-ignored", f"{mistake}: it was ignored", "body")


def _check_example(asked: SoapCall) -> None:
    """Raise SoapError unless the delete request selects records."""
    if not asked.values and not asked.word("encoded_query"):
        raise SoapError(f"{FAILED}: {asked.operation.name} needs a value to look for")


def _rows(session: Session, asked: SoapCall, most: int, *, strict: bool = False) -> RowRange:
    """Return the rows that a request means: those with its values that match its query, in its window."""
    limit, first, last = (number(asked.word(name.strip("_"))) for name in NUMBERS)
    wanted = [each for each in (most, limit, None if last is None else max(0, last - (first or 0))) if each is not None]
    query = ordered(asked.word("encoded_query"), asked.word("order_by"), asked.word("order_by_desc"))
    found = _query(session, asked.table, query, asked.values, strict=strict)
    return RowRange(asked.table, found, min(wanted), first or 0)


def _query(
    session: Session, table: str, encoded: str, example: Mapping[str, str], *, strict: bool = False
) -> CompiledQuery:
    """Return the query for the records that an encoded query matches and whose columns have the example's values."""
    found = session.compiled(table, encoded, strict=strict)
    if not example:
        return found
    alike = asked_query(session, table, "", tuple(example.items()), strict=strict)
    return replace(found, where=sa.and_(found.where, alike.where))


def _inserted(session: Session, asked: SoapCall, values: Mapping[str, str]) -> str:
    """Create a record and return the elements that name it."""
    record = session.insert(asked.table, _raw(session, asked, values))
    display = session.dictionary.display_column(asked.table)
    named = {} if display == "sys_id" else {display: session.display(record, display)}
    return elements({"sys_id": record.sys_id, **named})


def _raw(session: Session, asked: SoapCall, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values to store: an empty element clears its column only where the address allows that."""
    clears = asked.call.query.get(EMPTIES, "").lower() == "true"
    given = {name: text for name, text in values.items() if text or clears}
    return to_raw(session, asked.table, given, display=True)


def _grouping(asked: SoapCall) -> Grouping:
    """Return the aggregates that a request asks for."""
    call, texts = asked.call, asked.operation.texts
    entries = {name: first_entries(call, name, filter(None, texts(name))) for name in _LISTS}
    counted = (Aggregate("count"),) * bool(texts("COUNT"))
    computed = (Aggregate(function, path) for function in _FUNCTIONS for path in entries[function.upper()])
    having = [read_having(text.replace("^*^", "^^")) for text in entries["HAVING"]]
    if None in having:
        _ignore(call, "having", "holds a text that is not aggregate^field^operator^number")
    return Grouping((*counted, *computed), tuple(entries["GROUP_BY"]), tuple(filter(None, having)))


def _ignore(call: Call, of: str, reason: str) -> None:
    call.swallowed("parameter-ignored", f"{of.upper()} {reason}: it was ignored", of.upper())


def _of_group(groups: Groups, order: Mapping[str, int], row: Sequence[Any]) -> Iterable[tuple[str, str]]:
    """Yield names and texts: the aggregates, then what the records have in common, in the order of the columns."""
    group = groups.group(row)
    yield from ((one.function, text) for one, text in group.aggregates)
    for path, value in sorted(group.common, key=lambda pair: order.get(pair[0], len(order))):
        yield path, _text(groups.column(path), value)


def _text(column: Column, value: str) -> str:
    """Return a value as elements have it: 1 and 0 for booleans."""
    return _BOOLEANS.get(value, value) if column.family is Family.BOOLEAN else value
