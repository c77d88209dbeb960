import asyncio
import json
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from mock_servicenow.settings import Settings

from .conftest import ACTIVITY_TYPE, GUID, REQUEST, RESPONSE, Instance, running


async def test_request_is_accepted_and_pending(instance: Instance) -> None:
    """A valid request is stored, its status pending until somebody decides."""
    sys_id = await instance.asked(await instance.set_up())
    record = await instance.read(REQUEST, sys_id)
    assert (record["request_id"], record["status"], record["comment"]) == (GUID, "Pending", "")
    assert json.loads(record["metadata"])["PolicyName"] == "R&D <all>"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"instance_id": ""}, "'instance_id' is ''; expected a registered Instance Id"),
        ({"instance_id": "f" * 32}, f"'instance_id' is '{'f' * 32}'; expected a registered Instance Id"),
        ({"activity_type_id": ""}, "'activity_type_id' is ''; expected an activity type that instance"),
        ({"activity_type_id": "f" * 32}, f"'activity_type_id' is '{'f' * 32}'; expected an activity type"),
        ({"request_id": ""}, "'request_id' is ''; expected a GUID"),
        ({"request_id": "85d71683-7dac-4762-8120"}, "'request_id' is '85d71683-7dac-4762-8120'; expected a GUID"),
        ({"metadata": ""}, "'metadata' is not a JSON object; expected one of at most 1,048,576 characters"),
        ({"metadata": "[1]"}, "'metadata' is not a JSON object"),
        ({"metadata": "{"}, "'metadata' is not a JSON object"),
        ({"metadata": "[" * 9_000}, "'metadata' is not a JSON object"),
        ({"status": "Approve"}, "'status' is 'Approve'; expected 'Pending' for a new request"),
    ],
)
async def test_request_is_refused(instance: Instance, values: dict[str, str], reason: str) -> None:
    """What the app refuses is a 403 that names the rule; the reason stands in the findings."""
    ids = await instance.set_up()
    answer = await instance.ask(ids, **values)
    assert answer.status == 403
    assert answer.body["status"] == "failure"
    assert answer.body["error"]["detail"].startswith(
        f"Operation against file '{REQUEST}' was aborted by Business Rule 'Accept request^"
    )
    assert reason not in json.dumps(answer.body)
    assert [message for message in await instance.findings("rule-aborted") if reason in message]
    assert await instance.read(REQUEST) == []


async def test_activity_type_of_another_instance_is_refused(instance: Instance) -> None:
    """A request may not use an activity type that another console has registered."""
    _, foreign = await instance.set_up()
    own, _ = await instance.set_up()
    assert (await instance.ask((own, foreign))).status == 403


async def test_repeated_request_is_answered_with_the_first(instance: Instance) -> None:
    """The same request again is answered with the record that exists, so a retry is harmless."""
    ids = await instance.set_up()
    first, second = await instance.ask(ids), await instance.ask(ids)
    assert (second.status, second.result["sys_id"]) == (201, first.result["sys_id"])
    assert len(await instance.read(REQUEST)) == 1


async def test_a_request_id_is_the_same_in_capital_letters(instance: Instance) -> None:
    """A GUID has no case: the same request under it is a repetition, another one is refused."""
    ids = await instance.set_up()
    first, second = await instance.ask(ids), await instance.ask(ids, request_id=GUID.upper())
    assert (second.status, second.result["sys_id"]) == (201, first.result["sys_id"])
    assert (await instance.ask(ids, request_id=GUID.upper(), metadata="{}")).status == 403


async def test_other_request_under_a_known_id_is_refused(instance: Instance) -> None:
    """Another body under a request_id already received is refused."""
    ids = await instance.set_up()
    await instance.asked(ids)
    answer = await instance.ask(ids, metadata='{"PolicyId": "{other}"}')
    assert answer.status == 403
    assert [message for message in await instance.findings("rule-aborted") if "received before with another" in message]


async def test_two_consoles_may_use_the_same_request_id(instance: Instance) -> None:
    """A request_id is unique for an instance, not among all."""
    assert await instance.asked(await instance.set_up()) != await instance.asked(await instance.set_up())


