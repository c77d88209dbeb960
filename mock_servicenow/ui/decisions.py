"""Additions to the form of an approval request: readable metadata, and the decision (integration 3)."""

from itertools import islice

import orjson
from msgspec import Struct

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.privilege_manager.approval_requests import ActivityTypes
from mock_servicenow.privilege_manager.tables import AppTables, RequestRow
from mock_servicenow.ui.composite_values import UNITS, join_duration
from privman_core.pages.forms import Form

ACTION = "decide:"
MOST_FACTS = 1_000
"""Entries of the metadata that a form shows."""


class DecisionForm(Struct, frozen=True):
    """The decision that the user can take about a request.

    Attributes:
        responses: valid responses; empty if the request is decided or the user may not decide.
        comment: whether the form asks for a comment.
        duration: whether the form asks for a duration.
        facts: the metadata, by key.
        responses_url: address of the list of the request's responses.
    """

    responses: list[str]
    comment: bool
    duration: bool
    facts: list[tuple[str, str]]
    responses_url: str


class Decisions:
    """The decision's part of a form."""

    def __init__(self, tables: AppTables, activity_types: ActivityTypes) -> None:
        self._request = tables.request
        self._response = tables.response
        self._pending = tables.pending
        self._activity_types = activity_types

    def about(self, session: Session, record: Record) -> DecisionForm | None:
        """Return the decision about a record; None if the record is not a request."""
        if record.table != self._request.name:
            return None
        request = self._request.row(record)
        terms = self._activity_types.terms(session, request.activity_type_id)
        open_to_user = request.status == self._pending and session.allowed("write", [record])
        responses_url = f"/{self._response.name}_list.do?sysparm_query=request={record.sys_id}"
        facts = _facts(request.metadata)
        if not open_to_user:
            return DecisionForm([], comment=False, duration=False, facts=facts, responses_url=responses_url)
        return DecisionForm(
            list(terms.valid_responses),
            comment=terms.comment,
            duration=terms.duration,
            facts=facts,
            responses_url=responses_url,
        )

    def values(self, form: Form, response: str) -> dict[str, str]:
        """Return the new values of a request that a form decides; raises FieldError for an invalid duration."""
        values = {
            RequestRow.status: response,
            RequestRow.comment: form.value("decision.comment"),
            RequestRow.duration: join_duration([form.value(f"decision.duration.{unit}") for unit in UNITS]),
        }
        return {name: value for name, value in self._request.spelled(values).items() if value}


def _facts(metadata: str) -> list[tuple[str, str]]:
    try:
        found = orjson.loads(metadata)
    except orjson.JSONDecodeError:
        return []
    facts = islice(found.items(), MOST_FACTS) if isinstance(found, dict) else ()
    return [(key, json_text(value)) for key, value in facts]
