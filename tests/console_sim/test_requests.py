"""Approval requests and how they reach ServiceNow."""

import json

import pytest

from .conftest import (
    ACTIVITY_TYPES,
    BUSY,
    METADATA,
    REGISTRATIONS,
    REQUESTS,
    ConsoleUnderTest,
    StubServiceNow,
    answer_lost,
    answering,
)


async def test_request_on_the_wire(console: ConsoleUnderTest) -> None:
    """A request carries its GUID, instance id, activity type id, and metadata as JSON text."""
    request = await console.ask()
    method, table, body = console.servicenow.calls[-1]
    assert (method, table) == ("POST", REQUESTS)
    assert {key: body[key] for key in body if key != "metadata"} == {
        "request_id": request["request_id"],
        "instance_id": console.servicenow.rows(REGISTRATIONS)[0]["sys_id"],
        "activity_type_id": console.servicenow.rows(ACTIVITY_TYPES)[0]["sys_id"],
    }
    assert json.loads(body["metadata"]) == METADATA


async def test_request_as_the_console_shows_it(console: ConsoleUnderTest) -> None:
    """A request that was sent shows its state, its end and its record."""
    asked = await console.ask()
    assert asked == await console.request(asked["request_id"])
    assert {key: asked[key] for key in ("state", "sent", "attempts", "last_error", "times_out_at", "sys_id")} == {
        "state": "Pending",
        "sent": True,
        "attempts": 1,
        "last_error": "",
        "times_out_at": "2026-01-05T09:20:00+00:00",
        "sys_id": console.servicenow.rows(REQUESTS)[0]["sys_id"],
    }


async def test_a_new_request_is_answered_as_created(console: ConsoleUnderTest) -> None:
    """Asking is answered 201 with the request."""
    status, answer = await console.call("POST", "/__admin/approval-requests", {"metadata": METADATA})
    assert (status, answer["state"]) == (201, "Pending")


async def test_requests_are_listed_in_order(console: ConsoleUnderTest) -> None:
    """The list shows every request, oldest first."""
    asked = [await console.ask() for _ in range(3)]
    assert await console.admin("GET", "/approval-requests") == {"approval_requests": asked}


@pytest.mark.long
async def test_long_list_is_streamed(console: ConsoleUnderTest) -> None:
    """A list longer than an answer is kept at once arrives whole, and HEAD gets none of it."""
    asked = [(await console.ask(UserReason="x" * 30_000))["request_id"] for _ in range(30)]
    for _ in range(2):
        assert await console.call("HEAD", "/__admin/approval-requests") == (200, None)
        listed = (await console.admin("GET", "/approval-requests"))["approval_requests"]
        assert [request["request_id"] for request in listed] == asked


async def test_unknown_request(console: ConsoleUnderTest) -> None:
    """An unknown request gets 404 by its name."""
    answer = await console.call("GET", "/__admin/approval-requests/x")
    assert answer == (404, {"error": "unknown approval request 'x'"})


async def test_guids_stand_in_braces(console: ConsoleUnderTest) -> None:
    """GUIDs of the metadata are put into braces, other ids stay as they are."""
    await console.ask(PolicyId="140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10", AgentId=METADATA["PolicyId"], ProcessId="4711")
    sent = json.loads(console.servicenow.calls[-1][2]["metadata"])
    assert sent["PolicyId"] == sent["AgentId"] == "{140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10}"
    assert sent["ProcessId"] == "4711"


async def test_request_names_a_policy(console: ConsoleUnderTest) -> None:
    """A report without a policy gets one."""
    await console.admin("POST", "/approval-requests", {"metadata": {}})
    sent = json.loads(console.servicenow.calls[-1][2]["metadata"])
    assert sent["PolicyId"].startswith("{")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'metadata' is missing; expected an object"),
        ({"metadata": "x"}, "'metadata' is 'x'; expected an object"),
        ({"metadata": {"policyname": "x"}}, "'metadata' has key 'policyname' (did you mean 'PolicyName'?); expected"),
        ({"metadata": {"FilePath": 1}}, "'FilePath' of 'metadata' is 1; expected text"),
        ({"metadata": {"PolicyId": "x"}}, "'PolicyId' of 'metadata' is 'x'; expected a GUID"),
        ({"metdata": {}}, "unknown key 'metdata' (did you mean 'metadata'?); expected metadata"),
    ],
)
async def test_malformed_report_is_named(console: ConsoleUnderTest, body: object, message: str) -> None:
    """A report that cannot be understood gets 400 naming the key, and nothing is asked."""
    status, answer = await console.call("POST", "/__admin/approval-requests", body)
    assert status == 400
    assert answer["error"].startswith(message)
    assert await console.admin("GET", "/approval-requests") == {"approval_requests": []}


