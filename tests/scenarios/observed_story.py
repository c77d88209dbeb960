"""A story that went well, as both parties show it."""

import json
from typing import Any

from privman_contracts import WireNames
from privman_scenarios.playing.observations import Observations

TABLE = "/api/now/table/x_thyti_thycotic_p_request"
APPROVE = "/Tms/services/api/v1/approval/approve"
Record = dict[str, Any]


def received(method: str, url: str, body: object, status: int = 200, fault: str = "") -> Record:
    """Return an exchange as the journal of the party that received it has it."""
    text = body if isinstance(body, str) else json.dumps(body)
    request, response = {"body": text, "headers": []}, {"body": "", "headers": []}
    return {"method": method, "url": url, "request": request, "response": response, "status": status, "fault": fault}


APPROVAL: Record = {
    "request_id": "r1",
    "state": "Approved",
    "comment": "Fine",
    "decided_at": "2026-01-05T09:00:00+00:00",
    "times_out_at": "2026-01-06T01:30:00+00:00",
    "decided_here": False,
    "last_error": "",
    "duration": "30:00:00",
    "responded_by": "approver",
    "metadata": '{"PolicyId":"p"}',
    "sys_id": "s1",
    "process": "ServiceNow Approval Process",
    "server": "ServiceNow",
    "one_time": False,
    "used_at": None,
}
ROW: Record = {
    "at": "servicenow",
    "sys_id": "s1",
    "request_id": "r1",
    "status": "Approve",
    "comment": "Fine",
    "duration": "1970-01-02 06:00:00",
    "activity_type_id": "t1",
    "instance_id": "i1",
    "metadata": '{"PolicyId": "p"}',
}
RESPONSE: Record = {
    "at": "servicenow",
    "request_id": "r1",
    "response": "Approve",
    "response_status_code": "200",
    "retry_attempts": "0",
    "comment": "Fine",
    "duration": "1970-01-02 06:00:00",
    "sys_created_by": "approver",
}
REGISTRATION: Record = {
    "at": "servicenow",
    "sys_id": "i1",
    "instance_metadata": json.dumps({"Username": "c1", "Maximum retry attempts": "3"}),
}
ACTIVITY_TYPE: Record = {
    "sys_id": "t1",
    "instance_id": "i1",
    "name": "PM Approval Request",
    "include_comment": "true",
    "include_duration": "true",
}
DECIDED = received("PATCH", f"{TABLE}/s1", {"status": "Approve", "comment": "Fine", "duration": "30:00:00"})
TAKEN = received("POST", APPROVE, {"RequestId": "r1", "Response": "Approve"})
WELL = Observations(
    names=WireNames.load(None),
    sightings=[{}, {"r1": "Pending"}, {"r1": "Approved"}],
    approvals=[APPROVAL],
    requests=[ROW],
    responses=[RESPONSE],
    registrations=[REGISTRATION],
    activity_types=[ACTIVITY_TYPE],
    received={"servicenow": [DECIDED], "console": [TAKEN]},
    violations=[],
    registered={"ServiceNow": {"i1"}},
    systems_at={"servicenow": 1},
)
