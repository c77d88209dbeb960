"""What an administrator changes while a test runs."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from .conftest import ACTIVITY_TYPES, BUSY, REGISTRATIONS, REQUESTS, TOKEN, ConsoleUnderTest, StubServiceNow, error


async def test_save_without_changes(console: ConsoleUnderTest) -> None:
    """Saving again without changes reads both records, changes none, and leaves the webhook as it is."""
    before = await console.admin("GET", "/foreign-system")
    calls = len(console.servicenow.calls)
    await console.advance(60)
    assert await console.admin("POST", "/foreign-system", {}) == before
    assert [each[0] for each in console.servicenow.calls[calls:]] == ["GET", "GET"]


async def test_foreign_system_as_shown(console: ConsoleUnderTest) -> None:
    """The Foreign Systems page shows what was saved, and no secret."""
    system = await console.admin("GET", "/foreign-system")
    assert {key: system[key] for key in system if key not in {"id", "webhook", "instance_id", "activity_type_id"}} == {
        "name": "ServiceNow",
        "description": "",
        "type": "Service Now Instance Resource (Resources)",
        "base_url": console.servicenow.url,
        "credential": "ServiceNow user",
        "use_webhook": True,
        "api_credential": "ServiceNow webhook",
        "post_uri": f"{console.url}/Tms/services/api/v1/approval/approve",
        "last_error": "",
    }


async def test_changed_uri_updates_the_registration(console: ConsoleUnderTest) -> None:
    """A changed Post Uri re-registers by updating the same record."""
    (before,) = console.servicenow.rows(REGISTRATIONS)
    await console.admin(
        "POST", "/foreign-system", {"post_uri": "https://pm.example/TMS/services/api/v1/approval/approve"}
    )
    (after,) = console.servicenow.rows(REGISTRATIONS)
    assert (console.servicenow.calls[-1][0], after["sys_id"]) == ("PATCH", before["sys_id"])
    pairs = console.servicenow.metadata()
    assert pairs["Endpoint Url"] == "https://pm.example/TMS/services/api/v1/approval/approve"
    assert pairs["Token Url"] == "https://pm.example/Tms/services/api/logon/token"


async def test_changed_credential_updates_the_registration(console: ConsoleUnderTest) -> None:
    """A new Secret that is copied into the credential re-registers, and opens the API again."""
    old = console.servicenow.metadata()
    await console.admin("POST", "/api-user/reset-secret", {"update_credential": True})
    new = console.servicenow.metadata()
    assert len(console.servicenow.rows(REGISTRATIONS)) == 1
    assert (new["Username"], new["Password"] == old["Password"]) == (old["Username"], False)
    body = {"UserName": old["Username"], "Password": old["Password"]}
    assert (await console.call("POST", TOKEN, body))[0] == 401
    assert await console.log_on()


@pytest.mark.parametrize("use", ["credential", "api_credential", "webhook"])
async def test_a_credential_retries_its_own_servers_only(console: ConsoleUnderTest, use: str) -> None:
    """A failed server is called again when a credential of it, or of its webhook, changes, and for no other one."""
    await console.admin("POST", "/credentials", {"name": "sender", "account_name": "a", "password": "b"})
    webhook = (await console.admin("GET", "/webhooks"))["webhooks"][0]["name"]
    await console.admin("POST", "/webhook", {"webhook": webhook, "credential": "sender"})
    console.servicenow.conditions.append(BUSY)
    system = await console.admin("POST", "/foreign-system", {"post_uri": "https://elsewhere.example/approve"})
    assert system["last_error"]
    calls = len(console.servicenow.calls)
    await console.admin("POST", "/credentials", {"name": "other", "account_name": "a", "password": "b"})
    await console.admin("POST", "/credential", {"credential": "other", "password": "c"})
    assert len(console.servicenow.calls) == calls
    used = system["webhook"]["credential"] if use == "webhook" else system[use]
    await console.admin("POST", "/credential", {"credential": used, "password": console.servicenow.password})
    assert len(console.servicenow.calls) > calls


async def test_reset_secret_leaves_the_credential_alone(console: ConsoleUnderTest) -> None:
    """A new Secret that nobody copies leaves ServiceNow with the old one, also when the set-up runs again."""
    old = console.servicenow.metadata()
    await console.admin("POST", "/api-user/reset-secret", {})
    await console.set_up()
    assert console.servicenow.metadata() == old


async def test_unticked_webhook_is_disabled(console: ConsoleUnderTest) -> None:
    """Unticking Use Webhook disables the webhook: what the SOAP services do not take waits until it is ticked again."""
    await console.admin("POST", "/foreign-system", {"use_webhook": False})
    (webhook,) = (await console.admin("GET", "/webhooks"))["webhooks"]
    assert not webhook["enabled"]
    request = await console.ask()
    assert (request["sent"], request["last_error"]) == (False, "404 without a SOAP fault")
    await console.admin("POST", "/foreign-system", {"use_webhook": True})
    (webhook,) = (await console.admin("GET", "/webhooks"))["webhooks"]
    assert webhook["enabled"]
    assert (await console.request(request["request_id"]))["sent"]
    assert len(console.servicenow.rows(REGISTRATIONS)) == 1


async def test_webhook_ticked_later(fresh: ConsoleUnderTest) -> None:
    """A foreign system that was saved without webhook registers when it is ticked."""
    await fresh.set_up(use_webhook=False)
    system = await fresh.admin("POST", "/foreign-system", {"use_webhook": True})
    assert system["post_uri"] == f"{fresh.url}/Tms/services/api/v1/approval/approve"
    assert system["instance_id"] == fresh.servicenow.rows(REGISTRATIONS)[0]["sys_id"]


async def test_webhook_needs_the_api(console: ConsoleUnderTest) -> None:
    """Use Webhook cannot be saved while API Enabled is off."""
    await console.admin("POST", "/api-settings", {"api_enabled": False})
    status, answer = await console.call("POST", "/__admin/foreign-system", {})
    assert status == 403
    assert answer["error"].startswith("API Enabled is off; webhooks need it on")


async def test_other_instance_registers_anew(console: ConsoleUnderTest) -> None:
    """An instance that has no registration of this console gets one."""
    other = console.servicenow.url.replace("127.0.0.1", "localhost")
    console.servicenow.tables.clear()
    system = await console.admin("POST", "/foreign-system", {"base_url": f"{other}/"})
    assert system["webhook"]["endpoint_url"].startswith(f"{other}/api/now/table/")
    assert [row["sys_id"] for row in console.servicenow.rows(REGISTRATIONS)] == [system["instance_id"]]
    assert [row["sys_id"] for row in console.servicenow.rows(ACTIVITY_TYPES)] == [system["activity_type_id"]]


@pytest.mark.parametrize("change", [{"base_url": "localhost"}, {"name": "Other"}])
async def test_registration_is_kept(console: ConsoleUnderTest, change: dict[str, str]) -> None:
    """A new name, or another address of the same instance, makes no second registration."""
    before = await console.admin("GET", "/foreign-system")
    if "base_url" in change:
        change = {"base_url": console.servicenow.url.replace("127.0.0.1", change["base_url"])}
    after = await console.admin("POST", "/foreign-system", change)
    ids = ("instance_id", "activity_type_id")
    assert [after[key] for key in ids] == [before[key] for key in ids]
    assert len(console.servicenow.rows(REGISTRATIONS)) == len(console.servicenow.rows(ACTIVITY_TYPES)) == 1


async def test_other_name_or_description_keeps_the_webhook(console: ConsoleUnderTest) -> None:
    """The webhook is a thing of its own once it exists."""
    before = await console.admin("GET", "/webhooks")
    system = await console.admin("POST", "/foreign-system", {"name": "Other", "description": "Of the test"})
    assert (system["name"], system["description"]) == ("Other", "Of the test")
    assert await console.admin("GET", "/webhooks") == before


async def test_error_does_not_repeat_the_secret(console: ConsoleUnderTest) -> None:
    """When ServiceNow repeats the registration in its error, the console does not."""

    async def repeating(stub: StubServiceNow, _request: object) -> object:
        return error(400, "Cannot parse", stub.calls[-1][2]["instance_metadata"])

    console.servicenow.conditions.append(repeating)  # type: ignore[arg-type] # the same shape
    await console.admin("POST", "/api-user/reset-secret", {"update_credential": True})
    told = (await console.admin("GET", "/foreign-system"))["last_error"]
    assert told.startswith('400 Cannot parse: {"Authentication Type":"Get Token"')
    assert '"Password":"***"' in told


async def test_no_error_repeats_the_secret(fresh: ConsoleUnderTest) -> None:
    """Whatever words ServiceNow puts the Secret into, no step and no request shows it."""

    async def quoting(stub: StubServiceNow, _request: object) -> object:
        secret = json.loads(stub.calls[0][2]["instance_metadata"])["Password"]
        return error(400, f"Unexpected {secret}", None)

    fresh.servicenow.conditions.extend([quoting, *[None] * 5, quoting])  # type: ignore[list-item] # the same shape
    outcome = await fresh.set_up()
    assert [each["detail"] for each in outcome["steps"] if each["step"] == "register"] == ["400 Unexpected ***"]
    await fresh.set_up()
    assert (await fresh.ask())["last_error"] == "400 Unexpected ***"


async def test_api_user_as_shown(console: ConsoleUnderTest) -> None:
    """The Users page shows the API user, without Client Id and Secret."""
    changed = await console.admin("POST", "/api-user", {"role": "Users", "expires_in": 3600})
    assert changed == await console.admin("GET", "/api-user")
    assert changed == {
        "display_name": "API User Created On Jan 5, 2026",
        "roles": ["Privilege Manager Users"],
        "may_approve": True,
        "active": True,
        "locked_out": False,
        "expires_at": "2026-01-05T10:00:00+00:00",
    }


async def test_tokens_are_revoked(console: ConsoleUnderTest) -> None:
    """All tokens can be made dead at once."""
    token = await console.log_on()
    assert await console.admin("DELETE", "/tokens") == {"revoked": 1}
    assert (await console.deliver({}, token))[0] == 401


@pytest.mark.parametrize("seconds", [0, 0.5, 316_224_000])
async def test_any_expiry_up_to_ten_years(console: ConsoleUnderTest, seconds: float) -> None:
    """A user may expire at once, within a second, or in ten years."""
    changed = await console.admin("POST", "/api-user", {"expires_in": seconds})
    expires = datetime.fromisoformat(changed["expires_at"])
    assert expires == datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/api-settings", {}, "'api_enabled' is missing; expected true or false"),
        ("/api-user", {"locked_out": "yes"}, "'locked_out' is 'yes'; expected true or false"),
        ("/api-user", {"roles": ["Auditors"]}, "'roles' has 'Auditors'; expected Privilege Manager Administrators, "),
        ("/api-user", {"roles": [5]}, "'roles' has 5; expected text"),
        ("/api-user", {"expires_in": True}, "'expires_in' is True; expected a number from 0 to"),
        ("/api-user", {"expires_in": -1}, "'expires_in' is -1; expected a number from 0 to 316224000"),
        ("/api-user", {"expires_in": 316_224_001}, "'expires_in' is 316224001; expected a number from 0 to"),
        ("/api-user", {"state": "Active"}, "unknown key 'state'; expected user, display_name, role, roles, active, "),
        ("/api-user/reset-secret", {"update": True}, "unknown key 'update'"),
        ("/foreign-system", {"base_url": "x"}, "'base_url' is 'x'; expected an address such as"),
        ("/foreign-system", {"base_url": "http://bücher"}, "'base_url' is 'http://bücher'; expected an address"),
        ("/foreign-system", {"base_url": "http://a..b"}, "'base_url' is 'http://a..b'; expected an address such as"),
        ("/foreign-system", {"base_url": "http://999.1"}, "'base_url' is 'http://999.1'; expected an address such as"),
        ("/foreign-system", {"use_webhook": True, "post_uri": "http://xn--a/"}, "'post_uri' is 'http://xn--a/'; exp"),
        ("/webhooks", {"name": "x", "endpoint_url": "http://bücher"}, "'endpoint_url' is 'http://bücher'; expected"),
        ("/setup", {"servicenow_url": "http://bücher"}, "'servicenow_url' is 'http://bücher'; expected an address"),
    ],
)
async def test_malformed_lever_is_named(console: ConsoleUnderTest, path: str, body: object, message: str) -> None:
    """A change that cannot be understood gets 400 naming the key, and changes nothing."""
    before = await console.admin("GET", "/api-user"), await console.admin("GET", "/foreign-system")
    status, answer = await console.call("POST", f"/__admin{path}", body)
    assert status == 400
    assert answer["error"].startswith(message)
    assert before == (await console.admin("GET", "/api-user"), await console.admin("GET", "/foreign-system"))


@pytest.mark.parametrize("path", ["/api-user/reset-secret", "/foreign-system", "/api-user"])
async def test_nothing_to_change_yet(fresh: ConsoleUnderTest, path: str) -> None:
    """Before the set-up there is neither API user nor foreign system."""
    status, answer = await fresh.call("POST", f"/__admin{path}", {})
    assert status == 404
    assert answer["error"].endswith("yet; run the set-up first")


async def test_passwords_of_before_stay_hidden(console: ConsoleUnderTest) -> None:
    """A password that was replaced, and a Secret that was reset, are on no page afterwards either."""
    before = console.servicenow.metadata()["Password"]
    await console.admin("POST", "/api-user/reset-secret", {})
    await console.admin("POST", "/api-user/reset-secret", {"update_credential": True})
    await console.set_up(servicenow_password="another-Passw0rd")
    old = console.servicenow.password

    async def repeating(_stub: StubServiceNow, _request: object) -> object:
        return error(
            400, f"Unexpected {before} {old} another-Passw0rd {console.servicenow.metadata()['Password']}", None
        )

    console.servicenow.conditions.append(repeating)  # type: ignore[arg-type] # the same shape
    assert (await console.ask())["last_error"] == "400 Unexpected *** *** *** ***"


async def test_instance_changes_while_it_registers(fresh: ConsoleUnderTest) -> None:
    """A registration that ends when the console has another Base URL is not taken for one at the new address."""
    servicenow, go_on = fresh.servicenow, asyncio.Event()

    async def slow(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return await stub.work(request)

    servicenow.conditions.append(slow)
    setting_up = asyncio.create_task(fresh.set_up())
    await servicenow.asked.wait()
    other = servicenow.url.replace("127.0.0.1", "localhost")
    moving = asyncio.create_task(fresh.admin("POST", "/foreign-system", {"base_url": other}))
    while (await fresh.admin("GET", "/foreign-system"))["base_url"] != other:
        await asyncio.sleep(0)
    go_on.set()
    await setting_up
    assert (await moving)["instance_id"] == servicenow.rows(REGISTRATIONS)[0]["sys_id"]
    assert servicenow.rows(ACTIVITY_TYPES)[0]["instance_id"] == servicenow.rows(REGISTRATIONS)[0]["sys_id"]
    assert len(servicenow.rows(REGISTRATIONS)) == len(servicenow.rows(ACTIVITY_TYPES)) == 1


async def test_reset_while_it_registers(console: ConsoleUnderTest) -> None:
    """A registration that was under way during a reset leaves nothing behind in the console."""
    servicenow, go_on = console.servicenow, asyncio.Event()

    async def slow(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return await stub.work(request)

    servicenow.conditions.append(slow)
    servicenow.asked.clear()
    body = {"post_uri": "https://pm.example/approve"}
    saving = asyncio.create_task(console.call("POST", "/__admin/foreign-system", body))
    await servicenow.asked.wait()
    await console.admin("POST", "/reset")
    go_on.set()
    assert (await saving)[0] == 409
    assert (await console.call("GET", "/__admin/foreign-system"))[0] == 404


DECIDE = "/approval-requests/decide"


async def test_several_requests_are_decided_at_once(console: ConsoleUnderTest) -> None:
    """Each is recorded in ServiceNow; one that is named twice is decided once (approvals.png)."""
    first, second, third = [(await console.ask())["request_id"] for _ in range(3)]
    decision = {"request_ids": [first, second, first], "response": "Approve", "duration": "02:00:00"}
    decided = (await console.admin("POST", DECIDE, decision))["approval_requests"]
    assert [(each["request_id"], each["state"], each["recorded"]) for each in decided] == [
        (request_id, "Approved", True) for request_id in (first, second, first)
    ]
    recorded = {row["request_id"]: row.get("duration", "") for row in console.servicenow.rows(REQUESTS)}
    assert recorded == {first: "02:00:00", second: "02:00:00", third: ""}
    assert [method for method, *_ in console.servicenow.calls].count("PATCH") == 2


@pytest.mark.parametrize(
    ("decision", "status", "told"),
    [
        ({"response": "Deny"}, 400, "'request_ids' is missing; expected a list"),
        ({"request_ids": "all", "response": "Deny"}, 400, "'request_ids' is 'all'; expected a list"),
        ({"request_ids": [7], "response": "Deny"}, 400, "'request_ids' has 7; expected text"),
        ({"request_ids": []}, 400, "'response' is missing; expected text"),
        ({"request_ids": ["{open}", "{unknown}"], "response": "Deny"}, 404, "unknown approval request '85d71683"),
        ({"request_ids": ["{open}", "{late}"], "response": "Deny"}, 409, "timed out at"),
        ({"request_ids": ["{open}"] * 101, "response": "Deny"}, 400, "101 requests are given; expected at most 100"),
    ],
)
async def test_all_are_decided_or_none(
    console: ConsoleUnderTest, decision: dict[str, object], status: int, told: str
) -> None:
    """Whatever is wrong with one of them."""
    ids = {"{late}": (await console.ask())["request_id"], "{unknown}": "85d71683-7dac-4762-8120-76a9a564fdc1"}
    await console.advance(1_200)
    ids["{open}"] = (await console.ask())["request_id"]
    named = decision.get("request_ids")
    if isinstance(named, list):
        decision = {**decision, "request_ids": [ids.get(each, each) for each in named]}
    answered, answer = await console.call("POST", f"/__admin{DECIDE}", decision)
    assert answered == status
    assert told in answer["error"]
    assert (await console.request(ids["{open}"]))["state"] == "Pending"


async def test_another_api_user_takes_over(console: ConsoleUnderTest) -> None:
    """The foreign system keeps its registration, which gets the Client Id of its new API Credential."""
    before = console.servicenow.metadata()["Username"]
    await console.admin("POST", "/api-users", {"display_name": "Next", "role": "Users", "credential": "Next key"})
    system = await console.admin("POST", "/foreign-system", {"api_credential": "Next key"})
    assert system["api_credential"] == "Next key"
    assert len(console.servicenow.rows(REGISTRATIONS)) == 1
    assert console.servicenow.metadata()["Username"] != before
    status, answer = await console.call("POST", "/__admin/foreign-system", {"api_credential": "Nxt key"})
    assert (status, answer["error"].partition(";")[0]) == (400, "unknown credential 'Nxt key'")


async def test_a_new_api_user_replaces_no_credential(console: ConsoleUnderTest) -> None:
    """The name of a credential that exists is refused, and nothing is done."""
    before = [await console.admin("GET", f"/{path}") for path in ("api-users", "foreign-system")]
    pairs = console.servicenow.metadata()
    for credential in ("ServiceNow user", "ServiceNow webhook"):
        status, answer = await console.call("POST", "/__admin/api-users", {"credential": credential})
        assert (status, answer["error"]) == (409, f"credential {credential!r} exists; expected another name")
    assert await console.admin("POST", "/foreign-system", {}) == before[1]
    assert (await console.admin("GET", "/api-users"), console.servicenow.metadata()) == (before[0], pairs)


async def test_two_users_with_one_name(console: ConsoleUnderTest) -> None:
    """Those made on one day have one name, as in the product; each call takes a Client Id, and refuses the name."""
    first, name = console.servicenow.metadata()["Username"], "API User Created On Jan 5, 2026"
    await console.admin("POST", "/api-users", {"credential": "second"})
    await console.admin("POST", "/foreign-system", {"api_credential": "second"})
    second = console.servicenow.metadata()["Username"]
    told = f"2 API Client Users have the name {name!r}; expected a Client Id"
    for method, path in (
        ("GET", "api-user"),
        ("POST", "api-user"),
        ("POST", "api-user/reset-secret"),
        ("POST", "tokens"),
    ):
        query, body = (f"?user={name}", None) if method == "GET" else ("", {"user": name})
        assert await console.call(method, f"/__admin/{path}{query}", body) == (409, {"error": told})
    await console.admin("POST", "/api-user", {"user": second.upper(), "display_name": first})
    assert [each["display_name"] for each in (await console.admin("GET", "/api-users"))["api_users"]] == [name, first]
    assert (await console.admin("GET", f"/api-user?user={first}"))["display_name"] == name
    assert (await console.admin("GET", f"/api-user?user={name}"))["display_name"] == name


async def test_webhooks_have_different_names(console: ConsoleUnderTest) -> None:
    """Also that of a foreign system, which is named after it, so that each can be reached by its name."""
    made = {"name": "By hand", "endpoint_url": "http://127.0.0.1:9/"}
    await console.admin("POST", "/webhooks", made)
    change = {"webhook": "New Webhook for ServiceNow setting", "name": "By hand"}
    status, answer = await console.call("POST", "/__admin/webhook", change)
    assert (status, answer["error"]) == (409, "webhook 'By hand' exists; expected another name")
    await console.admin("POST", "/webhooks", {**made, "name": "New Webhook for Second setting"})
    outcome = await console.set_up(name="Second", servicenow_url=f"{console.servicenow.url}/second")
    assert outcome["webhook"]["name"] == "New Webhook for Second setting 2"


async def test_a_request_names_its_server(console: ConsoleUnderTest) -> None:
    """By the name that the foreign system has now; one that is decided in the console has none."""
    request = await console.ask()
    await console.admin("POST", "/foreign-system", {"name": "Production"})
    assert (await console.request(request["request_id"]))["server"] == "Production"
    await console.admin(
        "POST",
        "/approval-type",
        {"approval_type": "Default Execute Application Request Type", "process": "Default Manual Approval Process"},
    )
    assert (await console.ask())["server"] is None


async def test_a_token_without_the_secret(console: ConsoleUnderTest) -> None:
    """A test gets one for the API user, which the API takes."""
    token = (await console.admin("POST", "/tokens", {}))["token"]
    request_id = (await console.ask())["request_id"]
    assert (await console.deliver(console.decision(request_id), token))[0] == 200


@pytest.mark.parametrize(
    ("path", "thing"),
    [
        ("/policy", {"policy": "Elevate installers"}),
        ("/approval-type", {"approval_type": "Default Offline Execute Application Request Type"}),
        ("/approval-process", {"process": "ServiceNow Approval Process"}),
        ("/foreign-system", {}),
        ("/webhook", {"webhook": "New Webhook for ServiceNow setting"}),
    ],
)
async def test_a_description_is_taken_back(console: ConsoleUnderTest, path: str, thing: dict[str, str]) -> None:
    """It may be empty again."""
    for description in ("For installers", ""):
        changed = await console.admin("POST", path, {**thing, "description": description})
        assert changed["description"] == description