async def test_metadata_is_checked_before_its_policy(fresh: ConsoleUnderTest) -> None:
    """Whoever asks and whoever starts the application learn of the same mistake."""
    await fresh.admin("POST", "/policies", {"name": "Off", "approval_type": None, "enabled": False})
    body = {"metadata": {"PolicyName": "Off", "not pascal": "x"}}
    assert [(await fresh.call("POST", f"/__admin/{path}", body))[0] for path in ("approval-requests", "run")] == [
        400
    ] * 2


async def test_a_report_has_at_most_a_thousand_entries(fresh: ConsoleUnderTest) -> None:
    """Those that the console adds do not count."""
    entries = {f"Key{number}": "x" for number in range(1_001)}
    status, told = await fresh.call("POST", "/__admin/approval-requests", {"metadata": entries})
    assert (status, told["error"]) == (400, "'metadata' has 1,001 entries; expected at most 1,000")
    del entries["Key0"]
    assert (await fresh.call("POST", "/__admin/approval-requests", {"metadata": entries}))[0] == 201


async def test_request_refused_by_soap_is_sent_by_the_webhook(fresh: ConsoleUnderTest) -> None:
    """Once Use Webhook is ticked."""
    await fresh.set_up(use_webhook=False)
    request = await fresh.ask()
    assert (request["sent"], request["attempts"]) == (False, 1)
    assert request["last_error"] == "404 without a SOAP fault"
    await fresh.set_up()
    request = await fresh.request(request["request_id"])
    assert (request["sent"], request["last_error"]) == (True, "")


async def test_a_webhook_without_credential_sends_nothing(console: ConsoleUnderTest) -> None:
    """A request waits for a credential, and is not retried before one is selected."""
    name = (await console.admin("GET", "/webhooks"))["webhooks"][0]["name"]
    await console.admin("POST", "/webhook", {"webhook": name, "credential": ""})
    request = await console.ask()
    assert (request["attempts"], request["last_error"]) == (0, "not sent: no credential is selected")
    await console.admin("POST", "/webhook", {"webhook": name, "credential": "ServiceNow user"})
    request = await console.request(request["request_id"])
    assert (request["sent"], request["attempts"], request["last_error"]) == (True, 1, "")


async def test_activity_type_comes_first(fresh: ConsoleUnderTest) -> None:
    """A request waits until its activity type is registered, and is sent right after it."""
    fresh.servicenow.conditions.extend([None, BUSY])
    await fresh.set_up()
    request = await fresh.ask()
    assert request["last_error"] == "not sent: its activity type is not registered yet"
    await fresh.advance(60)
    assert (await fresh.request(request["request_id"]))["sent"]
    tables = [path.split("?")[0] for method, path, _ in fresh.servicenow.calls if method == "POST"]
    assert tables[-2:] == [ACTIVITY_TYPES, REQUESTS]


async def test_lost_answer_makes_no_second_request(console: ConsoleUnderTest) -> None:
    """A retry sends the same body, so that ServiceNow returns the record that it has."""
    console.servicenow.conditions.append(answer_lost)
    request = await console.ask()
    assert (request["sent"], request["attempts"]) == (False, 1)
    await console.advance(60)
    request = await console.request(request["request_id"])
    assert (request["sent"], request["attempts"]) == (True, 2)
    assert len(console.servicenow.rows(REQUESTS)) == 1
    assert console.servicenow.calls[-1] == console.servicenow.calls[-2]


async def test_retries_slow_down(console: ConsoleUnderTest) -> None:
    """The wait between attempts doubles from a minute to an hour."""
    await console.set_up(process_timeout=86_400)
    console.servicenow.conditions.extend([BUSY] * 9)
    request = await console.ask()
    for number, wait in enumerate([60, 120, 240, 480, 960, 1920, 3600, 3600], start=2):
        await console.advance(wait - 1)
        assert (await console.request(request["request_id"]))["attempts"] == number - 1
        await console.advance(1)
        assert (await console.request(request["request_id"]))["attempts"] == number


