"""Invariants: what each says of what both parties know in the end."""

import json
from dataclasses import replace

import pytest

from privman_scenarios.playing.invariants import INVARIANTS
from privman_scenarios.playing.observations import Observations

from .observed_story import (
    ACTIVITY_TYPE,
    APPROVAL,
    APPROVE,
    DECIDED,
    REGISTRATION,
    RESPONSE,
    ROW,
    TABLE,
    TAKEN,
    WELL,
    Record,
    received,
)

CONFIGURATIONS = "/api/now/table/x_thyti_thycotic_p_integration_configuration"


def seen(*states: str) -> list[dict[str, str]]:
    """Return the sightings of a request."""
    return [{"r1": state} for state in states]


def journals(servicenow: list[Record], console: list[Record] | None = None) -> dict[str, list[Record]]:
    """Return what each party received."""
    return {"servicenow": servicenow, "console": console or []}


def broken(seen: Observations) -> dict[str, list[str]]:
    """Return what each invariant that does not hold says."""
    said = {name: list(invariant(seen)) for name, invariant in INVARIANTS.items()}
    return {name: lines for name, lines in said.items() if lines}


TIMED_OUT = replace(
    WELL,
    sightings=seen("Pending", "TimedOut"),
    approvals=[{**APPROVAL, "state": "TimedOut", "comment": "", "decided_at": None}],
    requests=[{**ROW, "status": "TimedOut"}],
    responses=[],
    received=journals([]),
)
MANUAL = {**APPROVAL, "process": "Default Manual Approval Process", "server": None, "times_out_at": None, "sys_id": ""}
USED = {**APPROVAL, "state": "Expired", "duration": "", "one_time": True}
ONE_TIME = replace(
    WELL,
    approvals=[USED],
    requests=[{**ROW, "duration": ""}],
    responses=[{**RESPONSE, "duration": ""}],
    received=journals([], [TAKEN]),
)
OVER_SOAP = replace(
    WELL,
    approvals=[{**APPROVAL, "integration": "soap"}],
    requests=[],
    responses=[],
    received=journals([]),
    requested_items={"s1": {"sys_id": "s1", "approval": "approved"}},
)
REFUSED = {**RESPONSE, "response_status_code": "409"}
HOLDS = {
    "a delivered decision": WELL,
    "a decision over SOAP": OVER_SOAP,
    "a decision over SOAP that the console did not see in time": replace(
        OVER_SOAP,
        sightings=seen("Pending", "TimedOut"),
        approvals=[{**APPROVAL, "integration": "soap", "state": "TimedOut", "decided_at": None}],
    ),
    "an approval that has ended": replace(
        WELL, sightings=seen("Pending", "Approved", "Expired"), approvals=[{**APPROVAL, "state": "Expired"}]
    ),
    "a time-out of both parties": TIMED_OUT,
    "a request that never got through": replace(TIMED_OUT, requests=[]),
    "a request that ServiceNow refused": replace(
        WELL,
        requests=[],
        responses=[],
        approvals=[{**APPROVAL, "decided_here": True, "last_error": "403"}],
        received=journals([]),
    ),
    "a decision that the console refused": replace(
        TIMED_OUT, requests=[ROW], responses=[REFUSED], received=journals([DECIDED])
    ),
    **{
        f"a decision that the console answered with {status}": replace(
            TIMED_OUT,
            requests=[ROW],
            responses=[{**RESPONSE, "response_status_code": status}],
            received=journals([DECIDED]),
        )
        for status in ("199", "300")
    },
    "approvals with different comments at both ends": replace(
        WELL,
        approvals=[{**APPROVAL, "comment": "No", "decided_here": True, "last_error": "403"}],
        responses=[REFUSED],
        received=journals([DECIDED]),
    ),
    "a decision that the console refused with 200": replace(
        TIMED_OUT,
        requests=[ROW],
        responses=[RESPONSE],
        received=journals([DECIDED], [{**TAKEN, "response": {"body": '{"Status": "error"}', "headers": []}}]),
    ),
    "a decision that failed as often as it may": replace(
        TIMED_OUT,
        requests=[ROW],
        responses=[{**RESPONSE, "response_status_code": "503", "retry_attempts": "3"}],
        received=journals([DECIDED]),
    ),
    "a console's own decision that ServiceNow refuses to record": replace(
        WELL,
        requests=[{**ROW, "status": "TimedOut"}],
        responses=[],
        approvals=[{**APPROVAL, "decided_here": True, "last_error": "403"}],
        received=journals([]),
    ),
    "what a fault answered": replace(
        TIMED_OUT, received=journals([{**DECIDED, "fault": "status"}], [{**TAKEN, "fault": "status", "status": 503}])
    ),
    "a delivery with the last status of success": replace(
        WELL, responses=[{**RESPONSE, "response_status_code": "299"}]
    ),
    "the last status that is no error of the server": replace(
        WELL, received=journals([DECIDED, received("GET", TABLE, "", 499)], [TAKEN])
    ),
    "a registration that the network repeated": replace(
        WELL,
        registrations=[REGISTRATION, REGISTRATION],
        received=journals([received("POST", CONFIGURATIONS, {}, 201, "duplicated"), DECIDED], [TAKEN]),
    ),
    "consoles with a registration each": replace(
        WELL,
        registrations=[
            REGISTRATION,
            {**REGISTRATION, "sys_id": "i2", "instance_metadata": json.dumps({"Username": "c2"})},
        ],
    ),
    "a comment and a duration that the console is not to have": replace(
        WELL,
        approvals=[{**APPROVAL, "comment": "", "duration": ""}],
        responses=[{**RESPONSE, "comment": "", "duration": ""}],
        activity_types=[{**ACTIVITY_TYPE, "include_comment": "false", "include_duration": "false"}],
    ),
    "a request without its activity type": replace(
        TIMED_OUT, requests=[{**ROW, "status": "Pending"}], activity_types=[]
    ),
    "a request of which an instance that the console has left has another row": replace(
        WELL, requests=[{**ROW, "at": "servicenow 2", "sys_id": "s9", "status": "TimedOut", "comment": ""}, ROW]
    ),
    "a row that the console never heard of": replace(TIMED_OUT, approvals=[{**TIMED_OUT.approvals[0], "sys_id": ""}]),
    "a request for people in the console": replace(
        WELL, approvals=[MANUAL], requests=[], responses=[], received=journals([])
    ),
    "a request that waits for people in the console": replace(
        WELL,
        sightings=seen("Pending"),
        approvals=[{**MANUAL, "state": "Pending", "decided_at": None}],
        requests=[],
        responses=[],
        received=journals([]),
    ),
    "foreign systems at one instance that share an API user": replace(
        WELL, registrations=[REGISTRATION, {**REGISTRATION, "sys_id": "i2"}], systems_at={"servicenow": 2}
    ),
    "runs while an approval lasts": replace(WELL, runs=[("r1", "pending"), ("r1", "allowed"), ("r1", "allowed")]),
    "the one run of a One Time approval": replace(
        ONE_TIME,
        runs=[("r1", "asked"), ("r1", "allowed")],
        approvals=[{**USED, "used_at": "2026-01-05T09:00:00+00:00"}],
    ),
    "responses to no request": replace(WELL, responses=[RESPONSE, *[{**RESPONSE, "request_id": ""}] * 2]),
    "a denial with a duration": replace(
        WELL,
        sightings=seen("Pending", "Denied"),
        approvals=[{**APPROVAL, "state": "Denied", "duration": ""}],
        requests=[{**ROW, "status": "Deny"}],
        responses=[{**RESPONSE, "response": "Deny", "duration": ""}],
        received=journals([received("PATCH", f"{TABLE}/s1", {"status": "Deny", "duration": "30:00:00"})]),
    ),
    "a decision of the console, answered under the name of the ServiceNow user": replace(
        WELL,
        approvals=[{**APPROVAL, "decided_here": True, "responded_by": "Privilege Manager Console"}],
        received=journals([DECIDED]),
    ),
    "other messages": replace(
        WELL,
        received=journals(
            [
                DECIDED,
                received("GET", f"{TABLE}/s1", ""),
                received("PATCH", f"{TABLE}/s1", "no JSON"),
                received("PATCH", f"{TABLE}/s1", [1]),
                received("PATCH", f"{TABLE}/s1", {"status": "Deny"}, 403),
                received("PATCH", f"{TABLE}/other", {"status": "Deny"}),
            ],
            [TAKEN, received("POST", APPROVE, {"RequestId": "r1", "Response": "Deny"}, 409)],
        ),
    ),
}


