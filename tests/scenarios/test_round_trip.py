"""Generated requests and decisions, all the way round over HTTP in virtual time."""

import json

import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from privman_scenarios import strategies
from privman_scenarios.fixtures import WorldFixture
from privman_scenarios.strategies import ApproverAnswer
from tests.generated import examples

# One world serves all examples of a test: each has a request of its own, and the journals are emptied in between.
GENERATED = examples(
    150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LOGON = "/Tms/services/api/logon/token"
APPROVE = "/Tms/services/api/v1/approval/approve"
STATES = {"Approve": "Approved", "Deny": "Denied"}


@pytest.mark.long
@GENERATED
@given(metadata=strategies.metadata(), answer=strategies.answers())
def test_what_was_decided_is_what_the_console_ends_with(
    world: WorldFixture, metadata: dict[str, str], answer: ApproverAnswer
) -> None:
    """Every request arrives as asked, every decision as made, once, and every message keeps its contract."""
    world.servicenow.forget_journal()
    world.console.forget_journal()
    request_id = world.console.ask(metadata)
    (request,) = world.servicenow.find("request", request_id=request_id)
    assert json.loads(request["metadata"]) == metadata
    assert world.decide(request_id, answer.response, **answer.values).status == 200
    approval = world.console.approval(request_id)
    assert {key: approval[key] for key in ("state", "comment", "duration")} == {
        "state": STATES[answer.response],
        "comment": answer.comment,
        "duration": answer.duration,
    }
    assert [each["status"] for each in world.console.journal if each["url"].endswith("/approve")] == [200]
    found = [*world.servicenow.findings, *world.console.findings]  # without the journals, which may be large
    assert [each for each in found if each["kind"] == "violation"] == []


DECISION = {
    "Response": "Approve",
    "Comment": "Fine",
    "Duration": "01:00:00",
    "RespondedBy": "scenario.approver",
}


@pytest.mark.long
@GENERATED
@given(data=st.data())
def test_a_decision_broken_in_one_place_is_refused_by_its_key(
    world: WorldFixture, logon: dict[str, str], data: st.DataObject
) -> None:
    """400, naming the key; and nothing was decided."""
    request_id = world.console.ask({})
    valid = {**DECISION, "RequestId": request_id, "InstanceId": world.console.instance_id}
    required, formed = ["RequestId", "Response", "InstanceId", "RespondedBy"], ["RequestId", "Response"]
    broken = data.draw(strategies.broken(valid, required, formed, ["Duration"]))
    token = requests.post(f"{world.console.url}{LOGON}", json=logon, timeout=10).json()
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{world.console.url}{APPROVE}", json=broken.body, headers=headers, timeout=10)
    assert broken.key in " ".join(answer.json()["Messages"])
    assert answer.status_code == 400
    assert world.console.approval(request_id)["state"] == "Pending"
    world.console.tolerate("decision")


@pytest.mark.long
@GENERATED
@given(data=st.data(), request_id=strategies.guids())
def test_a_request_broken_in_one_place_is_refused_and_the_journal_names_the_column(
    world: WorldFixture, data: st.DataObject, request_id: str
) -> None:
    """403 as a business rule's refusal, nothing kept, and a finding that names the column."""
    valid = {
        "request_id": request_id,
        "instance_id": world.console.instance_id,
        "activity_type_id": world.console.activity_type_id,
        "metadata": "{}",
    }
    broken = data.draw(strategies.broken(valid, list(valid), list(valid)))
    world.servicenow.forget_journal()
    url = f"{world.servicenow.url}/api/now/table/x_thyti_thycotic_p_request"
    answer = requests.post(url, json=broken.body, auth=world.servicenow.auth, timeout=10)
    assert answer.status_code == 403
    assert set(answer.json()["error"]) == {"message", "detail"}
    assert world.servicenow.find("request", request_id=request_id) == []
    reasons = [each["message"] for each in world.servicenow.findings if each["rule"] == "rule-aborted"]
    assert [reason for reason in reasons if f"'{broken.key}'" in reason] == reasons != []
    world.servicenow.tolerate("approval-request")


@pytest.mark.long
@GENERATED
@given(valid_responses=strategies.csv_responses(), max_timeout=strategies.spans(23))
def test_an_activity_type_is_kept_as_it_was_declared(
    world: WorldFixture, valid_responses: str, max_timeout: str
) -> None:
    """The valid responses in their order; the time-out as a duration read raw."""
    world.servicenow.forget_journal()
    values = {
        "name": "PM Approval Request",
        "description": "Approve or deny PM request",
        "valid_responses": valid_responses,
        "max_timeout": max_timeout,
        "include_comment": "true",
        "include_duration": "true",
        "instance_id": world.console.instance_id,
    }
    url = f"{world.servicenow.url}/api/now/table/x_thyti_thycotic_p_activity_type"
    answer = requests.post(url, json=values, auth=world.servicenow.auth, timeout=10)
    assert answer.status_code == 201
    assert answer.json()["result"].items() >= {**values, "max_timeout": f"1970-01-01 {max_timeout}"}.items()
    assert world.servicenow.broken_contracts() == []