async def _decide(instance: Instance, sys_id: str, **values: str) -> Any:
    return await instance.update(REQUEST, sys_id, values)


@pytest.mark.parametrize("response", ["Approve", "Deny"])
async def test_decision_is_delivered_and_recorded(instance: Instance, response: str) -> None:
    """A decision reaches the console and the Responses table keeps status code and retries."""
    ids = await instance.set_up()
    sys_id = await instance.asked(ids)
    answer = await _decide(instance, sys_id, status=response, comment="as agreed", duration="02:30:00")
    assert (answer.status, answer.result["status"]) == (200, response)
    await instance.clock.settle()
    body = {"RequestId": GUID, "Response": response, "Comment": "as agreed", "InstanceId": ids[0]}
    duration = {"Duration": "02:30:00"} if response == "Approve" else {}
    assert instance.console.decisions == [body | duration | {"RespondedBy": "admin"}]
    (record,) = await instance.read(RESPONSE)
    assert [
        record[name] for name in ("request_id", "response", "response_status_code", "retry_attempts", "comment")
    ] == [
        GUID,
        response,
        "200",
        "0",
        "as agreed",
    ]


async def test_decision_carries_what_the_activity_type_includes(instance: Instance) -> None:
    """Without include flags neither comment nor duration is sent."""
    ids = await instance.set_up(include_comment="false", include_duration="false")
    await _decide(instance, await instance.asked(ids), status="Approve", comment="x", duration="02:30:00")
    await instance.clock.settle()
    assert instance.console.decisions == [
        {"RequestId": GUID, "Response": "Approve", "InstanceId": ids[0], "RespondedBy": "admin"}
    ]


async def test_pending_request_may_be_edited_without_deciding(instance: Instance) -> None:
    """A comment alone, or the pending status again, is no decision."""
    sys_id = await instance.asked(await instance.set_up())
    assert (await _decide(instance, sys_id, comment="looking into it")).status == 200
    assert (await _decide(instance, sys_id, status="Pending")).status == 200
    assert await instance.read(RESPONSE) == []


@pytest.mark.parametrize("status", ["Maybe", "approve", "TimedOut", ""])
async def test_invalid_response_is_refused(instance: Instance, status: str) -> None:
    """A status that is none of the activity type's valid responses is refused."""
    sys_id = await instance.asked(await instance.set_up())
    answer = await _decide(instance, sys_id, status=status)
    assert answer.status == 403
    wanted = f"'status' is {status!r}; expected one of Approve, Deny"
    assert [message for message in await instance.findings("rule-aborted") if wanted in message]
    assert (await instance.read(REQUEST, sys_id))["status"] == "Pending"


@pytest.mark.parametrize("values", [{"status": "Approve"}, {"status": "Deny"}, {"comment": "afterthought"}])
async def test_decided_request_is_decided(instance: Instance, values: dict[str, str]) -> None:
    """A decided request can be decided no more, not even the same way."""
    sys_id = await instance.asked(await instance.set_up())
    await _decide(instance, sys_id, status="Approve")
    assert (await _decide(instance, sys_id, **values)).status == 403
    await instance.clock.settle()
    assert len(instance.console.decisions) == 1


async def test_of_racing_approvers_one_wins(instance: Instance) -> None:
    """Of many decisions at the same moment one is taken, the others are refused."""
    sys_id = await instance.asked(await instance.set_up())
    racing = [_decide(instance, sys_id, status=["Approve", "Deny"][turn % 2]) for turn in range(10)]
    statuses = [answer.status for answer in await asyncio.gather(*racing)]
    assert sorted(statuses) == [200] + [403] * 9
    await instance.clock.settle()
    assert len(instance.console.decisions) == 1


@pytest.mark.parametrize(("length", "status"), [(1024 * 1024, 201), (1024 * 1024 + 1, 403)])
async def test_metadata_of_a_mebibyte_is_read(instance: Instance, length: int, status: int) -> None:
    """No column holds as much, and reading takes as long as the text is."""
    instance_id, activity_type_id = await instance.set_up()
    metadata = f'{{"A":"{"x" * (length - 8)}"}}'
    body = {"request_id": GUID, "instance_id": instance_id, "activity_type_id": activity_type_id, "metadata": metadata}
    sent = BytesIO(json.dumps(body).encode())
    json_type = {"Content-Type": "application/json"}
    answer = await instance.call("POST", f"/api/now/table/{REQUEST}", data=sent, headers=json_type)
    assert answer.status == status


