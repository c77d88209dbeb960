"""The Table API: lists, reads and writes of records, and the tiny URLs for its long queries."""

from collections.abc import Callable

import orjson
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import MethodNotAllowed, RecordNotFound, UnknownPath, UnreadableBody
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record, Values
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import (
    RowRange,
    add_links,
    list_answer,
    page_parts,
    result_answer,
    result_length,
)
from mock_servicenow.now_platform.rest.call import JSON, Answer, Call, address_of, parameters_of, query_of
from mock_servicenow.now_platform.rest.formats import Result, response_format
from mock_servicenow.now_platform.rest.parameters import Parameters, asked_query, read_parameters, report_ignored
from mock_servicenow.now_platform.rest.record_bodies import LONGEST_URL, longest_body, read_json, read_record, to_raw
from mock_servicenow.now_platform.rest.shapes import Shapes, shown_fields
from mock_servicenow.now_platform.users import ADMIN_ROLE

TINY_URLS = "sys_tiny_url"
_NO_RECORDS = "Records matching query not found. Check query parameter or offset parameter"
_ONLY_ADMINS = Property("glide.rest.table_api.admin_only_sys_fields")
Verb = Callable[[Call, Session, str, str], Answer]


class TableApi:
    """Lists, reads and writes the records of any table."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._on_table: dict[str, Verb] = {"GET": self._list, "HEAD": self._list, "POST": self._insert}
        self._on_record: dict[str, Verb] = {
            "GET": self._get,
            "HEAD": self._get,
            "PUT": self._update,
            "PATCH": self._update,
            "DELETE": self._delete,
        }

    def answer(self, call: Call) -> Answer:
        """Answer a call on ``table/{table}`` or ``table/{table}/{sys_id}``; raises PlatformError."""
        match call.resource:
            case (_, table):
                verbs, sys_id = self._on_table, ""
            case (_, table, sys_id):
                verbs = self._on_record
            case _:
                raise UnknownPath
        response_format(call.headers.get("Accept", ""))
        with self._instance.transaction(call.user, call.findings) as session:
            session.check_reach(table)
            verb = verbs.get(call.verb)
            if verb is None:
                raise MethodNotAllowed(call.verb, verbs)
            return verb(call, session, table, sys_id)

    def _list(self, call: Call, session: Session, table: str, _sys_id: str) -> Answer:
        _expand_tiny_url(call, session)
        parameters = read_parameters(call, listing=True)
        query = asked_query(session, table, parameters.query, parameters.filters)
        page = RowRange(table, query, parameters.limit, parameters.offset)
        first = page.beginning(session)
        total = None if parameters.no_count else session.work.count(table, query)
        if call.version == "v1" and not first[0]:
            raise RecordNotFound(_NO_RECORDS)
        fields = shown_fields(session, call, parameters, table)

        def show(session: Session, rows: list[Values]) -> list[Result]:
            return Shapes(session, call, parameters, fields).results([session.record(table, row) for row in rows])

        repeats = Shapes(session, call, parameters, fields).repeats
        answer = list_answer(call, *page_parts(call, self._instance, session, page, first, show, repeats=repeats))
        if total is not None:
            answer.headers["X-Total-Count"] = str(total)
        if not parameters.suppress_pagination_header:
            end = parameters.end
            more = session.work.matches(table, query, end) if total is None else end < total
            add_links(answer, call, parameters, total, more=more)
        return answer

    def _get(self, call: Call, session: Session, table: str, sys_id: str) -> Answer:
        parameters = read_parameters(call)
        record = session.get(table, sys_id)
        if record is None:
            raise session.not_found(table, sys_id)
        return _record(call, session, parameters, table, record)

    def _insert(self, call: Call, session: Session, table: str, _sys_id: str) -> Answer:
        parameters = read_parameters(call)
        values = self._values(call, session, parameters, table)
        record = session.insert(table, values, system_columns=_may_supply(session, parameters))
        answer = Answer() if _wants_no_body(call) else _record(call, session, parameters, table, record)
        answer.status = session.work.insert_status
        answer.headers["Location"] = f"{call.origin}{call.prefix}/table/{table}/{record.sys_id}"
        return answer

    def _update(self, call: Call, session: Session, table: str, sys_id: str) -> Answer:
        parameters = read_parameters(call)
        values = self._values(call, session, parameters, table)
        record = session.update(table, sys_id, values, system_columns=_may_supply(session, parameters))
        return Answer(204) if _wants_no_body(call) else _record(call, session, parameters, table, record)

    def _delete(self, call: Call, session: Session, table: str, sys_id: str) -> Answer:
        read_parameters(call)
        session.delete(table, sys_id)
        return Answer(204)

    def _values(self, call: Call, session: Session, parameters: Parameters, table: str) -> dict[str, str]:
        values = read_record(call, longest_body(session))
        return to_raw(session, table, values, display=parameters.input_display_value)


def _record(call: Call, session: Session, parameters: Parameters, table: str, record: Record) -> Answer:
    shapes = Shapes(session, call, parameters, shown_fields(session, call, parameters, table))
    results = shapes.results([record])
    if shapes.repeats:
        result_length(call, results[0])
    return result_answer(call, results, many=False)


def _wants_no_body(call: Call) -> bool:
    return call.headers.get("X-no-response-body", "").lower() == "true"


def _may_supply(session: Session, parameters: Parameters) -> bool:
    """Return whether values for sys_created_on and the like count."""
    if not parameters.suppress_auto_sys_field:
        return False
    only_admins = session.is_on(_ONLY_ADMINS)
    return not only_admins or ADMIN_ROLE in session.user.roles


class TinyUrlApi:
    """Shortens URLs whose query is too long to be sent."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def answer(self, call: Call) -> Answer:
        """Answer ``POST /api/now/tinyurl``; raises PlatformError."""
        if len(call.resource) > 1:
            raise UnknownPath
        if call.verb != "POST":
            raise MethodNotAllowed(call.verb, ["POST"])
        report_ignored(call, call.query)
        body = read_json(call)
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str) or len(url) > LONGEST_URL:
            raise UnreadableBody
        page = _page(url)
        with self._instance.transaction(self._instance.system, call.findings) as session:
            name = session.ids.hex(32)
            session.insert(TINY_URLS, {"tiny_url": name, "url": url})
        return Answer(201, orjson.dumps({"result": f"{page}?sysparm_tiny={name}"}), CIMultiDict({"Content-Type": JSON}))


def _page(url: str) -> str:
    try:
        return f"{address_of(url).name}_list.do"
    except ValueError:
        raise UnreadableBody(f"'{url}' is no URL") from None


def _expand_tiny_url(call: Call, session: Session) -> None:
    """Replace ``sysparm_tiny`` by the parameters of the URL that was shortened."""
    name = call.query.get("sysparm_tiny")
    found = None if name is None else session.elevated.find(TINY_URLS, tiny_url=name)
    if found is None:
        return
    call.raw_query = query_of(found["url"])
    call.query = parameters_of(call.raw_query)
