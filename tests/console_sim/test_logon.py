"""Logging on and off."""

import re
from typing import Any

import pytest

from .conftest import APPROVE, TOKEN, ConsoleUnderTest, StubServiceNow


@pytest.fixture
def account(console: ConsoleUnderTest) -> dict[str, str]:
    """Client Id and Secret, as the registration told them to ServiceNow."""
    pairs = console.servicenow.metadata()
    return {"UserName": pairs["Username"], "Password": pairs["Password"]}


async def refused(console: ConsoleUnderTest, body: Any, **options: Any) -> tuple[int, str]:
    """Try to log on and return status and message of the refusal."""
    status, answer = await console.call("POST", TOKEN, body, **options)
    assert answer["Result"] is None
    assert answer["Status"] == "error"
    return status, answer["Messages"][0]


async def test_token_is_a_json_string(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """Client Id and Secret give a token that opens the API."""
    status, token = await console.call("POST", TOKEN, account)
    assert status == 200
    assert isinstance(token, str)
    status, _ = await console.deliver(console.decision((await console.ask())["request_id"]), token)
    assert status == 200


@pytest.mark.parametrize(
    "path",
    ["/TMS/Services/API/Logon/Token", "/tms/services/api/logon/token/", "/TMS//services/api/logon///token//"],
)
async def test_path_is_read_as_by_iis(console: ConsoleUnderTest, account: dict[str, str], path: str) -> None:
    """The path may be written in any case and with repeated slashes."""
    assert (await console.call("POST", path, account))[0] == 200


async def test_keys_are_case_insensitive(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """A client in the field writes the keys in lower case."""
    body = {key.lower(): value for key, value in account.items()}
    assert (await console.call("POST", TOKEN, body))[0] == 200


async def test_unknown_keys_are_ignored(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """A .NET client's type is expected; any other key is a finding, and the log-on succeeds."""
    assert (await console.call("POST", TOKEN, {"$type": "Logon, Client", **account, "Domain": "acme"}))[0] == 200
    findings = (await console.admin("GET", "/findings"))["findings"]
    assert [(each["rule"], each["message"]) for each in findings] == [
        ("doubtful-value", "Domain is not part of token-request.")
    ]


@pytest.mark.parametrize("key", ["UserName", "username"])
async def test_the_last_of_two_keys_counts(console: ConsoleUnderTest, account: dict[str, str], key: str) -> None:
    """As in Newtonsoft's Json.NET, in whatever case; that a key is given twice is a finding."""
    user_name, password = account.values()
    for first, last, status in (("nobody", user_name, 200), (user_name, "nobody", 401)):
        body = f'{{"UserName": "{first}", "Password": "{password}", "{key}": "{last}"}}'
        headers = {"Content-Type": "application/json"}
        assert (await console.call("POST", TOKEN, data=body.encode(), headers=headers))[0] == status
    findings = (await console.admin("GET", "/findings"))["findings"]
    assert [each["message"] for each in findings] == [f"{key} is given twice. Expected each key once."] * 2


async def test_client_id_is_case_insensitive(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """A Client Id is a GUID, whose case means nothing."""
    assert (await console.call("POST", TOKEN, {**account, "UserName": account["UserName"].upper()}))[0] == 200


async def test_wrong_secret_is_refused(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """A wrong Secret gets 401, not an invalid token (release notes 10.5.000003)."""
    assert await refused(console, {**account, "Password": "wrong"}) == (401, "UserName or Password is wrong")


async def test_wrong_client_id_is_refused(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """A wrong Client Id gets the same 401 (release notes 10.5.000003)."""
    assert await refused(console, {**account, "UserName": "nobody"}) == (401, "UserName or Password is wrong")


async def test_nobody_logs_on_before_there_is_a_user(fresh: ConsoleUnderTest) -> None:
    """Without an API Client User every logon is refused."""
    await fresh.admin("POST", "/api-settings", {"api_enabled": True})
    assert (await refused(fresh, {"UserName": "a", "Password": "b"}))[0] == 401


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"Password": "b"}, "'UserName' is missing; expected text"),
        ({"UserName": "", "Password": "b"}, "'UserName' is empty; expected text"),
        ({"UserName": 7, "Password": "b"}, "'UserName' is 7; expected text"),
        ({"UserName": "a", "Password": ["b"]}, "'Password' is not shown here; expected text"),
        ({"UserName": "a", "Password": "b", "username": 7}, "'UserName' is 7; expected text"),
        (["a"], "the body is JSON, but not an object; expected an object"),
    ],
)
async def test_malformed_logon_is_named(console: ConsoleUnderTest, body: object, message: str) -> None:
    """A logon of another shape gets 400 naming the key, and shows no Secret."""
    assert await refused(console, body) == (400, message)


async def test_broken_json_is_named(console: ConsoleUnderTest) -> None:
    """A body that is no JSON gets 400 and why."""
    options = {"data": b'{"UserName":', "headers": {"Content-Type": "application/json"}}
    status, message = await refused(console, None, **options)
    assert status == 400
    assert message.startswith("the body is not JSON: ")


async def test_other_media_type_is_refused(console: ConsoleUnderTest) -> None:
    """A form gets 415."""
    status, message = await refused(console, None, data={"UserName": "a"})
    assert (status, message) == (415, "Content-Type is 'application/x-www-form-urlencoded'; expected application/json")


async def test_token_expires(console: ConsoleUnderTest) -> None:
    """A token lives 720 minutes, used or not: the documented session time-out."""
    token = await console.log_on()
    decision = console.decision((await console.ask())["request_id"])
    await console.advance(720 * 60 - 1)
    assert (await console.deliver({**decision, "Response": "?"}, token))[0] == 400
    await console.advance(1)
    status, answer = await console.deliver(decision, token)
    assert (status, answer["Messages"]) == (401, ["the token is unknown, has expired or was revoked; get a new one"])


async def test_log_out_kills_the_token(console: ConsoleUnderTest) -> None:
    """After a DELETE the token is dead, and another one still lives (release notes 10.8.2: log out by DELETE)."""
    one, other = await console.log_on(), await console.log_on()
    headers = {"Authorization": f"bearer {one}"}
    assert await console.call("DELETE", TOKEN, headers=headers) == (204, None)
    assert (await console.call("DELETE", TOKEN, headers=headers))[0] == 401
    assert (await console.deliver({}, other))[0] == 400


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "Bearer  "])
async def test_bearer_token_is_needed(console: ConsoleUnderTest, header: str) -> None:
    """Without a bearer token the API answers 401 and says how to log on."""
    async with console.session.post(f"{console.url}{APPROVE}", json={}, headers={"Authorization": header}) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert (await answer.json())["Messages"] == [
            "Authorization has no bearer token; get one and send 'Bearer <token>'"
        ]


