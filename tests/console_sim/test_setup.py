"""The documented set-up, step by step."""

import json
from typing import Any

import pytest

from console_sim import setup_steps

from .conftest import (
    ACTIVITY_TYPES,
    BUSY,
    HIBERNATING,
    REGISTRATIONS,
    REQUESTS,
    ConsoleUnderTest,
    StubServiceNow,
    answer_lost,
    answering,
    detail,
    reset,
    statuses,
)

STEPS = list(setup_steps.STEPS)


def needing(step: str) -> list[str]:
    """Return the steps that are skipped without this one, in their order."""
    without = {step}
    for each in setup_steps.STEPS.values():
        if not without.isdisjoint(each.needs):
            without.add(each.name)
    return [each for each in STEPS if each in without - {step}]


async def test_all_steps(fresh: ConsoleUnderTest) -> None:
    """Each documented step is taken in its order and tells what it did, and so is the look at the activity type."""
    outcome = await fresh.set_up()
    assert [step["step"] for step in outcome["steps"]] == STEPS
    assert statuses(outcome) == {}
    assert outcome["instance_id"] == fresh.servicenow.rows(REGISTRATIONS)[0]["sys_id"]
    assert outcome["activity_type_id"] == fresh.servicenow.rows(ACTIVITY_TYPES)[0]["sys_id"]
    assert outcome["servicenow_reached"]
    assert "'API User Created On Jan 5, 2026'" in detail(outcome, "create-api-user")


async def test_registration_body(console: ConsoleUnderTest) -> None:
    """The registration tells the app how to call back, in the printed keys and values."""
    pairs = console.servicenow.metadata()
    assert {key: pairs[key] for key in pairs if key not in {"Username", "Password"}} == {
        "Authentication Type": "Get Token",
        "Minimum wait time": "00:00:50",
        "Token Url": f"{console.url}/Tms/services/api/logon/token",
        "Endpoint Url": f"{console.url}/Tms/services/api/v1/approval/approve",
        "Maximum retry attempts": "3",
    }
    assert list(pairs)[1:3] == ["Username", "Password"]


async def test_activity_type_body(console: ConsoleUnderTest) -> None:
    """The activity type is the printed one, of the registered instance."""
    (row,) = console.servicenow.rows(ACTIVITY_TYPES)
    assert row == {
        "sys_id": row["sys_id"],
        "name": "PM Approval Request",
        "description": "Approve or deny PM request",
        "valid_responses": "Approve,Deny",
        "max_timeout": "16:30:00",
        "include_comment": "true",
        "include_duration": "true",
        "instance_id": console.servicenow.rows(REGISTRATIONS)[0]["sys_id"],
    }


async def test_wire(console: ConsoleUnderTest) -> None:
    """Set-up makes four calls, in JSON and with HTTP Basic: register, declare, read both back."""
    calls = [(method, path.partition("/")[0]) for method, path, _ in console.servicenow.calls]
    made, read = [("POST", REGISTRATIONS), ("POST", ACTIVITY_TYPES)], [("GET", REGISTRATIONS), ("GET", ACTIVITY_TYPES)]
    assert calls == [*made, *read]
    for headers in console.servicenow.headers:
        assert headers["Accept"] == "application/json"
        assert headers["Authorization"].startswith("Basic ")


async def test_messaging_tab(console: ConsoleUnderTest) -> None:
    """The Messaging tab lists the webhook with its documented details."""
    (webhook,) = (await console.admin("GET", "/webhooks"))["webhooks"]
    assert webhook == {
        "name": "New Webhook for ServiceNow setting",
        "description": "",
        "last_modified_by": "Privilege Manager",
        "last_modified": "2026-01-05T09:00:00+00:00",
        "type": "Webhook Resource (Resources)",
        "event": "Approval Request Event",
        "credential": "ServiceNow user",
        "endpoint_url": f"{console.servicenow.url}/api/now/table/{REQUESTS}",
        "enabled": True,
    }


async def test_no_webhook_before_set_up(fresh: ConsoleUnderTest) -> None:
    """Before the set-up the Messaging tab is empty."""
    assert await fresh.admin("GET", "/webhooks") == {"webhooks": []}


