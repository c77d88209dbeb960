"""Events of monitors: ``/api/global/em/jsonv2`` (Docs: pushing events to the instance using web service API)."""

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import UnreadableBody
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import value_answer
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.endpoints import Endpoints, check_role
from mock_servicenow.now_platform.rest.record_bodies import longest_body, read_object

EVENTS = "em_event"
MOST_EVENTS = 1_000
"""Events that one call brings, since they are stored together (I)."""
_ROLES = ("evt_mgmt_integration", "evt_mgmt_admin")
_KEYS = ("source", "node", "type", "resource", "metric_name")


class EventApi:
    """Stores events."""

    def __init__(self, instance: Instance) -> None:
        self._endpoints = Endpoints(instance, {"jsonv2": {"POST": _store}})

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call on ``em/jsonv2``; raises PlatformError."""
        return self._endpoints.answer(call, call.resource[1:])


def _store(call: Call, session: Session) -> Answer:
    check_role(session, *_ROLES)
    records = read_object(call, longest_body(session)).get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise UnreadableBody("Expected an object with records, an array of events")
    if len(records) > MOST_EVENTS:
        raise UnreadableBody(f"The body holds {len(records):,} events; at most {MOST_EVENTS:,} are taken")
    for record in records:
        values = {name: json_text(value) for name, value in record.items()}
        key = values.get("message_key") or "".join(values.get(name, "") for name in _KEYS)
        session.insert(EVENTS, {"state": "Ready", **values, "message_key": key})
    return value_answer(call, {"Default Bulk Endpoint": f"{len(records)} events were inserted"})