async def test_request_times_out(instance: Instance) -> None:
    """A request undecided at its max timeout times out and can no longer be decided."""
    sys_id = await instance.asked(await instance.set_up())
    await instance.clock.advance(16.5 * 3600 - 1)
    assert (await instance.read(REQUEST, sys_id))["status"] == "Pending"
    await instance.clock.advance(1)
    assert (await instance.read(REQUEST, sys_id))["status"] == "TimedOut"
    assert (await _decide(instance, sys_id, status="Approve")).status == 403


@pytest.mark.long
async def test_each_request_times_out_at_its_own_time(instance: Instance) -> None:
    """Requests of other ages and activity types time out each at its own deadline; without one, never."""
    ids = await instance.set_up(max_timeout="02:00:00")
    quick = ids[0], await instance.add_activity_type(ids[0], max_timeout="00:30:00")
    endless = ids[0], await instance.add_activity_type(ids[0], max_timeout="")
    sys_ids = [await instance.asked(ids), await instance.asked(endless, request_id=GUID.replace("8", "9"))]
    await instance.clock.advance(600)
    sys_ids.append(await instance.asked(quick, request_id=GUID.replace("8", "7")))
    sys_ids.append(await instance.asked(ids, request_id=GUID.replace("8", "6")))

    async def statuses() -> list[str]:
        return [(await instance.read(REQUEST, sys_id))["status"] for sys_id in sys_ids]

    await instance.clock.advance(1800)
    assert await statuses() == ["Pending", "Pending", "TimedOut", "Pending"]
    await instance.clock.advance(7200 - 2400)
    assert await statuses() == ["TimedOut", "Pending", "TimedOut", "Pending"]
    await instance.clock.advance(600)
    assert await statuses() == ["TimedOut", "Pending", "TimedOut", "TimedOut"]


@pytest.mark.long
async def test_others_are_answered_while_many_requests_time_out(instance: Instance) -> None:
    """Requests that time out together do so in steps: a caller who comes meanwhile sees some of them pending."""
    ids = await instance.set_up(max_timeout="02:00:00")
    await asyncio.gather(*(instance.asked(ids, request_id=f"{GUID[:-2]}{number:02}") for number in range(60)))
    jump = asyncio.create_task(instance.clock.advance(7200))
    seen = set()
    while not jump.done():
        seen.add(len(await instance.read(REQUEST, query="status=TimedOut")))
    assert seen - {0, 60}
    assert len(await instance.read(REQUEST, query="status=TimedOut")) == 60


async def test_other_columns_of_a_decided_request_may_change(instance: Instance) -> None:
    """Only an update that names status, comment or duration is an attempt to decide."""
    sys_id = await instance.asked(await instance.set_up())
    assert (await _decide(instance, sys_id, status="Deny")).status == 200
    assert (await _decide(instance, sys_id, metadata="{}")).status == 200
    assert (await _decide(instance, sys_id, comment="late")).status == 403


@pytest.mark.long
async def test_deleted_activity_type_leaves_its_terms_to_pending_requests(instance: Instance) -> None:
    """What waits is decided by the valid responses it was made under; nothing new is accepted under them."""
    ids = await instance.set_up()
    sys_ids = [await instance.asked(ids, request_id=f"{GUID[:-1]}{number}") for number in range(2)]
    await instance.call("DELETE", f"/api/now/table/{ACTIVITY_TYPE}/{ids[1]}")
    assert (await instance.ask(ids)).status == 403
    assert (await _decide(instance, sys_ids[0], status="Maybe")).status == 403
    assert (await _decide(instance, sys_ids[0], status="Approve", comment="fine")).status == 200
    await instance.clock.settle()
    assert [decision["Comment"] for decision in instance.console.decisions] == ["fine"]
    assert {finding.rpartition(": ")[2] for finding in await instance.findings("activity-type-missing")} == {
        "applied the terms it had when it was deleted"
    }
    await instance.clock.advance(16.5 * 3600 - 1)
    assert (await instance.read(REQUEST, sys_ids[1]))["status"] == "Pending"
    await instance.clock.advance(1)
    assert (await instance.read(REQUEST, sys_ids[1]))["status"] == "TimedOut"