async def test_set_up_again_changes_nothing(console: ConsoleUnderTest) -> None:
    """A second set-up creates neither webhook nor registration nor user."""
    webhooks = await console.admin("GET", "/webhooks")
    await console.advance(60)
    outcome = await console.set_up()
    assert statuses(outcome) == {}
    assert await console.admin("GET", "/webhooks") == webhooks
    assert [method for method, _, _ in console.servicenow.calls] == ["POST", "POST", *["GET"] * 6]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_base_url_with_or_without_slash(fresh: ConsoleUnderTest, slash: str) -> None:
    """A slash at the end of the Base URL is shown, and makes no difference."""
    outcome = await fresh.set_up(servicenow_url=f"{fresh.servicenow.url}{slash}")
    assert statuses(outcome) == {}
    assert (await fresh.admin("GET", "/foreign-system"))["base_url"] == f"{fresh.servicenow.url}{slash}"
    assert outcome["webhook"]["endpoint_url"] == f"{fresh.servicenow.url}/api/now/table/{REQUESTS}"


async def test_post_uri_in_another_case(fresh: ConsoleUnderTest) -> None:
    """The Post Uri is sent as it was saved, and works in any case."""
    post_uri = f"{fresh.url}/TMS/services/api/v1/approval/approve"
    await fresh.set_up(post_uri=post_uri)
    assert fresh.servicenow.metadata()["Endpoint Url"] == post_uri


async def test_named_foreign_system(fresh: ConsoleUnderTest) -> None:
    """The webhook is named after its foreign system."""
    outcome = await fresh.set_up(name="Fabrikam")
    assert outcome["webhook"]["name"] == "New Webhook for Fabrikam setting"


async def test_api_disabled(fresh: ConsoleUnderTest) -> None:
    """With API Enabled off the webhook's set-up is refused, plainly, and nothing is sent."""
    outcome = await fresh.set_up(api_enabled=False)
    assert statuses(outcome) == {"enable-api": "failed", **dict.fromkeys(needing("enable-api"), "skipped")}
    assert detail(outcome, "enable-api").startswith("API Enabled is off; webhooks need it on")
    assert detail(outcome, "use-webhook") == "requires step enable-api, which failed"
    assert (outcome["instance_id"], outcome["activity_type_id"], outcome["webhook"]) == (None, None, None)
    assert fresh.servicenow.calls == []


async def test_use_webhook_not_ticked(fresh: ConsoleUnderTest) -> None:
    """Without Use Webhook the foreign system is saved and no more."""
    outcome = await fresh.set_up(use_webhook=False)
    assert statuses(outcome) == dict.fromkeys(["use-webhook", *needing("use-webhook")], "skipped")
    assert detail(outcome, "use-webhook") == "Use Webhook is not ticked"
    assert outcome["webhook"] is None


@pytest.mark.parametrize(
    ("role", "told"),
    [
        ("", "no role was added, so decisions will be refused with 403"),
        (None, "no role was added, so decisions will be refused with 403"),
        (
            "View Passwords",
            "role 'Privilege Manager View Passwords Role' may not approve, so decisions will be refused with 403",
        ),
    ],
)
async def test_role_that_may_not_approve(fresh: ConsoleUnderTest, role: str | None, told: str) -> None:
    """Without an approving role that step fails, and the others go on."""
    outcome = await fresh.set_up(role=role)
    assert statuses(outcome) == {"add-role": "failed"}
    assert detail(outcome, "add-role") == told


async def test_locked_out_user(console: ConsoleUnderTest) -> None:
    """A second set-up does not go past an API user who is locked out."""
    await console.admin("POST", "/api-user", {"locked_out": True})
    outcome = await console.set_up()
    assert statuses(outcome)["create-api-user"] == "failed"
    assert detail(outcome, "create-api-user") == "the API user is locked out"


async def test_wrong_password(fresh: ConsoleUnderTest) -> None:
    """Refused credentials fail the registration, are not tried again, and show no password."""
    outcome = await fresh.set_up(servicenow_password="wrong")
    told = "401 User is not authenticated: Required to provide Auth information"
    assert detail(outcome, "register") == told
    assert statuses(outcome) == {
        "register": "failed",
        **dict.fromkeys(
            ("register-activity-type", "verify-registration", "verify-activity-type", "save-again"), "skipped"
        ),
    }
    await fresh.advance(86_400)
    assert len(fresh.servicenow.calls) == 1
    assert (await fresh.admin("GET", "/foreign-system"))["last_error"] == told