async def test_retries_end_with_the_time_out(console: ConsoleUnderTest) -> None:
    """A request that has timed out is sent no more."""
    console.servicenow.conditions.extend([BUSY] * 100)
    request = await console.ask()
    await console.advance(17 * 3600)
    attempts = (await console.request(request["request_id"]))["attempts"]
    await console.advance(86_400)
    request = await console.request(request["request_id"])
    assert (request["state"], request["sent"], request["attempts"]) == ("TimedOut", False, attempts)
    assert request["last_error"].startswith("503 ")


async def test_decision_overtakes_a_failing_send(console: ConsoleUnderTest) -> None:
    """A decision that arrives while its request is still being sent counts, whatever becomes of the sending."""
    request_id = ""

    async def decided_meanwhile(stub: StubServiceNow, request: object) -> object:
        nonlocal request_id
        request_id = stub.calls[-1][2]["request_id"]
        assert (await console.deliver(console.decision(request_id)))[0] == 200
        return await BUSY(stub, request)  # type: ignore[arg-type] # unused

    console.servicenow.conditions.append(decided_meanwhile)  # type: ignore[arg-type] # the same shape
    answer = await console.ask()
    assert (answer["state"], answer["sent"], answer["last_error"]) == ("Approved", True, "")


async def test_restart_resumes_retries(console: ConsoleUnderTest) -> None:
    """After a restart requests are still there, and what was to be retried is tried at once."""
    console.servicenow.conditions.append(BUSY)
    sent, waiting = await console.ask(UserReason="first"), await console.ask()
    assert [sent["sent"], waiting["sent"]] == [False, True]
    await console.admin("POST", "/restart")
    assert (await console.request(sent["request_id"]))["sent"]
    calls = len(console.servicenow.calls)
    await console.advance(3600)
    assert len(console.servicenow.calls) == calls


async def test_reset_forgets_everything(console: ConsoleUnderTest) -> None:
    """A reset brings the state at start back, and ends what was to be retried."""
    console.servicenow.conditions.append(BUSY)
    await console.ask()
    await console.admin("POST", "/reset")
    calls = len(console.servicenow.calls)
    await console.advance(86_400)
    assert len(console.servicenow.calls) == calls
    assert await console.admin("GET", "/approval-requests") == {"approval_requests": []}
    assert (await console.call("GET", "/__admin/api-user"))[0] == 404
    assert await console.journal() == []
    await console.set_up()
    assert await console.log_on()


async def test_decided_in_the_console(console: ConsoleUnderTest) -> None:
    """A decision outside the normal flow is recorded in ServiceNow as an update of the request."""
    request = await console.ask()
    path = f"/approval-requests/{request['request_id']}/decide"
    decision = {"response": "Approve", "comment": "by phone", "duration": "02:00:00"}
    decided = await console.admin("POST", path, decision)
    assert {key: decided[key] for key in ("state", "recorded", "decided_here", "responded_by")} == {
        "state": "Approved",
        "recorded": True,
        "decided_here": True,
        "responded_by": "Privilege Manager Console",
    }
    expected = {"status": "Approve", "comment": "by phone", "duration": "02:00:00"}
    assert console.servicenow.calls[-1] == ("PATCH", f"{REQUESTS}/{request['sys_id']}", expected)


@pytest.mark.parametrize(
    ("shown", "last"), [({"request_id": "another"}, "GET"), ({}, "PATCH"), (None, "PATCH")], ids=repr
)
async def test_a_record_of_somebody_else_is_not_decided(
    shown: dict[str, str] | None, last: str, console: ConsoleUnderTest
) -> None:
    """The answer to a creation may name a record that was there before; what nobody may read is taken for the own."""
    request = await console.ask()
    refusal = answering(403, json.dumps({"error": {"message": "no"}}))
    console.servicenow.conditions.append(refusal if shown is None else answering(200, json.dumps({"result": shown})))
    path = f"/approval-requests/{request['request_id']}/decide"
    decided = await console.admin("POST", path, {"response": "Approve"})
    assert console.servicenow.calls[-1][0] == last
    assert decided["recorded"] is (last == "PATCH")
    assert ("is another request, its request_id is 'another'" in decided["last_error"]) is (last == "GET")


@pytest.mark.parametrize("duration", [{}, {"duration": "02:00:00"}, {"duration": "50:00:00"}], ids=repr)
async def test_a_decision_that_servicenow_has_is_not_recorded_again(
    console: ConsoleUnderTest, duration: dict[str, str]
) -> None:
    """If the answer to the update was lost, the next attempt sees it in the record."""
    request = await console.ask()
    console.servicenow.conditions.extend([None, answer_lost])  # the record is read, then updated
    decision = {"response": "Approve", "comment": "by phone", **duration}
    path = f"/approval-requests/{request['request_id']}/decide"
    assert not (await console.admin("POST", path, decision))["recorded"]
    await console.advance(60)
    shown = await console.request(request["request_id"])
    assert (shown["recorded"], shown["last_error"]) == (True, "")
    assert [method for method, *_ in console.servicenow.calls[-3:]] == ["GET", "PATCH", "GET"]


