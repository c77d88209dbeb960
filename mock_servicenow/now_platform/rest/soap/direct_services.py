"""Direct web services: the operations that every table has, one row each (platform 7.6; Docs: direct web services)."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import orjson
import sqlalchemy as sa
from multidict import MultiDict

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.errors import ApiAccessDenied, PlatformError, RecordNotFound, SoapError
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.records.fields import Fields
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record, Values
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import RowRange, page_parts
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.exports import ordered
from mock_servicenow.now_platform.rest.formats import Result
from mock_servicenow.now_platform.rest.parameters import Parameters, asked_query
from mock_servicenow.now_platform.rest.record_bodies import to_raw
from mock_servicenow.now_platform.rest.shapes import Shapes, shown_fields
from mock_servicenow.now_platform.rest.soap.soap_message import Element, SoapRequest, Writer, elements
from mock_servicenow.now_platform.rest.stats_api import StatsApi
from privman_core.cuts import cut
from privman_core.near_words import hint

MOST_RECORDS = 250
"""Records that one request gets."""
STRICT = Property("glide.soap.strict_security", "true")
_DISPLAYED = Property("glide.soap.return_displayValue", "false")
_OMITTED = Property("glide.soap.omit_null_values")
QUERY_WORDS = (
    "__use_view",
    "__encoded_query",
    "__limit",
    "__first_row",
    "__last_row",
    "__order_by",
    "__order_by_desc",
    "__exclude_columns",
)
NUMBERS = ("__limit", "__first_row", "__last_row")
"""Those of them that are numbers."""
FUNCTIONS = ("COUNT", "SUM", "MIN", "MAX", "AVG")
_AGGREGATES = (*FUNCTIONS, "LAST", "GROUP_BY", "HAVING")
EMPTIES = "allow_empty_value"
"""The parameter of an address by which empty elements clear columns."""
DISPLAY = "the display column"
"""Stands for it among the names of what a response holds."""
_LONGEST_NAME = 100
_FAILED = "com.glide.processors.soap.SOAPProcessingException"
_BOOLEANS = {"true": "1", "false": "0"}
Run = Callable[["Service", "SoapCall"], Answer | Steps]


@dataclass(frozen=True, slots=True)
class TableOperation:
    """One operation.

    Attributes:
        roles: any of them opens it.
        run: answers a call.
        takes: what a request may hold beside the columns of the table.
        columns: whether a request may hold these.
        gives: what the response holds; empty for the columns of the table.
        repeated: the element around each record of the response; empty for none.
    """

    roles: tuple[str, ...]
    run: Run
    takes: tuple[str, ...] = ()
    columns: bool = True
    gives: tuple[str, ...] = ()
    repeated: str = ""


@dataclass(frozen=True, slots=True)
class SoapCall:
    """One request on a table, and what writes its answer."""

    call: Call
    table: str
    operation: Element
    writer: Writer

    @property
    def values(self) -> dict[str, str]:
        """The values of columns in the request."""
        return {name: text for name, text in self.operation.values.items() if not name.startswith("__")}

    def word(self, name: str) -> str:
        """Return the text of an extended query parameter; empty for none."""
        return self.operation.values.get(f"__{name}", "")


class Service:
    """Answers the requests on any table, under the rights of their users."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._stats = StatsApi(instance)

    def answer(self, call: Call, table: str, request: SoapRequest, writer: Writer) -> Answer | Steps:
        """Answer a request; raises PlatformError."""
        with self._instance.transaction(call.user, call.findings) as session:
            session.check_reach(table)
            operation = OPERATIONS.get(request.operation.name)
            if operation is None:
                raise SoapError(f"Unsupported SOAP operation {request.operation.name}")
            check_role(session, operation.roles)
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
        """Return what the Aggregate API computes of the records that match."""
        call = replace(asked.call, verb="GET", query=_statistics(asked), headers={}, resource=("stats", asked.table))
        answer = self._stats.answer(call)
        result = orjson.loads(b"".join((answer.body, *(answer.pieces or ()))))["result"]
        groups = result if isinstance(result, list) else [result]
        content = "".join(f"<aggregateResult>{elements(_group(each))}</aggregateResult>" for each in groups)
        return asked.writer.answer(content.encode())

    # Writing

    def insert(self, asked: SoapCall) -> Answer:
        """Create a record."""
        with self._instance.transaction(asked.call.user, asked.call.findings) as session:
            try:
                return asked.writer.answer(_inserted(session, asked, asked.values).encode())
            except PlatformError as error:
                raise SoapError(f"{_FAILED}: Insert Aborted : {error.detail or error.message}") from None

    def insert_multiple(self, asked: SoapCall) -> Steps:
        """Create several records; of one that is refused the response says why, as an import's does (I)."""
        written: list[str] = []
        for record in asked.operation.children:
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
_OUTCOME = ("sys_id", DISPLAY, "status", "error_message")
READERS = _QUERY
"""Who may read the description of a service."""
OPERATIONS: Mapping[str, TableOperation] = {
    "get": TableOperation(_QUERY, Service.get, ("sys_id", "__use_view", "__exclude_columns"), columns=False),
    "getKeys": TableOperation(_QUERY, Service.get_keys, QUERY_WORDS, gives=("sys_id", "count")),
    "getRecords": TableOperation(_QUERY, Service.get_records, QUERY_WORDS, repeated="getRecordsResult"),
    "insert": TableOperation(_CREATE, Service.insert, gives=("sys_id", DISPLAY)),
    "insertMultiple": TableOperation(_CREATE, Service.insert_multiple, gives=_OUTCOME, repeated="insertResponse"),
    "update": TableOperation(_UPDATE, Service.update, ("sys_id",), gives=("sys_id",)),
    "deleteRecord": TableOperation(_DELETE, Service.delete_record, ("sys_id",), columns=False, gives=("count",)),
    "deleteMultiple": TableOperation(_DELETE, Service.delete_multiple, QUERY_WORDS, gives=("count",)),
    "aggregate": TableOperation(
        _QUERY, Service.aggregate, (*_AGGREGATES, "__encoded_query"), repeated="aggregateResult"
    ),
}