async def test_registration_is_tried_again(fresh: ConsoleUnderTest) -> None:
    """A registration that fails for a passing reason is tried again, and the rest follows."""
    fresh.servicenow.conditions.extend([HIBERNATING, BUSY])
    outcome = await fresh.set_up()
    assert detail(outcome, "register") == (
        "200 with an HTML page: the instance is hibernating and must be woken up; next attempt 60 s later"
    )
    assert not outcome["servicenow_reached"]
    await fresh.advance(59)
    assert len(fresh.servicenow.calls) == 1
    await fresh.advance(1)  # looks for what may have been committed, and meets the next condition
    assert (await fresh.admin("GET", "/foreign-system"))["last_error"].startswith("503 ")
    await fresh.advance(120)
    system = await fresh.admin("GET", "/foreign-system")
    assert system["instance_id"] == fresh.servicenow.rows(REGISTRATIONS)[0]["sys_id"]
    assert system["activity_type_id"] == fresh.servicenow.rows(ACTIVITY_TYPES)[0]["sys_id"]
    assert system["last_error"] == ""


async def test_activity_type_is_tried_again(fresh: ConsoleUnderTest) -> None:
    """A failed activity type keeps the registration and is tried again alone."""
    fresh.servicenow.conditions.extend([None, BUSY])
    outcome = await fresh.set_up()
    assert statuses(outcome) == {
        "register-activity-type": "failed",
        "verify-activity-type": "skipped",
        "save-again": "skipped",
    }
    assert outcome["activity_type_id"] is None
    await fresh.advance(60)
    assert len(fresh.servicenow.rows(REGISTRATIONS)) == len(fresh.servicenow.rows(ACTIVITY_TYPES)) == 1


async def test_lost_answer_makes_no_second_registration(fresh: ConsoleUnderTest) -> None:
    """A registration that was committed though its answer was lost is found again, not made again."""
    fresh.servicenow.conditions.append(answer_lost)
    assert statuses(await fresh.set_up())["register"] == "failed"
    fresh.servicenow.conditions.extend([None, None, answer_lost])
    await fresh.advance(60)
    assert (await fresh.admin("GET", "/foreign-system"))["activity_type_id"] is None
    await fresh.advance(60 + 120)
    system = await fresh.admin("GET", "/foreign-system")
    assert [row["sys_id"] for row in fresh.servicenow.rows(REGISTRATIONS)] == [system["instance_id"]]
    assert [row["sys_id"] for row in fresh.servicenow.rows(ACTIVITY_TYPES)] == [system["activity_type_id"]]
    assert {path.partition("sysparm_limit=")[2] for _method, path, _body in fresh.servicenow.calls if "?" in path} == {
        "100"
    }


@pytest.mark.parametrize("shown", ['{"Username":"somebody else"}', "no JSON", ""])
async def test_registration_of_another_console_is_left_alone(fresh: ConsoleUnderTest, shown: str) -> None:
    """An instance drops a term whose column it does not know; what it finds then belongs to others."""
    theirs = {"sys_id": "f" * 32, "instance_metadata": shown, "name": "Theirs", "instance_id": "e" * 32}
    everything = answering(200, json.dumps({"result": [theirs]}))
    fresh.servicenow.conditions.append(reset)
    await fresh.set_up()
    fresh.servicenow.conditions.extend([everything, None, reset])
    await fresh.advance(60)
    fresh.servicenow.conditions.extend([everything, None])
    await fresh.advance(120)
    assert (await fresh.admin("GET", "/foreign-system"))["activity_type_id"]
    assert [path for method, path, _ in fresh.servicenow.calls if method == "PATCH"] == []


async def test_set_up_during_retries(fresh: ConsoleUnderTest) -> None:
    """A second set-up tries at once, with the waits begun anew, and leaves no retry behind."""
    fresh.servicenow.conditions.extend([BUSY, BUSY])
    for _ in range(2):
        assert detail(await fresh.set_up(), "register").endswith("; next attempt 60 s later")
    assert statuses(await fresh.set_up()) == {}
    calls = len(fresh.servicenow.calls)
    await fresh.advance(86_400)
    assert len(fresh.servicenow.calls) == calls


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("", "the record shows no 'instance_metadata'; the ServiceNow user may lack the right to read it"),
        ("not JSON", "the Integration Configuration tab shows a different Authentication Type, Minimum wait time, "),
        ("[]", "the Integration Configuration tab shows a different Authentication Type, Minimum wait time, "),
    ],
)
async def test_unreadable_registration(fresh: ConsoleUnderTest, shown: str, told: str) -> None:
    """A registration that cannot be read back fails its verification."""
    body = json.dumps({"result": {"instance_metadata": shown}})
    fresh.servicenow.conditions.extend([None, None, answering(200, body)])
    outcome = await fresh.set_up()
    assert statuses(outcome) == {
        "verify-registration": "failed",
        "verify-activity-type": "skipped",
        "save-again": "skipped",
    }
    assert detail(outcome, "verify-registration").startswith(told)


