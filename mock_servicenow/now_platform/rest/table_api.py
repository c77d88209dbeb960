"""The Table API (platform 1)."""

from collections.abc import Callable

from mock_servicenow.now_platform.errors import MethodNotAllowed, RecordNotFound, UnknownPath
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records import access, queries
from mock_servicenow.now_platform.records.reader import Values
from mock_servicenow.now_platform.records.record import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest import tiny_urls
from mock_servicenow.now_platform.rest.bodies import read_record
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.envelope import check_length, result_answer
from mock_servicenow.now_platform.rest.filters import filter_query
from mock_servicenow.now_platform.rest.incoming import to_raw
from mock_servicenow.now_platform.rest.limits import longest_body
from mock_servicenow.now_platform.rest.list_parts import Page, page_answer
from mock_servicenow.now_platform.rest.media import response_format
from mock_servicenow.now_platform.rest.paging import add_links
from mock_servicenow.now_platform.rest.parameters import Parameters, read_parameters
from mock_servicenow.now_platform.rest.shapes import Shapes, shown_fields
from mock_servicenow.now_platform.rest.xml_text import Result
from mock_servicenow.now_platform.users import ADMIN_ROLE

_NO_RECORDS = "Records matching query not found. Check query parameter or offset parameter"
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
            access.check_reach(session, table)
            verb = verbs.get(call.verb)
            if verb is None:
                raise MethodNotAllowed(call.verb, verbs)
            return verb(call, session, table, sys_id)

    def _list(self, call: Call, session: Session, table: str, _sys_id: str) -> Answer:
        tiny_urls.expand(call, session)
        parameters = read_parameters(call, listing=True)
        query = session.compiled(table, parameters.query)
        if parameters.filters:
            query = filter_query(session, table, parameters.filters)
        page = Page(table, query, parameters.limit, parameters.offset)
        first = page.beginning(session)
        total = None if parameters.no_count else queries.count(session, table, query)
        if call.version == "v1" and not first[0]:
            raise RecordNotFound(_NO_RECORDS)
        fields = shown_fields(session, call, parameters, table)

        def show(session: Session, rows: list[Values]) -> list[Result]:
            return Shapes(session, call, parameters, fields).results([session.record(table, row) for row in rows])

        repeats = Shapes(session, call, parameters, fields).repeats
        answer = page_answer(call, session, page, first, show, repeats=repeats)
        if total is not None:
            answer.headers["X-Total-Count"] = str(total)
        if not parameters.suppress_pagination_header:
            end = parameters.end
            more = queries.reaches(session, table, query, end) if total is None else end < total
            add_links(answer, call, parameters, total, more=more)
        return answer

    def _get(self, call: Call, session: Session, table: str, sys_id: str) -> Answer:
        parameters = read_parameters(call)
        record = session.get(table, sys_id)
        if record is None:
            raise RecordNotFound
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
        check_length(call, results[0])
    return result_answer(call, results, many=False)


def _wants_no_body(call: Call) -> bool:
    return call.headers.get("X-no-response-body", "").lower() == "true"


def _may_supply(session: Session, parameters: Parameters) -> bool:
    """Return whether values for sys_created_on and the like count (platform 1.8, 9)."""
    if not parameters.suppress_auto_sys_field:
        return False
    only_admins = session.property("glide.rest.table_api.admin_only_sys_fields") == "true"
    return not only_admins or ADMIN_ROLE in session.user.roles