async def test_deleted_activity_type_without_pending_requests_leaves_nothing(instance: Instance) -> None:
    """A decided request keeps no terms, so reopening it finds none."""
    ids = await instance.set_up()
    sys_id = await instance.asked(ids)
    await _decide(instance, sys_id, status="Approve")
    await instance.call("DELETE", f"/api/now/table/{ACTIVITY_TYPE}/{ids[1]}")
    assert (await _decide(instance, sys_id, status="Deny")).status == 403


async def test_unknown_activity_type_admits_the_documented_responses(instance: Instance) -> None:
    """A request that was moved to an activity type that never was can be decided, and a finding says by what."""
    sys_id = await instance.asked(await instance.set_up())
    await instance.update(REQUEST, sys_id, {"activity_type_id": "nothing"})
    assert (await _decide(instance, sys_id, status="Maybe")).status == 403
    assert (await _decide(instance, sys_id, status="Deny")).status == 200
    applied = "applied Approve and Deny, and no max timeout"
    message = f"'activity_type_id' is 'nothing'; expected an activity type that exists: {applied}"
    assert await instance.findings("activity-type-missing") == [message, message]


async def test_deadline_holds_before_the_time_out_is_written(instance: Instance) -> None:
    """A decision is judged by the deadline, also where a rule keeps the time-out from being written."""
    ids = await instance.set_up()
    sys_id = await instance.asked(ids)
    rule = {"name": "Stay", "collection": REQUEST, "when": "before", "action_update": "true", "abort_action": "true"}
    await instance.insert("sys_script", {**rule, "filter_condition": "status=TimedOut"})
    await instance.clock.advance(3600)
    await instance.update(ACTIVITY_TYPE, ids[1], {"max_timeout": "01:00:00"})
    assert (await _decide(instance, sys_id, status="Approve")).status == 403
    assert [message for message in await instance.findings("rule-aborted") if "timed out after 1:00:00" in message]


@pytest.mark.long
async def test_a_request_that_a_rule_keeps_pending_holds_up_no_other(instance: Instance) -> None:
    """A rule may take a time-out back; the look for time-outs ends all the same, and says so."""
    ids = await instance.set_up(max_timeout="01:00:00")
    kept = await instance.asked(ids)
    other_type = await instance.add_activity_type(ids[0], max_timeout="01:00:00")
    other = await instance.asked((ids[0], other_type), request_id=GUID.replace("8", "9"))
    rule = {"name": "Stay", "collection": REQUEST, "when": "before", "action_update": "true", "order": "200"}
    condition = f"status=TimedOut^activity_type_id={ids[1]}"
    await instance.insert("sys_script", {**rule, "filter_condition": condition, "template": "status=Pending"})
    await instance.clock.advance(3600)
    assert [(await instance.read(REQUEST, sys_id))["status"] for sys_id in (kept, other)] == ["Pending", "TimedOut"]
    told = f"request {kept} cannot be timed out: a rule keeps it 'Pending'"
    assert told in await instance.findings("time-out-refused")


async def test_a_request_that_does_not_say_when_it_was_made_times_out(instance: Instance) -> None:
    """It waits from when it is first seen, as one does that says it was made ahead of time."""
    instance_id, activity_type_id = await instance.set_up()
    values = {"request_id": GUID, "instance_id": instance_id, "activity_type_id": activity_type_id, "metadata": "{}"}
    path, params = f"/api/now/table/{REQUEST}", {"sysparm_suppress_auto_sys_field": "true"}
    answer = await instance.call("POST", path, json={**values, "sys_created_on": ""}, params=params)
    sys_id = answer.result["sys_id"]
    assert answer.result["sys_created_on"] == ""
    await instance.clock.advance(16.5 * 3600 - 1)
    assert (await instance.read(REQUEST, sys_id))["status"] == "Pending"
    await instance.clock.advance(1)
    assert (await instance.read(REQUEST, sys_id))["status"] == "TimedOut"