async def test_changed_registration_is_named(fresh: ConsoleUnderTest) -> None:
    """A tab that shows another value names its key; a masked Secret is no difference."""
    stub = fresh.servicenow

    async def changed(_stub: StubServiceNow, _request: object) -> Any:
        pairs = {**stub.metadata(), "Password": "********", "Token Url": "http://elsewhere.example"}
        return await answering(200, json.dumps({"result": {"instance_metadata": json.dumps(pairs)}}))(stub, None)  # type: ignore[arg-type] # unused

    stub.conditions.extend([None, None, changed])
    outcome = await fresh.set_up()
    told = "the Integration Configuration tab shows a different Token Url"
    assert detail(outcome, "verify-registration") == told


async def test_failing_verification(fresh: ConsoleUnderTest) -> None:
    """A failure while reading back is told as what it is."""
    fresh.servicenow.conditions.extend([None, None, BUSY])
    outcome = await fresh.set_up()
    assert detail(outcome, "verify-registration") == "503 without an error in JSON"


@pytest.mark.parametrize(
    ("shown", "differing"),
    [
        ({"valid_responses": "Deny"}, "valid_responses"),
        ({"max_timeout": "1970-01-02 16:30:00", "include_comment": "false"}, "max_timeout, include_comment"),
        ({"max_timeout": "soon"}, "max_timeout"),
        ({"instance_id": {"link": "http://x", "value": "f" * 32}}, "instance_id"),
        ({"name": None}, "name"),
    ],
)
async def test_an_activity_type_that_is_stored_otherwise_is_named(
    fresh: ConsoleUnderTest, shown: dict[str, object], differing: str
) -> None:
    """Each column that ServiceNow shows otherwise than it was sent."""
    outcome = await with_activity_type(fresh, shown)
    assert statuses(outcome) == {"verify-activity-type": "failed", "save-again": "skipped"}
    told = f"the activity type in ServiceNow shows a different {differing}, or none"
    assert detail(outcome, "verify-activity-type") == told


@pytest.mark.parametrize(
    "shown", [{"valid_responses": "Deny, Approve"}, {"max_timeout": "16:30:00"}, {"max_timeout": "1970-01-01 16:30:00"}]
)
async def test_an_activity_type_may_be_written_in_other_ways(fresh: ConsoleUnderTest, shown: dict[str, object]) -> None:
    """The order of its responses and the form of its duration say nothing."""
    assert statuses(await with_activity_type(fresh, shown)) == {}


async def with_activity_type(fresh: ConsoleUnderTest, shown: dict[str, object]) -> dict[str, Any]:
    """Run the set-up against an instance that shows the activity type with these columns."""
    stub = fresh.servicenow

    async def changed(_stub: StubServiceNow, _request: object) -> Any:
        (row,) = stub.rows(ACTIVITY_TYPES)
        reference = {"link": "http://x", "value": row["instance_id"]}
        return await answering(200, json.dumps({"result": {**row, "instance_id": reference, **shown}}))(stub, None)  # type: ignore[arg-type] # unused

    stub.conditions.extend([None, None, None, changed])
    return await fresh.set_up()


async def test_a_lost_activity_type_is_made_anew(console: ConsoleUnderTest) -> None:
    """When ServiceNow has lost it the next set-up declares it anew."""
    console.servicenow.tables[ACTIVITY_TYPES].clear()
    assert statuses(await console.set_up()) == {}
    assert len(console.servicenow.rows(REGISTRATIONS)) == len(console.servicenow.rows(ACTIVITY_TYPES)) == 1


async def test_forgotten_registration_is_made_anew(console: ConsoleUnderTest) -> None:
    """When ServiceNow has lost the registration, as after a reset, the next set-up registers anew."""
    console.servicenow.tables.clear()
    outcome = await console.set_up()
    assert statuses(outcome) == {}
    assert detail(outcome, "register") == f"Instance Id {console.servicenow.rows(REGISTRATIONS)[0]['sys_id']}"
    assert len(console.servicenow.rows(REGISTRATIONS)) == len(console.servicenow.rows(ACTIVITY_TYPES)) == 1


