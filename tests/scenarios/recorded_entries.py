"""Entries of HAR files as a real system would leave them."""

import json
from pathlib import Path
from typing import Any

from privman_scenarios.commands.cli import main

ROUND_TRIP = """
title: Two decisions reach the console
steps:
  - console.ask: {as: first}
  - servicenow.approve: {request: first, comment: Fine, duration: "02:00:00"}
  - console.ask: {as: second}
  - servicenow.deny: {request: second, comment: No}
  - console.expect-approval: {request: second, state: Denied}
  - servicenow.expect-response: {request: second, response: Deny}
"""
INSTANCE, REQUEST = "0123456789abcdef0123456789abcdef", "85d71683-7dac-4762-8120-76a9a564fdc1"
OTHER = "00000000-7dac-4762-8120-76a9a564fdc1"
CONSOLE, SERVICENOW = "https://console.example", "https://dev.example/api/now/table/x_thyti_thycotic_p_"
APPROVE = f"{CONSOLE}/Tms/services/api/v1/approval/approve"
Entry = dict[str, Any]


def entry(method: str, url: str, sent: object, status: int, answer: object) -> Entry:
    """Return an entry of a HAR file; text is a body as it stands."""
    request, text = (each if isinstance(each, str) else json.dumps(each) for each in (sent, answer))
    return {
        "startedDateTime": "2026-01-05T09:00:00Z",
        "request": {"method": method, "url": url, "postData": {"mimeType": "application/json", "text": request}},
        "response": {"status": status, "content": {"mimeType": "application/json", "text": text}},
    }


def delivery(status: int, answer: object = None, **changed: Any) -> Entry:
    """Return a delivered decision; None leaves a key out."""
    decision = {"RequestId": REQUEST, "Response": "Approve", "InstanceId": INSTANCE, "RespondedBy": "boss", **changed}
    sent = {key: value for key, value in decision.items() if value is not None}
    good = {"Result": None, "Status": "ok" if status == 200 else "error", "Messages": [] if status == 200 else ["No."]}
    return entry("POST", APPROVE, sent, status, answer or good)


def request(code: int, **changed: Any) -> Entry:
    """Return an approval request that was sent."""
    metadata = json.dumps({"PolicyId": "{140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10}"})
    sent = {"request_id": REQUEST, "instance_id": INSTANCE, "activity_type_id": INSTANCE, "metadata": metadata}
    return entry("POST", f"{SERVICENOW}request", sent, code, {"result": {"sys_id": INSTANCE, **changed}})


def read(status: str) -> Entry:
    """Return how an approval request was read."""
    return entry("GET", f"{SERVICENOW}request/{INSTANCE}", "", 200, {"result": {"sys_id": INSTANCE, "status": status}})


def record(tmp_path: Path, names: str) -> str:
    """Play a round trip between fakes that have these names, and return the recording."""
    scenario, inferred, out = tmp_path / "one.yaml", tmp_path / "ours.yaml", tmp_path / "real.har"
    scenario.write_text(ROUND_TRIP, encoding="utf-8")
    inferred.write_text(names, encoding="utf-8")
    assert main(["record", str(scenario), "--inferred", str(inferred), "--out", str(out)]) == 0
    return str(out)


REFUSED = {"error": {"message": "Operation Failed", "detail": "aborted by Business Rule 'Accept'"}, "status": "failure"}


def declared(code: int, answer: object, **changed: Any) -> Entry:
    """Return an activity type that was declared."""
    sent = {
        "name": "PM Approval Request",
        "valid_responses": "Approve,Deny",
        "max_timeout": "16:30:00",
        "include_comment": "true",
        "include_duration": "true",
        "instance_id": INSTANCE,
    }
    return entry("POST", f"{SERVICENOW}activity_type", sent | changed, code, answer)


def registered() -> Entry:
    """Return a registration, which gives the Instance Id."""
    pairs = {
        "Authentication Type": "Get Token",
        "Username": REQUEST,
        "Password": "secret",
        "Minimum wait time": "00:00:50",
        "Token Url": f"{CONSOLE}/Tms/services/api/logon/token",
        "Endpoint Url": APPROVE,
        "Maximum retry attempts": "3",
    }
    sent = {"instance_metadata": json.dumps(pairs)}
    return entry("POST", f"{SERVICENOW}integration_configuration", sent, 201, {"result": {"sys_id": INSTANCE}})


def changed(table: str, sent: dict[str, str]) -> Entry:
    """Return a record's change that was refused."""
    return entry("PATCH", f"{SERVICENOW}{table}/{INSTANCE}", sent, 403, REFUSED)