async def test_reset_secret_revokes_the_old_one(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """Reset Secret makes the old Secret and every token worthless (release notes 10.8.2: bug fixes)."""
    token = await console.log_on()
    await console.admin("POST", "/api-user/reset-secret", {"update_credential": False})
    assert (await refused(console, account))[0] == 401
    assert (await console.deliver({}, token))[0] == 401


@pytest.mark.parametrize(
    ("change", "told"), [({"active": False}, "is not active"), ({"locked_out": True}, "is locked out")]
)
async def test_user_who_is_not_active_is_shut_out(
    console: ConsoleUnderTest, account: dict[str, str], change: dict[str, bool], told: str
) -> None:
    """An inactive or locked out user gets no token, and the ones it has are dead."""
    token = await console.log_on()
    await console.admin("POST", "/api-user", change)
    assert await refused(console, account) == (401, f"the API user {told}")
    assert (await console.deliver({}, token))[0] == 401
    assert await console.call("POST", "/__admin/tokens", {}) == (401, {"error": f"the API user {told}"})
    await console.admin("POST", "/api-user", {"active": True, "locked_out": False})
    assert (await console.deliver({}, token))[0] == 401
    assert (await console.call("POST", TOKEN, account))[0] == 200


async def test_user_expires(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """An API user that expires may log on until then."""
    await console.admin("POST", "/api-user", {"expires_in": 60})
    assert (await console.call("POST", TOKEN, account))[0] == 200
    await console.advance(60)
    told = "the API user expired at 2026-01-05T09:01:00+00:00"
    assert await refused(console, account) == (401, told)
    assert await console.call("POST", "/__admin/tokens", {}) == (401, {"error": told})


async def test_user_who_expired_lives_again(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """Without an end the user logs on again; the tokens of the user who had expired stay dead."""
    await console.admin("POST", "/api-user", {"expires_in": 60})
    token = await console.log_on()
    assert (await console.deliver({}, token))[0] == 400
    await console.advance(60)
    assert (await console.admin("POST", "/api-user", {"expires_in": None}))["expires_at"] is None
    assert (await console.deliver({}, token))[0] == 401
    assert (await console.call("POST", TOKEN, account))[0] == 200


async def test_two_log_ins_are_refused(console: ConsoleUnderTest) -> None:
    """A proxy may have checked the other one."""
    bearer = ("Authorization", f"Bearer {await console.log_on()}")
    status, answer = await console.call("POST", APPROVE, {}, headers=[bearer, ("Authorization", "Bearer x")])
    assert (status, answer["Messages"]) == (400, ["2 headers Authorization were sent; expected one"])


async def test_disabled_api_refuses(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """With API Enabled off neither logon nor decisions are served, but the version is."""
    token = await console.log_on()
    await console.admin("POST", "/api-settings", {"api_enabled": False})
    status, message = await refused(console, account)
    assert status == 403
    assert message.startswith("API Enabled is off")
    assert (await console.deliver({}, token))[0] == 403
    assert (await console.call("GET", "/Tms/services/api/v1/version/Current"))[0] == 200


async def test_restart_forgets_tokens(console: ConsoleUnderTest, servicenow: StubServiceNow) -> None:
    """A restart makes tokens worthless and keeps the account."""
    token = await console.log_on()
    await console.admin("POST", "/restart")
    assert (await console.deliver({}, token))[0] == 401
    assert await console.log_on()
    assert len(servicenow.rows("x_thyti_thycotic_p_integration_configuration")) == 1


@pytest.mark.long
async def test_a_user_has_a_thousand_tokens(console: ConsoleUnderTest) -> None:
    """Who logs on for ever loses the oldest token of their own, and nobody else loses one."""
    await console.admin("POST", "/api-users", {"display_name": "Other", "credential": "other"})
    others = (await console.admin("POST", "/tokens", {"user": "Other"}))["token"]
    tokens = [await console.log_on() for _ in range(1_001)]
    statuses = [(await console.deliver({}, token))[0] for token in (*tokens[:2], tokens[-1], others)]
    assert statuses == [401, 400, 400, 403]
    assert await console.admin("DELETE", "/tokens") == {"revoked": 1_001}


async def test_dead_tokens_make_room(console: ConsoleUnderTest) -> None:
    """A token that has expired is gone once its user logs on again."""
    await console.log_on()
    await console.advance(719 * 60)
    await console.log_on()
    await console.advance(60)
    await console.log_on()
    assert await console.admin("DELETE", "/tokens") == {"revoked": 2}


async def test_several_api_users(console: ConsoleUnderTest, account: dict[str, str]) -> None:
    """Each logs on with its own Secret; resetting one leaves the tokens of the other."""
    made = await console.admin(
        "POST", "/api-users", {"display_name": "Second", "roles": ["Privilege Manager Users"], "credential": "second"}
    )
    assert (made["display_name"], made["roles"]) == ("Second", ["Privilege Manager Users"])
    assert [each["display_name"] for each in (await console.admin("GET", "/api-users"))["api_users"]] == [
        "API User Created On Jan 5, 2026",
        "Second",
    ]
    token = await console.log_on()
    await console.admin("POST", "/api-user/reset-secret", {"user": "Second", "update_credential": True})
    assert (await console.deliver({}, token))[0] == 400
    assert (await console.call("POST", TOKEN, account))[0] == 200
    await console.admin("POST", "/api-user/reset-secret", {})
    assert (await console.deliver({}, token))[0] == 401
    told = "API Client User 'Third' does not exist; there is 'API User Created On Jan 5, 2026', 'Second'"
    assert await console.call("GET", "/__admin/api-user?user=Third") == (404, {"error": told})


async def test_a_secret_has_the_printed_form(account: dict[str, str]) -> None:
    """32 letters and digits (api-user.png); the Client Id is a GUID."""
    assert re.fullmatch(r"[A-Za-z0-9]{32}", account["Password"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", account["UserName"])
