"""The decision endpoint."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from .conftest import APPROVE, ConsoleUnderTest, answer_lost

UNKNOWN = "85d71683-7dac-4762-8120-76a9a564fdc1"


@pytest.fixture
async def request_id(console: ConsoleUnderTest) -> str:
    """A request that waits for its decision."""
    return str((await console.ask())["request_id"])


async def refused(console: ConsoleUnderTest, decision: dict[str, Any]) -> tuple[int, str]:
    """Deliver a decision and return status and message of the refusal."""
    status, answer = await console.deliver(decision)
    assert (answer["Result"], answer["Status"]) == (None, "error")
    return status, answer["Messages"][0]


async def test_approval_without_end(console: ConsoleUnderTest, request_id: str) -> None:
    """An approval without a duration holds for ever."""
    status, answer = await console.deliver(console.decision(request_id, Comment='ok <&> "ä" 🛠'))
    assert status == 200
    assert answer == {"Result": {"RequestId": request_id, "State": "Approved"}, "Status": "ok", "Messages": []}
    await console.advance(86_400 * 365)
    request = await console.request(request_id)
    shown = {key: request[key] for key in ("state", "comment", "duration", "responded_by", "expires_at")}
    assert shown == {
        "state": "Approved",
        "comment": 'ok <&> "ä" 🛠',
        "duration": "",
        "responded_by": "ada",
        "expires_at": None,
    }


async def test_approval_expires_with_its_duration(console: ConsoleUnderTest, request_id: str) -> None:
    """An approval holds until its duration ends, and is Expired then."""
    await console.deliver(console.decision(request_id, Duration="01:30:00"))
    await console.advance(90 * 60 - 1)
    assert (await console.request(request_id))["state"] == "Approved"
    await console.advance(1)
    request = await console.request(request_id)
    assert (request["state"], request["duration"]) == ("Expired", "01:30:00")
    assert request["expires_at"] == "2026-01-05T10:30:00+00:00"


async def test_long_durations_are_understood(console: ConsoleUnderTest, request_id: str) -> None:
    """A duration may have more hours than a day."""
    await console.deliver(console.decision(request_id, Duration="1000:00:05"))
    assert (await console.request(request_id))["duration"] == "1000:00:05"


async def test_denial(console: ConsoleUnderTest, request_id: str) -> None:
    """A denial makes the request Denied."""
    status, answer = await console.deliver(console.decision(request_id, "Deny", Comment="no"))
    assert (status, answer["Result"]["State"]) == (200, "Denied")
    request = await console.request(request_id)
    assert (request["state"], request["comment"]) == ("Denied", "no")


@pytest.mark.parametrize("path", ["/TMS//services/api/v1/approval/approve", "/tms/Services/API/V1/Approval/Approve/"])
async def test_path_is_read_as_by_iis(console: ConsoleUnderTest, request_id: str, path: str) -> None:
    """A Post Uri may be saved in any case and with repeated slashes."""
    assert (await console.deliver(console.decision(request_id), path=path))[0] == 200


async def test_ids_are_case_insensitive(console: ConsoleUnderTest, request_id: str) -> None:
    """Neither a GUID nor a sys_id means something by its case."""
    decision = console.decision(request_id.upper())
    assert (await console.deliver({**decision, "InstanceId": decision["InstanceId"].upper()}))[0] == 200


async def test_decision_of_a_dotnet_client(console: ConsoleUnderTest, request_id: str) -> None:
    """Keys in any case, the client's type and braces around the request id are usual: no finding."""
    decision = {key.lower(): value for key, value in console.decision(request_id).items()}
    decision = {"$type": "Decision, Client", **decision, "requestid": f"{{{request_id.upper()}}}"}
    status, answer = await console.deliver(decision)
    assert (status, answer["Result"]) == (200, {"RequestId": request_id, "State": "Approved"})
    assert (await console.admin("GET", "/findings"))["findings"] == []


async def test_unknown_key_is_a_finding(console: ConsoleUnderTest, request_id: str) -> None:
    """What the console does not know it ignores, and the journal says so."""
    assert (await console.deliver(console.decision(request_id, Responded="x")))[0] == 200
    (finding,) = (await console.admin("GET", "/findings"))["findings"]
    assert (finding["kind"], finding["rule"], finding["where"]) == ("swallowed", "doubtful-value", "$.Responded")
    assert finding["message"] == "Responded is not part of decision. Did you mean 'RespondedBy'?"