async def test_a_max_timeout_below_zero_has_passed(instance: Instance) -> None:
    """The platform keeps durations as dates, of which some come before 1970; no calendar begins before the year 1."""
    instance_id, activity_type_id = await instance.set_up(max_timeout="1969-12-31 23:59:59")
    values = {"request_id": GUID, "instance_id": instance_id, "activity_type_id": activity_type_id, "metadata": "{}"}
    path, params = f"/api/now/table/{REQUEST}", {"sysparm_suppress_auto_sys_field": "true"}
    answer = await instance.call("POST", path, json={**values, "sys_created_on": "0001-01-01 00:00:00"}, params=params)
    assert answer.status == 201
    await instance.clock.settle()
    assert (await instance.read(REQUEST, answer.result["sys_id"]))["status"] == "TimedOut"


@pytest.mark.long
async def test_a_deadline_that_is_moved_is_met(instance: Instance) -> None:
    """A request times out at the deadline that it has by then: it would neither be decided nor time out otherwise."""
    ids = await instance.set_up(max_timeout="")
    quick = await instance.add_activity_type(ids[0], max_timeout="01:30:00")
    endless = [await instance.asked(ids, request_id=f"{GUID[:-1]}{number}") for number in range(3)]
    await instance.clock.advance(3600)
    await instance.update(REQUEST, endless[0], {"activity_type_id": quick})
    await instance.clock.advance(1800)

    async def statuses() -> list[str]:
        return [(await instance.read(REQUEST, sys_id))["status"] for sys_id in endless]

    assert await statuses() == ["TimedOut", "Pending", "Pending"]
    await instance.update(ACTIVITY_TYPE, ids[1], {"max_timeout": "02:00:00"})
    path, earlier = f"/api/now/table/{REQUEST}/{endless[1]}", {"sys_created_on": "2000-01-01 00:00:00"}
    await instance.call("PATCH", path, json=earlier, params={"sysparm_suppress_auto_sys_field": "true"})
    await instance.clock.settle()
    assert await statuses() == ["TimedOut", "TimedOut", "Pending"]
    await instance.clock.advance(1800)
    assert await statuses() == ["TimedOut", "TimedOut", "TimedOut"]


@pytest.mark.long
async def test_approver_decides_and_reader_does_not(instance: Instance) -> None:
    """The approver role may decide; a user without any role of the app is refused the table."""
    sys_id = await instance.asked(await instance.set_up())
    nobody = await instance.add_user("nobody")
    assert (await instance.update(REQUEST, sys_id, {"status": "Deny"}, nobody)).status == 403
    service = await instance.add_user("service", "web_service_admin")
    assert (await instance.update(REQUEST, sys_id, {"status": "Deny"}, service)).status == 403
    approver = await instance.add_user("approver", "x_thyti_thycotic_p.approver")
    assert (await instance.update(REQUEST, sys_id, {"status": "Deny"}, approver)).status == 200
    await instance.clock.settle()
    assert instance.console.decisions[0]["RespondedBy"] == "approver"


READY_MADE = {
    "privman.admin": ["x_thyti_thycotic_p.admin"],
    "privman.approver": ["x_thyti_thycotic_p.approver"],
    "privman.integration": ["approval_admin", "web_service_admin"],
}


@pytest.mark.parametrize(("name", "roles"), READY_MADE.items())
async def test_ready_made_users(instance: Instance, name: str, roles: list[str]) -> None:
    """The three users that the app's prerequisites name are there with their roles, and may log on."""
    (user,) = await instance.read("sys_user", query=f"user_name={name}")
    assert (user["active"], user["name"]) == ("true", name.replace(".", " ").title())
    held = await instance.read("sys_user_has_role", query=f"user={user['sys_id']}", sysparm_fields="role.name")
    assert sorted(each["role.name"] for each in held) == roles
    assert (await instance.call("GET", f"/api/now/table/{REQUEST}", (name, "admin"))).status == 200


