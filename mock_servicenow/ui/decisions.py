"""What a request's form has on top of others: readable metadata, and the decision (integration 3)."""

from dataclasses import dataclass
from itertools import islice

import orjson

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.privilege_manager.requests import ActivityTypes
from mock_servicenow.privilege_manager.tables import AppTables, RequestRow
from mock_servicenow.ui import durations
from mock_servicenow.ui.posted import FieldError
from mock_servicenow.ui.visit import Visit

ACTION = "decide:"
MOST_FACTS = 1_000
"""Facts of one request that its form shows."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the user may decide about a request.

    Attributes:
        responses: what may be answered; none if it is decided already or the user may not.
        comment: whether a comment can be given.
        duration: whether a duration can be given.
        facts: the metadata, by key.
        responses_url: the list of the responses that were made of it.
    """

    responses: list[str]
    comment: bool
    duration: bool
    facts: list[tuple[str, str]]
    responses_url: str


class Decisions:
    """The request table's own part of its form."""

    def __init__(self, tables: AppTables, activity_types: ActivityTypes) -> None:
        self._request = tables.request
        self._response = tables.response
        self._pending = tables.pending
        self._activity_types = activity_types

    def about(self, session: Session, record: Record) -> Decision | None:
        """Return what can be decided about a record; None if it is no request."""
        if record.table != self._request.name:
            return None
        request = self._request.row(record)
        activity_type = self._activity_types.find(session, request.activity_type_id)
        open_to_user = request.status == self._pending and session.allowed("write", [record])
        responses_url = f"/{self._response.name}_list.do?sysparm_query=request={record.sys_id}"
        facts = _facts(request.metadata)
        if not open_to_user:
            return Decision([], comment=False, duration=False, facts=facts, responses_url=responses_url)
        return Decision(
            self._activity_types.valid_responses(activity_type),
            comment=self._activity_types.includes_comment(activity_type),
            duration=self._activity_types.includes_duration(activity_type),
            facts=facts,
            responses_url=responses_url,
        )

    def values(self, visit: Visit, response: str) -> dict[str, str]:
        """Return the update that a posted decision is; raises FieldError about its duration."""
        values = {RequestRow.status: response, RequestRow.comment: visit.last("decision.comment") or ""}
        parts = [visit.last(f"decision.duration.{unit}") or "" for unit in durations.UNITS]
        duration = durations.join(parts)
        if duration is None:
            raise FieldError(f"'{':'.join(parts)}' is no duration; {durations.EXPECTED}")
        values[RequestRow.duration] = duration
        return {name: value for name, value in self._request.spelled(values).items() if value}


def _facts(metadata: str) -> list[tuple[str, str]]:
    try:
        found = orjson.loads(metadata)
    except orjson.JSONDecodeError:
        return []
    facts = islice(found.items(), MOST_FACTS) if isinstance(found, dict) else ()
    return [(key, json_text(value)) for key, value in facts]