async def test_same_decision_again_is_harmless(console: ConsoleUnderTest, request_id: str) -> None:
    """The same decision again is answered like the first, and starts no new duration."""
    decision = console.decision(request_id, Comment="ok", Duration="01:00:00")
    await console.deliver(decision)
    await console.advance(3600)
    status, answer = await console.deliver(decision)
    assert (status, answer["Result"]["State"]) == (200, "Expired")


@pytest.mark.parametrize("other", [{"Response": "Deny"}, {"Comment": "other"}, {"Duration": "02:00:00"}])
async def test_other_decision_is_refused(console: ConsoleUnderTest, request_id: str, other: dict[str, str]) -> None:
    """Another decision for a decided request gets 409 and changes nothing."""
    await console.deliver(console.decision(request_id))
    before = await console.request(request_id)
    status, message = await refused(console, {**console.decision(request_id), **other})
    assert (status, message) == (409, f"request {request_id} is Approved already, by another decision")
    told = f"{other.get('Response', 'Approve')} by 'ada': {message}"
    assert await console.request(request_id) == {**before, "refused_decision": told}


async def test_racing_decisions_leave_one(console: ConsoleUnderTest, request_id: str) -> None:
    """Of two decisions at one moment one is taken and the other refused."""
    token = await console.log_on()
    decisions = [console.decision(request_id, response) for response in ("Approve", "Deny")]
    answers = await asyncio.gather(*(console.deliver(decision, token) for decision in decisions))
    assert sorted(status for status, _ in answers) == [200, 409]


async def test_request_times_out(console: ConsoleUnderTest, request_id: str) -> None:
    """After 20 minutes a request is TimedOut, and a decision is too late, which the console shows."""
    await console.advance(20 * 60 - 1)
    assert (await console.request(request_id))["state"] == "Pending"
    await console.advance(1)
    assert (await console.request(request_id))["state"] == "TimedOut"
    status, message = await refused(console, console.decision(request_id))
    assert (status, message) == (409, f"request {request_id} timed out at 2026-01-05T09:20:00+00:00")
    assert (await console.request(request_id))["refused_decision"] == f"Approve by 'ada': {message}"


async def test_unknown_request(console: ConsoleUnderTest) -> None:
    """A decision about an unknown request gets 404."""
    assert await refused(console, console.decision(UNKNOWN)) == (404, f"unknown approval request '{UNKNOWN}'")


async def test_other_instance(console: ConsoleUnderTest, request_id: str) -> None:
    """A decision of another instance than the request was sent to gets 404."""
    decision = {**console.decision(request_id), "InstanceId": "f" * 32}
    status, message = await refused(console, decision)
    assert (status, message) == (404, f"approval request {request_id} was not sent for '{'f' * 32}'")


async def test_unacknowledged_request_can_be_decided(console: ConsoleUnderTest) -> None:
    """A decision may arrive for a request whose sending was never acknowledged, and ends its retries."""
    console.servicenow.conditions.append(answer_lost)
    request = await console.ask()
    assert not request["sent"]
    assert (await console.deliver(console.decision(request["request_id"])))[0] == 200
    sends = len(console.servicenow.calls)
    await console.advance(3600)
    request = await console.request(request["request_id"])
    assert (request["state"], request["sent"], request["last_error"]) == ("Approved", True, "")
    assert len(console.servicenow.calls) == sends