def check_role(session: Session, roles: tuple[str, ...]) -> None:
    """Raise ApiAccessDenied unless the user has one of the roles, or the instance demands none."""
    if session.is_on(STRICT) and not session.user.has_any(roles):
        raise ApiAccessDenied


class _SoapColumns:
    """The columns that a request asks for, and how their values are written."""

    def __init__(self, session: Session, asked: SoapCall) -> None:
        usual = session.system_property(_DISPLAYED)
        display = asked.call.query.get("displayvalue", usual).lower()
        self._display = display if display in {"true", "all"} else "false"
        self._omits = session.is_on(_OMITTED)
        self._parameters = Parameters(display=self._display, exclude_reference_link=True, view=asked.word("use_view"))
        self._call, self._table = asked.call, asked.table
        excluded = set(asked.word("exclude_columns").split(","))
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
        """Yield names and texts: 1 and 0 for booleans; what people read of a reference has a name of its own."""
        for field in self._fields.fields:
            value = result[field.key]
            text = value if isinstance(value, str) else value["value"]
            if field.column.family is Family.BOOLEAN:
                text = _BOOLEANS.get(text, text)
            if text or not self._omits:
                yield field.key, text
            if not isinstance(value, str) and field.column.is_reference:
                yield f"dv_{field.key}", value["display_value"]


def _check_example(asked: SoapCall) -> None:
    """Raise SoapError unless a request to delete says which records, in words that it may hold."""
    if not asked.values and not asked.word("encoded_query"):
        raise SoapError(f"{_FAILED}: {asked.operation.name} needs a value to look for")
    for name, text in asked.operation.values.items():
        if name.startswith("__") and name not in QUERY_WORDS:
            raise SoapError(f"{_FAILED}: unknown parameter '{cut(name, _LONGEST_NAME)}'{hint(name, QUERY_WORDS)}")
        if name in NUMBERS and _number(text) is None:
            raise SoapError(f"{_FAILED}: {name} is '{cut(text, _LONGEST_NAME)}'; expected a whole number")


def _rows(session: Session, asked: SoapCall, most: int, *, strict: bool = False) -> RowRange:
    """Return the rows that a request means: those with its values that match its query, in its window."""
    limit, first, last = (_number(asked.word(name.strip("_"))) for name in NUMBERS)
    wanted = [each for each in (most, limit, None if last is None else max(0, last - (first or 0))) if each is not None]
    return RowRange(asked.table, _query(session, asked, strict=strict), min(wanted), first or 0)


def _number(text: str) -> int | None:
    return int(text[:9]) if text.isascii() and text.isdecimal() else None


def _query(session: Session, asked: SoapCall, *, strict: bool) -> CompiledQuery:
    query = ordered(asked.word("encoded_query"), asked.word("order_by"))
    descending = asked.word("order_by_desc")
    query = f"{query}^ORDERBYDESC{descending}" if descending else query
    found = session.compiled(asked.table, query, strict=strict)
    if not asked.values:
        return found
    alike = asked_query(session, asked.table, "", tuple(asked.values.items()), strict=strict)
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


def _statistics(asked: SoapCall) -> MultiDict[str]:
    """Return the parameters of the Aggregate API that compute the same; a value with a caret ends at it."""
    texts = asked.operation.texts
    alike = (f"{name}={text}" for name, text in asked.values.items() if name not in _AGGREGATES)
    given = {
        "sysparm_query": "^".join(filter(None, [asked.word("encoded_query"), *alike])),
        "sysparm_count": "true" if texts("COUNT") else "",
        **{f"sysparm_{function.lower()}_fields": ",".join(texts(function)) for function in FUNCTIONS[1:]},
        "sysparm_group_by": ",".join(texts("GROUP_BY")),
        "sysparm_having": ",".join(text.replace("^*^", "^^") for text in texts("HAVING")),
    }
    return MultiDict((name, text) for name, text in given.items() if text)


def _group(result: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield the names and texts of one result: the aggregates, then what the records have in common."""
    for function, value in result["stats"].items():
        yield function, value if isinstance(value, str) else next(iter(value.values()))
    for each in result.get("groupby_fields", ()):
        yield each["field"], each["value"]