@pytest.mark.parametrize("seen", HOLDS.values(), ids=HOLDS)
def test_what_may_happen_breaks_nothing(seen: Observations) -> None:
    """No invariant is stricter than the integration."""
    assert broken(seen) == {}


BREAKS = {
    "a state that was left": (
        "one-final-state",
        replace(WELL, sightings=seen("Pending", "Denied", "Approved")),
        "request r1 was Denied in the console, then Approved",
    ),
    "a request that the console keeps open": (
        "one-final-state",
        replace(WELL, sightings=seen("Pending")),
        "request r1 is still Pending in the console",
    ),
    "a request that ServiceNow keeps open": (
        "one-final-state",
        replace(WELL, requests=[{**ROW, "status": "Pending"}]),
        "request r1 is still Pending in ServiceNow",
    ),
    "an approval after a denial": (
        "nothing-approved-after-the-end",
        replace(WELL, sightings=seen("Denied", "Approved")),
        "request r1 was Denied in the console, and approved after that",
    ),
    "an approval after the time-out": (
        "nothing-approved-after-the-end",
        replace(WELL, approvals=[{**APPROVAL, "decided_at": "2026-01-06T01:30:00+00:00"}]),
        "request r1 was approved at 2026-01-06T01:30:00+00:00, timed out 2026-01-06T01:30:00+00:00",
    ),
    "an approval that ServiceNow takes after a denial": (
        "nothing-approved-after-the-end",
        replace(WELL, received=journals([received("PATCH", f"{TABLE}/s1", {"status": "Deny"}), DECIDED])),
        "ServiceNow took Approve on request r1 after Deny",
    ),
    "a decision without a response": (
        "no-acknowledged-decision-lost",
        replace(WELL, responses=[]),
        "ServiceNow took Approve on request r1 and has no response for it",
    ),
    "a decision given up too early": (
        "no-acknowledged-decision-lost",
        replace(WELL, responses=[{**RESPONSE, "response_status_code": "503", "retry_attempts": "1"}]),
        "the response to request r1 was given up with status 503 after 1 retries",
    ),
    "a decision never sent": (
        "no-acknowledged-decision-lost",
        replace(WELL, responses=[{**RESPONSE, "response_status_code": "", "retry_attempts": ""}]),
        "the response to request r1 was given up with status  after  retries",
    ),
    "a decision that the console forgot": (
        "no-acknowledged-decision-lost",
        replace(WELL, approvals=[{**APPROVAL, "state": "TimedOut"}], sightings=seen("Pending", "TimedOut")),
        "the console took Approve on request r1, which is TimedOut",
    ),
    "a denial taken as an approval": (
        "no-acknowledged-decision-lost",
        replace(WELL, received=journals([], [received("POST", APPROVE, {"RequestId": "r1", "Response": "Deny"})])),
        "the console took Deny on request r1, which is Approved",
    ),
    "ends that differ": (
        "both-sides-agree",
        replace(WELL, requests=[{**ROW, "status": "TimedOut"}], responses=[]),
        "request r1 is Approved in the console, TimedOut in ServiceNow",
    ),
    "a request that ServiceNow lacks": (
        "both-sides-agree",
        replace(WELL, requests=[]),
        "request r1 is Approved in the console and missing in ServiceNow",
    ),
    "a comment that got lost": (
        "both-sides-agree",
        replace(WELL, approvals=[{**APPROVAL, "comment": ""}]),
        "the comment on request r1 is '' in the console, 'Fine' in ServiceNow",
    ),
    "a comment that ServiceNow cut": (
        "no-acknowledged-decision-lost",
        replace(WELL, requests=[{**ROW, "comment": "Fi"}]),
        "ServiceNow took the comment 'Fine' and keeps 'Fi'",
    ),
    "a duration that ServiceNow changed": (
        "no-acknowledged-decision-lost",
        replace(WELL, requests=[{**ROW, "duration": "1970-01-02 06:00:01"}]),
        "ServiceNow took the duration '30:00:00' and keeps '1970-01-02 06:00:01'",
    ),
    "a duration that ServiceNow made nonsense of": (
        "no-acknowledged-decision-lost",
        replace(WELL, requests=[{**ROW, "duration": "long"}]),
        "ServiceNow took the duration '30:00:00' and keeps 'long'",
    ),
    "a response with another comment": (
        "no-acknowledged-decision-lost",
        replace(WELL, responses=[{**RESPONSE, "comment": ""}]),
        "the comment of request r1 is 'Fine', in its response ''",
    ),
    "a duration that got lost": (
        "both-sides-agree",
        replace(WELL, approvals=[{**APPROVAL, "duration": ""}]),
        "the duration of request r1 is '' in the console, '1970-01-02 06:00:00' in ServiceNow",
    ),
    "a decision under another name": (
        "both-sides-agree",
        replace(WELL, approvals=[{**APPROVAL, "responded_by": "nobody"}]),
        "the approver of request r1 is 'nobody' in the console, 'approver' in ServiceNow",
    ),
    "a request that arrived otherwise": (
        "both-sides-agree",
        replace(TIMED_OUT, requests=[{**ROW, "status": "TimedOut", "metadata": '{"PolicyId":"other"}'}]),
        """the metadata of request r1 is '{"PolicyId":"p"}' in the console, '{"PolicyId":"other"}' in ServiceNow""",
    ),
    "a console registered twice": (
        "registered-once",
        replace(WELL, registrations=[REGISTRATION, REGISTRATION]),
        "2 registrations have the same Client Id",
    ),
    "an activity type registered twice": (
        "registered-once",
        replace(WELL, activity_types=[ACTIVITY_TYPE, ACTIVITY_TYPE]),
        "2 activity types of one registration have the same name",
    ),
    "a request twice": (
        "one-record-each",
        replace(WELL, requests=[ROW, {**ROW, "sys_id": "s2"}]),
        "the request r1 exists 2 times in servicenow",
    ),
    "a denial of what was approved over SOAP": (
        "requested-items-agree",
        replace(OVER_SOAP, requested_items={"s1": {"sys_id": "s1", "approval": "rejected"}}),
        "request r1 is Approved in the console, its requested item rejected in ServiceNow",
    ),
    "a response twice": (
        "one-record-each",
        replace(WELL, responses=[RESPONSE, RESPONSE]),
        "the response to request r1 exists 2 times in servicenow",
    ),
    "a server that fails": (
        "no-server-error",
        replace(WELL, received=journals([{**DECIDED, "status": 500}], [TAKEN])),
        f"servicenow answered PATCH {TABLE}/s1 with 500",
    ),
    "a request in the ServiceNow of another process": (
        "routed-by-its-process",
        replace(WELL, registered={"ServiceNow": {"i2"}, "Subsidiary": {"i1"}}),
        "request r1 of process 'ServiceNow Approval Process' is in servicenow for the Instance Id i1",
    ),
    "a request for people in the console that ServiceNow has": (
        "routed-by-its-process",
        replace(WELL, approvals=[MANUAL]),
        "request r1 of process 'Default Manual Approval Process' is in servicenow for the Instance Id i1",
    ),
    "a second run of a One Time approval": (
        "runs-as-approved",
        replace(ONE_TIME, runs=[("r1", "allowed"), ("r1", "allowed")]),
        "request r1 was approved for one run and allowed 2",
    ),
    "a run after a denial": (
        "runs-as-approved",
        replace(WELL, runs=[("r1", "allowed")], approvals=[{**APPROVAL, "state": "Denied"}]),
        "request r1 allowed a run and is Denied",
    ),
    "a One Time approval that nothing has used": (
        "runs-as-approved",
        replace(ONE_TIME, approvals=[{**USED, "used_at": "2026-01-05T09:00:00+00:00"}]),
        "request r1 was used at 2026-01-05T09:00:00+00:00, when nothing ran",
    ),
    "a broken contract": ("contracts-kept", replace(WELL, violations=["console #3"]), "console #3"),
}


@pytest.mark.parametrize(("invariant", "seen", "said"), BREAKS.values(), ids=BREAKS)
def test_what_may_not_happen_is_told(invariant: str, seen: Observations, said: str) -> None:
    """The invariant names the request and shows both ends."""
    assert said in broken(seen)[invariant]


def test_a_response_without_any_registration_may_be_retried_no_more() -> None:
    """Nobody says how often, so nothing is said to have been given up early."""
    failed = {**RESPONSE, "response_status_code": "503"}
    assert WELL.may_be_retried(ROW, failed)
    assert not replace(WELL, registrations=[]).may_be_retried(ROW, failed)