@pytest.mark.parametrize("roles", [[], ["Privilege Manager Field Engineering", "View Password Role"]])
async def test_role_must_approve(console: ConsoleUnderTest, request_id: str, roles: list[str]) -> None:
    """A user without an approving role gets 403 (app-roles.md)."""
    await console.admin("POST", "/api-user", {"roles": roles})
    status, message = await refused(console, console.decision(request_id))
    assert (status, message) == (403, "the API user has no role with 'Approve Approval Requests'")
    await console.admin("POST", "/api-user", {"role": "Helpdesk Users"})
    assert (await console.deliver(console.decision(request_id)))[0] == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"RequestId": None}, "'RequestId' is None; expected text"),
        ({"RequestId": "x"}, "'RequestId' is 'x'; expected a GUID"),
        ({"Response": "approve"}, "'Response' is 'approve' (did you mean 'Approve'?); expected one of Approve, Deny"),
        ({"Comment": 1}, "'Comment' is 1; expected text"),
        ({"Duration": "1h"}, "'Duration' is '1h'; expected hours, minutes and seconds such as 16:30:00"),
        ({"Duration": "00:60:00"}, "'Duration' is '00:60:00'; expected hours, minutes and seconds such as 16:30:00"),
        ({"InstanceId": ""}, "'InstanceId' is empty; expected text"),
        ({"InstanceId": "x"}, "'InstanceId' is 'x'; expected a sys_id, 32 hexadecimal digits"),
        ({"RespondedBy": ""}, "'RespondedBy' is empty; expected text"),
        ({"response": "Maybe"}, "'Response' is 'Maybe'; expected one of Approve, Deny"),
        ({"RequestId": f"{{{UNKNOWN}"}, f"'RequestId' is '{{{UNKNOWN}'; expected a GUID"),
        ({"Response": "Deny", "Duration": "01:00:00"}, "'Duration' is given; expected none, because the response"),
    ],
)
async def test_malformed_decision_is_named(
    console: ConsoleUnderTest, request_id: str, change: dict[str, Any], message: str
) -> None:
    """A decision against the contract gets 400 naming the key, and decides nothing."""
    status, told = await refused(console, {**console.decision(request_id), **change})
    assert status == 400
    assert told.startswith(message)
    assert (await console.request(request_id))["state"] == "Pending"


@pytest.mark.parametrize("part", [{"Comment": None}, {"Duration": None}, {"Duration": ""}])
async def test_what_is_null_or_empty_is_not_given(
    console: ConsoleUnderTest, request_id: str, part: dict[str, Any]
) -> None:
    """As senders written in .NET write what they lack (I)."""
    assert (await console.deliver({**console.decision(request_id), **part}))[0] == 200
    shown = await console.request(request_id)
    assert (shown["state"], shown["comment"], shown["duration"]) == ("Approved", "", "")


async def test_instance_id_in_braces(console: ConsoleUnderTest, request_id: str) -> None:
    """Braces and case of the Instance Id do not matter, as those of the request's do not."""
    decision = console.decision(request_id)
    decision["InstanceId"] = f"{{{decision['InstanceId'].upper()}}}"
    assert (await console.deliver(decision))[0] == 200


@pytest.mark.parametrize("key", ["RequestId", "Response", "InstanceId", "RespondedBy"])
async def test_incomplete_decision_is_named(console: ConsoleUnderTest, request_id: str, key: str) -> None:
    """Each required key is missed by its name."""
    decision = console.decision(request_id)
    del decision[key]
    assert await refused(console, decision) == (400, f"{key!r} is missing; expected text")


async def test_decision_must_be_json(console: ConsoleUnderTest) -> None:
    """Another media type gets 415, broken JSON 400."""
    headers = {"Authorization": f"Bearer {await console.log_on()}"}
    status, _ = await console.call("POST", APPROVE, headers=headers, data=b"a=b")
    assert status == 415
    headers["Content-Type"] = "application/json; charset=utf-8"
    status, _ = await console.call("POST", APPROVE, headers=headers, data=b"{")
    assert status == 400


async def test_a_token_that_dies_during_the_body_decides_nothing(console: ConsoleUnderTest, request_id: str) -> None:
    """Who calls is looked at when the whole body is there."""
    token, begun, finish = await console.log_on(), asyncio.Event(), asyncio.Event()
    body = json.dumps(console.decision(request_id)).encode()

    async def parts() -> AsyncIterator[bytes]:
        yield body[:10]
        begun.set()
        await finish.wait()
        yield body[10:]

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    posting = asyncio.create_task(console.session.post(f"{console.url}{APPROVE}", data=parts(), headers=headers))
    await begun.wait()
    await console.admin("DELETE", "/tokens")
    finish.set()
    async with await posting as answer:
        assert answer.status == 401
    assert (await console.request(request_id))["state"] == "Pending"