@pytest.mark.parametrize(
    ("table", "step"), [(REGISTRATIONS, "verify-registration"), (ACTIVITY_TYPES, "verify-activity-type")]
)
async def test_what_vanishes_while_it_is_set_up_is_named(fresh: ConsoleUnderTest, table: str, step: str) -> None:
    """The step that looks for it fails, and the next set-up registers it anew."""

    async def vanish(stub: StubServiceNow, _request: object) -> Any:
        stub.tables[table].clear()
        return await answering(404, json.dumps({"error": {"message": "No Record found", "detail": ""}}))(stub, None)  # type: ignore[arg-type] # unused

    fresh.servicenow.conditions.extend([None, None, *([None] if table == ACTIVITY_TYPES else []), vanish])
    outcome = await fresh.set_up()
    assert detail(outcome, step).endswith("; set up again to register it again")
    assert statuses(await fresh.set_up()) == {}
    assert len(fresh.servicenow.rows(table)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"servicenow_url": "example.com"}, "'servicenow_url' is 'example.com'; expected an address such as https://"),
        ({"servicenow_url": "http://[::"}, "'servicenow_url' is 'http://[::'; expected an address such as https://"),
        ({"servicenow_url": "https://x y"}, "'servicenow_url' is 'https://x y'; expected an address such as"),
        ({"servicenow_url": "https://x/\0"}, "'servicenow_url' is 'https://x/\\x00'; expected an address such as"),
        (
            {"servicenow_url": "https://x?a=1"},
            "'servicenow_url' is an address with a query; expected an address such as",
        ),
        ({"servicenow_url": "https://u:secret@x"}, "'servicenow_url' is an address with a user; expected an address"),
        ({"servicenow_url": None}, "'servicenow_url' is None; expected text"),
        ({"servicenow_user": ""}, "'servicenow_user' is empty; expected text"),
        ({"servicenow_password": 5}, "'servicenow_password' is not shown here; expected text"),
        ({"use_webhook": "yes"}, "'use_webhook' is 'yes'; expected true or false"),
        ({"post_uri": "/Tms"}, "'post_uri' is '/Tms'; expected an address such as https://"),
        ({"rôle": "x"}, "unknown key 'rôle' (did you mean 'role'?); expected servicenow_url, servicenow_user,"),
    ],
)
async def test_malformed_order_is_named(fresh: ConsoleUnderTest, change: dict[str, Any], message: str) -> None:
    """A set-up that cannot be understood gets 400 naming the key, and nothing is set up."""
    body = {"servicenow_url": "https://x", "servicenow_user": "a", "servicenow_password": "b", **change}
    status, answer = await fresh.call("POST", "/__admin/setup", body)
    assert status == 400
    assert answer["error"].startswith(message)
    assert (await fresh.call("GET", "/__admin/foreign-system"))[0] == 404


async def test_body_must_be_an_object(fresh: ConsoleUnderTest) -> None:
    """A set-up that is no JSON object gets 400."""
    assert (await fresh.call("POST", "/__admin/setup", []))[0] == 400


async def fill(console: ConsoleUnderTest, path: str, long: str, **values: str) -> None:
    """Create items with long values until not even a short one has room."""
    size, number = 2**19, 0
    while size:
        number += 1
        body = {"name": f"{number}", **values, long: "x" * size}
        status, _ = await console.call("POST", f"/__admin{path}", body)
        size = size if status == 200 else size // 2


async def test_what_the_console_refuses_is_a_failure_of_its_step(fresh: ConsoleUnderTest) -> None:
    """A set-up that meets a bound reports every step; a later one succeeds once there is room."""
    await fill(fresh, "/policies", "description")
    outcome = await fresh.set_up()
    assert statuses(outcome) == {"use-approval-process": "failed"}
    told = (
        "no room for this policy: with it, all of this kind would have 2,049 KiB; the limit is 2,048 KiB; "
        "shorten this or another policy, or reset the console"
    )
    assert detail(outcome, "use-approval-process") == told
    usual = (await fresh.admin("GET", "/approval-types"))["approval_types"][0]
    assert usual["process"] == "Default Manual Approval Process"
    await fresh.admin("POST", "/policy", {"policy": "1", "description": ""})
    assert statuses(await fresh.set_up()) == {}


@pytest.mark.long
async def test_a_set_up_without_a_foreign_system_reports_its_steps(fresh: ConsoleUnderTest) -> None:
    """It names no ids and no webhook."""
    await fill(fresh, "/credentials", "password", account_name="a")
    outcome = await fresh.set_up()
    assert [step["step"] for step in outcome["steps"]] == STEPS
    assert [statuses(outcome)[step] for step in ("save-api-credential", "save-foreign-system")] == ["failed", "skipped"]
    assert (outcome["instance_id"], outcome["activity_type_id"], outcome["webhook"]) == (None, None, None)
    assert outcome["servicenow_reached"] is None