@pytest.mark.parametrize("differs", [{"comment": "other"}, {"duration": "1970-02-31 02:00:00"}, {"duration": ""}])
async def test_another_decision_is_recorded(console: ConsoleUnderTest, differs: dict[str, str]) -> None:
    """The record has the same decision only if comment and duration are equal, too."""
    request = await console.ask()
    record = {
        "request_id": request["request_id"],
        "status": "Approve",
        "comment": "",
        "duration": "1970-01-01 02:00:00",
    }
    shown = json.dumps({"result": {**record, **differs}})
    console.servicenow.conditions.append(answering(200, shown))
    path = f"/approval-requests/{request['request_id']}/decide"
    await console.admin("POST", path, {"response": "Approve", "duration": "02:00:00"})
    assert console.servicenow.calls[-1][0] == "PATCH"


async def test_own_decision_comes_back(console: ConsoleUnderTest) -> None:
    """What the console decided comes back from ServiceNow as the same decision, under another name."""
    request = await console.ask()
    path = f"/approval-requests/{request['request_id']}/decide"
    console.servicenow.conditions.extend([None, answer_lost])  # the record is looked at first
    decided = await console.admin("POST", path, {"response": "Deny", "comment": "no"})
    assert (decided["state"], decided["recorded"]) == ("Denied", False)
    calls = len(console.servicenow.calls)
    decision = console.decision(request["request_id"], "Deny", Comment="no", RespondedBy="integration")
    assert (await console.deliver(decision))[0] == 200
    await console.advance(3600)
    request = await console.request(request["request_id"])
    assert (request["recorded"], request["last_error"], len(console.servicenow.calls)) == (True, "", calls)


async def test_own_decision_is_recorded_later(fresh: ConsoleUnderTest) -> None:
    """A decision taken before ServiceNow was reached is recorded when it is, after the request itself."""
    await fresh.set_up(use_webhook=False)
    request = await fresh.ask()
    path = f"/approval-requests/{request['request_id']}/decide"
    decided = await fresh.admin("POST", path, {"response": "Deny"})
    assert (decided["sent"], decided["recorded"]) == (False, False)
    assert await fresh.admin("POST", path, {"response": "Deny"}) == decided
    await fresh.set_up()
    request = await fresh.request(request["request_id"])
    assert (request["sent"], request["recorded"]) == (True, True)
    assert [method for method, path, _ in fresh.servicenow.calls if path.startswith(REQUESTS)] == [
        "POST",
        "GET",
        "PATCH",
    ]


async def test_deciding_again_attempts_again_to_record(console: ConsoleUnderTest) -> None:
    """After a refusal, which is not retried by itself."""
    asked = (await console.ask())["request_id"]
    console.servicenow.conditions.extend([None, answering(403, "{}")])
    decided = await console.admin("POST", f"/approval-requests/{asked}/decide", {"response": "Deny"})
    assert (decided["state"], decided["recorded"]) == ("Denied", False)
    again = await console.admin("POST", f"/approval-requests/{asked}/decide", {"response": "Deny"})
    assert (again["recorded"], again["last_error"], again["decided_at"]) == (True, "", decided["decided_at"])


async def test_own_decision_may_conflict(console: ConsoleUnderTest) -> None:
    """A request that ServiceNow has decided cannot be decided otherwise in the console."""
    request = await console.ask()
    await console.deliver(console.decision(request["request_id"]))
    path = f"/__admin/approval-requests/{request['request_id']}/decide"
    status, answer = await console.call("POST", path, {"response": "Deny"})
    assert status == 409
    assert answer["error"].endswith("is Approved already, by another decision")


async def test_malformed_own_decision_is_named(console: ConsoleUnderTest) -> None:
    """A decision in the console that cannot be understood gets 400 naming the key."""
    request = await console.ask()
    path = f"/__admin/approval-requests/{request['request_id']}/decide"
    answer = await console.call("POST", path, {"respond": "Deny"})
    told = "unknown key 'respond' (did you mean 'response'?); expected response, comment, duration"
    assert answer == (400, {"error": told})
