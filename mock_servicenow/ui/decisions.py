"""Additions to the form of an approval request: readable metadata, and the decision."""

from msgspec import Struct

from mock_servicenow.now_platform.errors import OperationFailed
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.privilege_manager.approval_requests import ActivityTypes
from mock_servicenow.privilege_manager.tables import AppTables, RequestRow
from mock_servicenow.ui.composite_values import UNITS, join_duration
from mock_servicenow.ui.metadata_entries import Metadata, read_metadata
from privman_core.inputs import quoted
from privman_core.pages.forms import Form

DELETE, ACTION = "delete", "decide:"
"""What the button of a form says: to delete a record, or to decide a request with the response that follows."""
_ASKED = (RequestRow.comment, RequestRow.duration)


class DecisionForm(Struct, frozen=True):
    """The decision that the user can take about a request.

    Attributes:
        responses: valid responses; empty if the request is decided or the user may not decide.
        comment: whether the form asks for a comment.
        duration: whether the form asks for a duration.
        asked: the columns of the request that the decision sets.
        closed: why the user may not decide a pending request.
        metadata: None if it is not a JSON object.
        responses_url: address of the list of the request's responses.
    """

    responses: list[str]
    comment: bool
    duration: bool
    asked: frozenset[str]
    closed: str
    metadata: Metadata | None
    responses_url: str


class Decisions:
    """The decision's part of a form."""

    def __init__(self, tables: AppTables, activity_types: ActivityTypes) -> None:
        self._request = tables.request
        self._response = tables.response
        self._pending = tables.pending
        self._chief = tables.chief_metadata
        self._activity_types = activity_types

    def about(self, session: Session, record: Record) -> DecisionForm | None:
        """Return the decision about a record; None if the record is not a request."""
        if record.table != self._request.name:
            return None
        request = self._request.row(record)
        terms = self._activity_types.terms(session, request.activity_type_id)
        pending, writable = self.is_pending(record), bool(session.allowed("write", [record]))
        is_open = pending and writable
        return DecisionForm(
            list(terms.valid_responses) if is_open else [],
            comment=is_open and terms.comment,
            duration=is_open and terms.duration,
            asked=frozenset(map(self._request.__getitem__, _ASKED)) if is_open else frozenset(),
            closed=_why_closed(writable=writable, responses=terms.valid_responses) if pending else "",
            metadata=read_metadata(request.metadata, self._chief),
            responses_url=f"/{self._response.name}_list.do?sysparm_query=request={record.sys_id}",
        )

    def responses(self, session: Session, records: list[Record]) -> list[str]:
        """Return the responses by which the user may decide at least one of these records."""
        pending = [each for each in records if self.is_pending(each)]
        rows = [self._request.row(each) for each in session.allowed("write", pending)]
        types = dict.fromkeys(row.activity_type_id for row in rows)
        return [response for each in types for response in self._activity_types.terms(session, each).valid_responses]

    def is_pending(self, record: Record) -> bool:
        """Return whether a record is a request that nobody has decided."""
        return record.table == self._request.name and self._request.row(record).status == self._pending

    def request_id(self, record: Record) -> str:
        """Return the RequestId of a request or a response; empty for other records."""
        rows = {each.name: each for each in (self._request, self._response)}
        return rows[record.table].row(record).request_id if record.table in rows else ""

    def values(self, form: Form, response: str) -> dict[str, str]:
        """Return the new values of a request that a form decides.

        Raises FieldError for an invalid duration, and OperationFailed for a response that would leave it pending; no
        business rule refuses that, since it changes nothing.
        """
        if response in ("", self._pending):
            raise OperationFailed(f"{quoted(response)} is no response that decides a request")
        values = {
            RequestRow.status: response,
            RequestRow.comment: form.value("decision.comment"),
            RequestRow.duration: join_duration([form.value(f"decision.duration.{unit}") for unit in UNITS]),
        }
        return {name: value for name, value in self._request.spelled(values).items() if value}

    def took_effect(self, record: Record, response: str) -> bool:
        """Return whether the response is now the status of the request."""
        return self._request.row(record).status == response


def _why_closed(*, writable: bool, responses: tuple[str, ...]) -> str:
    if not writable:
        return "You can read this request, but not decide it."
    return "" if responses else "Nobody can decide this request: its activity type has no valid responses."