@pytest.mark.long
@pytest.mark.parametrize("status", [200, 403])
async def test_status_of_a_repeated_request_can_be_overridden(status: int, tmp_path: Path) -> None:
    """A team whose instance answers a repeated request otherwise says so in its file of inferred rules."""
    inferred = tmp_path / "ours.yaml"
    inferred.write_text(f"rules: {{duplicate_request_status: {status}}}")
    async with running(Settings(inferred=inferred)) as instance:
        ids = await instance.set_up()
        assert [(await instance.ask(ids)).status for _ in range(2)] == [201, status]
        assert len(await instance.read(REQUEST)) == 1


async def test_a_request_stays_that_of_its_console(instance: Instance) -> None:
    """Whoever may decide a request cannot send the decision to another console, nor let it be about another request."""
    ids, (other, _) = await instance.set_up(), await instance.set_up()
    sys_id = await instance.asked(ids)
    for status in ({}, {"status": "Approve"}, {}):
        values = {"instance_id": other, "request_id": GUID.replace("8", "9"), **status}
        assert (await instance.update(REQUEST, sys_id, values)).status == 200
    await instance.clock.settle()
    (decision,) = instance.console.decisions
    assert (decision["InstanceId"], decision["RequestId"]) == (ids[0], GUID)
    record = await instance.read(REQUEST, sys_id)
    assert (record["instance_id"], record["request_id"]) == (ids[0], GUID)
    assert len(await instance.findings("origin-kept")) == 6


@pytest.mark.long
@pytest.mark.parametrize(("rule", "changed"), [("decision", False), ("everything", True)])
@pytest.mark.parametrize("decided", [{}, {"status": "Approve"}])
async def test_an_approver_decides_what_was_asked(
    rule: str, decided: dict[str, str], tmp_path: Path, *, changed: bool
) -> None:
    """Whoever may not ask changes the decision alone, before and while deciding; an asker changes the rest."""
    inferred = tmp_path / "ours.yaml"
    inferred.write_text(f"rules: {{approver_changes: {rule}}}")
    async with running(Settings(inferred=inferred)) as instance:
        instance_id, activity_type = await instance.set_up()
        sys_id = await instance.asked((instance_id, activity_type))
        asked = await instance.read(REQUEST, sys_id)
        other = await instance.add_activity_type(instance_id, name="Other")
        forged = {"metadata": '{"PolicyName": "Harmless"}', "activity_type_id": other}
        approver = await instance.add_user("approver", "x_thyti_thycotic_p.approver")
        assert (await instance.update(REQUEST, sys_id, forged | decided, approver)).status == 200
        record = await instance.read(REQUEST, sys_id)
        assert {name: record[name] for name in forged} == (forged if changed else {n: asked[n] for n in forged})
        assert len(await instance.findings("origin-kept")) == (0 if changed else 2)
        assert (await instance.update(REQUEST, sys_id, forged)).status == 200
        assert (await instance.read(REQUEST, sys_id))["metadata"] == forged["metadata"]


@pytest.mark.long
async def test_one_look_serves_all_requests_that_wait_for_it(instance: Instance) -> None:
    """However many requests are due, they are looked for by one after the other, and none is forgotten."""
    instance_id = await instance.register()
    types = [await instance.add_activity_type(instance_id) for _ in range(20)]
    headers = [{"name": "Content-Type", "value": "application/json"}]
    url = f"/api/now/table/{REQUEST}?sysparm_suppress_auto_sys_field=true"
    items = []
    for number, activity_type_id in enumerate(types):
        values = {
            "request_id": f"85d71683-7dac-4762-8120-{number:012x}",
            "instance_id": instance_id,
            "activity_type_id": activity_type_id,
            "metadata": "{}",
            "sys_created_on": f"{2025 - number}-01-01 00:00:00",
        }
        body = b64encode(json.dumps(values).encode()).decode()
        items.append({"id": f"{number}", "method": "POST", "url": url, "headers": headers, "body": body})
    answer = await instance.call("POST", "/api/now/v1/batch", json={"rest_requests": items})
    assert [each["status_code"] for each in answer.body["serviced_requests"]] == [201] * len(types)
    await instance.clock.settle()
    assert [each["status"] for each in await instance.read(REQUEST)] == ["TimedOut"] * len(types)
