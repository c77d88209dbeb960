"""Tokens: the five grants, their lifetimes, and what they open."""

import asyncio
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.identity.oauth.tokens import LOOKED_AT, LiveTokens
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import Holder
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.virtual_clock import VirtualClock

Client = TestClient[web.Request, web.Application]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
CLIENT_ID = "3f1c9a7be52d4c08a6d90b5e7714c2fd"
CLIENT_SECRET = "ready-made-secret"
CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
PASSWORD = {"grant_type": "password", "username": "admin", "password": "admin"}
REDIRECT = "https://localhost/callback"
INCIDENTS = "/api/now/table/incident?sysparm_limit=1"
DENIED = {"error_description": "access_denied", "error": "server_error"}
CLIENT_CREDENTIALS = "glide.oauth.inbound.client.credential.grant_type.enabled"
Change = Callable[..., None]


async def ask(client: Client, **form: str) -> ClientResponse:
    """Ask for tokens as the ready-made client, unless the form says otherwise."""
    return await client.post("/oauth_token.do", data=CLIENT | form)


async def tokens(client: Client, **form: str) -> dict[str, Any]:
    """Return the tokens of a grant that holds, by default the administrator's password."""
    response = await ask(client, **(form or PASSWORD))
    assert response.status == 200, await response.text()
    answer: dict[str, Any] = await response.json()
    return answer


async def refused(client: Client, **form: str) -> bool:
    """Return whether a grant is answered as the platform answers every grant that does not hold."""
    response = await ask(client, **form)
    return response.status == 401 and await response.json() == DENIED


async def opens(client: Client, token: str) -> bool:
    """Return whether a token opens the Table API."""
    response = await client.get(INCIDENTS, headers={"Authorization": f"Bearer {token}"})
    assert response.status in {200, 401}
    return response.status == 200


def reasons(journal: Journal) -> list[str]:
    """Return what the findings say of refused grants."""
    return [finding.message for _, finding in journal.findings() if finding.rule == "oauth-refused"]


# The password grant


async def test_password_grant(anonymous: Client) -> None:
    """A user's password gives both tokens, with the keys and values of platform 4.3."""
    response = await ask(anonymous, **PASSWORD)
    assert response.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert response.headers["Server"] == "ServiceNow"
    answer = await response.json()
    assert set(answer) == {"access_token", "refresh_token", "scope", "token_type", "expires_in"}
    assert (answer["scope"], answer["token_type"], answer["expires_in"]) == ("useraccount", "Bearer", 1800)
    assert await opens(anonymous, answer["access_token"])


async def test_the_current_token_is_handed_back(anonymous: Client, clock: VirtualClock) -> None:
    """While the access token is valid the same tokens are answered, with fewer seconds left (trap 37)."""
    first = await tokens(anonymous)
    await clock.advance(100)
    assert await tokens(anonymous) == first | {"expires_in": 1700}


async def test_an_access_token_lasts_half_an_hour(anonymous: Client, clock: VirtualClock) -> None:
    """After 1,800 s the token opens nothing, and a new one comes with the refresh token that is valid still."""
    first = await tokens(anonymous)
    await clock.advance(1799)
    assert await opens(anonymous, first["access_token"])
    await clock.advance(1)
    assert not await opens(anonymous, first["access_token"])
    second = await tokens(anonymous)
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] == first["refresh_token"]


async def test_lifetimes_are_the_registrys(anonymous: Client, change: Change, clock: VirtualClock) -> None:
    """Each registry record has lifetimes of its own (platform 4.3)."""
    change("oauth_entity", "client_id", CLIENT_ID, access_token_lifespan="10", refresh_token_lifespan="20")
    answer = await tokens(anonymous)
    assert answer["expires_in"] == 10
    await clock.advance(19)
    assert await tokens(anonymous, grant_type="refresh_token", refresh_token=answer["refresh_token"])
    await clock.advance(1)
    assert await refused(anonymous, grant_type="refresh_token", refresh_token=answer["refresh_token"])


async def test_each_client_has_tokens_of_its_own(anonymous: Client, create: Callable[..., str]) -> None:
    """Another client gets another token for the same user."""
    create("oauth_entity", name="Other", client_id="other", client_secret="s")
    first = await tokens(anonymous)
    other = await tokens(anonymous, **PASSWORD, client_id="other", client_secret="s")
    assert other["access_token"] != first["access_token"]


async def test_client_by_http_basic(anonymous: Client) -> None:
    """The client's id and secret may come by HTTP Basic (platform 4.3)."""
    encoded = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    headers = {"Authorization": f"Basic {encoded}"}
    response = await anonymous.post("/oauth_token.do", data=PASSWORD, headers=headers)
    assert response.status == 200


async def test_a_json_body_is_refused(anonymous: Client, swallowed: Callable[[], list[str]]) -> None:
    """Only a form is read (platform 4.3)."""
    response = await anonymous.post("/oauth_token.do", json=CLIENT | PASSWORD)
    assert response.status == 401
    assert await response.json() == DENIED
    assert swallowed() == ["oauth-body", "oauth-refused"]


async def test_tokens_are_not_for_reading(anonymous: Client) -> None:
    """What is no form at all is refused in the same words."""
    response = await anonymous.get("/oauth_token.do", params=CLIENT | PASSWORD)
    assert response.status == 401
    assert await response.json() == DENIED


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"username": "nobody"}, "username is 'nobody'"),
        ({"password": "wrong"}, "username is 'admin'"),
        ({"client_id": "unknown"}, "client_id is 'unknown'"),
        ({"client_secret": "wrong"}, "the client_secret is not that of 'Ready-made client'"),
        ({"client_secret": ""}, "the client_secret is not that of 'Ready-made client'"),
        ({"grant_type": "implicit"}, "grant_type is 'implicit'; expected one of password,"),
        ({"grant_type": ""}, "grant_type is ''"),
    ],
)
async def test_what_does_not_hold(anonymous: Client, journal: Journal, form: dict[str, str], reason: str) -> None:
    """Whatever is wrong, the client reads the same 401; a finding says why (platform 4.3)."""
    assert await refused(anonymous, **PASSWORD | form)
    assert reason in reasons(journal)[0]


@pytest.mark.parametrize("state", [{"active": "false"}, {"locked_out": "true"}, {"web_service_access_only": "true"}])
async def test_users_who_may_not_log_in(anonymous: Client, change: Change, state: dict[str, str]) -> None:
    """The password grant needs a user who is active, not locked out and may log in (platform 4.3)."""
    change("sys_user", "user_name", "admin", **state)
    assert await refused(anonymous, **PASSWORD)


async def test_wrong_passwords_lock_out(anonymous: Client, clock: VirtualClock) -> None:
    """Failures at the token endpoint count as those of Basic do (platform 4.2)."""
    for _ in range(5):
        assert await refused(anonymous, **PASSWORD | {"password": "wrong"})
    assert await refused(anonymous, **PASSWORD)
    await clock.advance(15 * 60)
    assert await tokens(anonymous)


async def test_an_inactive_client(anonymous: Client, change: Change) -> None:
    """A client that is switched off gets no tokens."""
    change("oauth_entity", "client_id", CLIENT_ID, active="false")
    assert await refused(anonymous, **PASSWORD)


# The refresh grant


async def test_refresh_grant(anonymous: Client, clock: VirtualClock) -> None:
    """A refresh gives a new access token, the older one stays valid, and the refresh token is the same (trap 38)."""
    first = await tokens(anonymous)
    await clock.advance(60)
    second = await tokens(anonymous, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] == first["refresh_token"]
    assert second["expires_in"] == 1800
    assert await opens(anonymous, first["access_token"])
    assert await opens(anonymous, second["access_token"])


async def test_a_refresh_does_not_extend_the_refresh_token(anonymous: Client, clock: VirtualClock) -> None:
    """The refresh token ends after 100 days although it was used in between (trap 38)."""
    first = await tokens(anonymous)
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    await clock.advance(8_639_999)
    await tokens(anonymous, **refresh)
    await clock.advance(1)
    assert await refused(anonymous, **refresh)
    assert (await tokens(anonymous))["refresh_token"] != first["refresh_token"]


async def test_expired_tokens_are_forgotten(anonymous: Client, clock: VirtualClock, instance: Instance) -> None:
    """Refreshing for a long time does not fill the table."""
    first = await tokens(anonymous)
    for _ in range(5):
        await clock.advance(1800)
        await tokens(anonymous, grant_type="refresh_token", refresh_token=first["refresh_token"])
    with instance.transaction(instance.system) as session:
        assert session.count("oauth_credential") == 2


@pytest.mark.parametrize("token", ["", "unknown"])
async def test_refresh_tokens_that_are_none(anonymous: Client, token: str) -> None:
    """An unknown refresh token, or an access token in its place, is refused."""
    assert await refused(anonymous, grant_type="refresh_token", refresh_token=token)
    access = (await tokens(anonymous))["access_token"]
    assert await refused(anonymous, grant_type="refresh_token", refresh_token=access)


async def test_the_refresh_token_of_another_client(anonymous: Client, create: Callable[..., str]) -> None:
    """A refresh token serves its own client only."""
    create("oauth_entity", name="Other", client_id="other", client_secret="s")
    first = await tokens(anonymous)
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert await refused(anonymous, **refresh, client_id="other", client_secret="s")


@pytest.mark.parametrize("state", [{"active": "false"}, {"locked_out": "true"}])
async def test_tokens_end_with_their_user(anonymous: Client, change: Change, state: dict[str, str]) -> None:
    """A user who is deactivated or locked out is let in by neither of his tokens."""
    first = await tokens(anonymous)
    assert await opens(anonymous, first["access_token"])
    change("sys_user", "user_name", "admin", **state)
    assert not await opens(anonymous, first["access_token"])
    assert await refused(anonymous, grant_type="refresh_token", refresh_token=first["refresh_token"])


# The client credentials grant


async def test_client_credentials_grant(anonymous: Client, change: Change) -> None:
    """With the property on, a client acts as its application user, without a refresh token (platform 4.3)."""
    assert await refused(anonymous, grant_type="client_credentials")
    change("sys_properties", "name", CLIENT_CREDENTIALS, value="true")
    assert await refused(anonymous, grant_type="client_credentials")
    change("oauth_entity", "client_id", CLIENT_ID, user=ADMIN)
    answer = await tokens(anonymous, grant_type="client_credentials")
    assert "refresh_token" not in answer
    assert await opens(anonymous, answer["access_token"])
    change("sys_user", "user_name", "admin", active="false")
    assert await refused(anonymous, grant_type="client_credentials")


async def test_a_public_client_is_no_user(anonymous: Client, change: Change) -> None:
    """A public client without its secret has nothing but its name to show."""
    change("sys_properties", "name", CLIENT_CREDENTIALS, value="true")
    change("oauth_entity", "client_id", CLIENT_ID, public_client="true", user=ADMIN)
    assert await refused(anonymous, grant_type="client_credentials", client_secret="")
    assert await tokens(anonymous, grant_type="client_credentials")


# Authorization


def query(**parameters: str) -> dict[str, str]:
    """Return the parameters of an address that asks for a code."""
    asked = {"response_type": "code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT, "state": "a&b", "scope": ""}
    return asked | parameters


async def consent(client: Client, form: dict[str, str] | None = None, /, **parameters: str) -> ClientResponse:
    """Send the page's form, by default with the administrator's password."""
    decision = form or {"user_name": "admin", "user_password": "admin", "decision": "allow"}
    return await client.post("/oauth_auth.do", params=query(**parameters), data=decision, allow_redirects=False)


async def code(client: Client, **parameters: str) -> str:
    """Return the code of a consent."""
    response = await consent(client, **parameters)
    assert response.status == 302
    location = urlsplit(response.headers["Location"])
    answered = parse_qs(location.query)
    assert answered["state"] == ["a&b"]
    return answered["code"][0]


async def test_authorization_code_grant(anonymous: Client) -> None:
    """Login and consent lead to the redirect with code and state, and the code to both tokens (platform 4.3, 4.4)."""
    page = await anonymous.get("/oauth_auth.do", params=query())
    assert page.status == 200
    assert page.content_type == "text/html"
    assert "Ready-made client asks to access your account" in await page.text()
    assert 'name="user_password"' in await page.text()
    redeemed = {"grant_type": "authorization_code", "code": await code(anonymous), "redirect_uri": REDIRECT}
    answer = await tokens(anonymous, **redeemed)
    assert await opens(anonymous, answer["access_token"])
    assert "refresh_token" in answer
    assert await refused(anonymous, **redeemed), "a code can be redeemed once"


@pytest.mark.usefixtures("often_switching")
async def test_of_calls_at_once_one_redeems_a_code(anonymous: Client) -> None:
    """Codes that are issued and redeemed at the same moments are whole, and each is redeemed once."""
    for _ in range(5):
        codes = await asyncio.gather(*(code(anonymous) for _ in range(6)))
        redeemed = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
        answers = await asyncio.gather(*(ask(anonymous, **redeemed, code=each) for each in codes * 2))
        assert sorted(answer.status for answer in answers) == [*[200] * 6, *[401] * 6]


async def test_the_form_of_one_who_is_logged_in(anonymous: Client, instance: Instance) -> None:
    """A visitor with a session is not asked for a password, and the form proves itself by the session's token."""
    session = instance.web_sessions.open(Holder(ADMIN))
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": session.id})
    page = await (await anonymous.get("/oauth_auth.do", params=query())).text()
    assert 'name="user_password"' not in page
    found = re.search(r'name="sysparm_ck" value="(\w+)"', page)
    assert found is not None
    response = await consent(anonymous, {"decision": "allow", "sysparm_ck": found[1]})
    assert response.headers["Location"].startswith(f"{REDIRECT}?code=")


async def test_a_forged_form_is_intercepted(anonymous: Client, instance: Instance) -> None:
    """A form with a wrong token leads to the security interceptor (platform 4.7)."""
    session = instance.web_sessions.open(Holder(ADMIN))
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": session.id})
    response = await consent(anonymous, {"decision": "allow", "sysparm_ck": "forged"})
    assert response.status == 302
    assert response.headers["Location"] == "/security_interceptor.do"


async def test_users_of_web_services_alone_consent_to_nothing(
    anonymous: Client, instance: Instance, change: Change
) -> None:
    """Neither by the password on the page nor by the session that a call has opened."""
    change("sys_user", "user_name", "admin", web_service_access_only="true")
    assert (await consent(anonymous)).status == 401
    session = instance.web_sessions.open(Holder(ADMIN), by_call=True)
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": session.id})
    page = await (await anonymous.get("/oauth_auth.do", params=query())).text()
    assert 'name="user_password"' in page


async def test_no_other_page_shows_the_consent_as_its_own(anonymous: Client) -> None:
    """A button that a user does not see for what it is gives no token away."""
    page = await anonymous.get("/oauth_auth.do", params=query())
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


async def test_a_wrong_password_on_the_page(anonymous: Client) -> None:
    """The page is shown again, and no code is given."""
    response = await consent(anonymous, {"user_name": "admin", "user_password": "wrong", "decision": "allow"})
    assert response.status == 401
    assert 'name="user_password"' in await response.text()


async def test_consent_denied(anonymous: Client) -> None:
    """The client is told that the user said no."""
    response = await consent(anonymous, {"decision": "deny"})
    assert response.status == 302
    assert response.headers["Location"] == f"{REDIRECT}?error=access_denied&state=a%26b"


async def test_implicit_grant(anonymous: Client) -> None:
    """``response_type=token`` hands the token over in the fragment (platform 4.4)."""
    response = await consent(anonymous, response_type="token")
    location = urlsplit(response.headers["Location"])
    answered = parse_qs(location.fragment)
    assert (answered["token_type"], answered["state"], answered["expires_in"]) == (["Bearer"], ["a&b"], ["1800"])
    assert "refresh_token" not in answered
    assert await opens(anonymous, answered["access_token"][0])


async def test_a_redirect_url_with_a_query(anonymous: Client, change: Change) -> None:
    """What the client registered is kept in the redirect."""
    change("oauth_entity", "client_id", CLIENT_ID, redirect_url="https://x/?a=1, https://y/")
    response = await consent(anonymous, redirect_uri="https://x/?a=1")
    assert response.headers["Location"].startswith("https://x/?a=1&code=")


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"state": ""}, "Missing State parameter in request"),
        ({"client_id": "<x>"}, "client_id is &#x27;&lt;x&gt;&#x27;; there is no such active client"),
        ({"redirect_uri": "https://evil/"}, "redirect_uri is &#x27;https://evil/&#x27;; it is not registered"),
        ({"redirect_uri": ""}, "redirect_uri is &#x27;&#x27;"),
        ({"response_type": "id_token"}, "response_type is &#x27;id_token&#x27;; expected code or token"),
        ({"code_challenge": "x"}, "code_challenge_method is &#x27;&#x27;; expected S256"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "code_challenge_method is &#x27;plain&#x27;"),
    ],
)
async def test_addresses_that_ask_nothing(anonymous: Client, parameters: dict[str, str], text: str) -> None:
    """What is wrong with the address is told on a page, never by a redirect (platform 4.4)."""
    page = await anonymous.get("/oauth_auth.do", params=query(**parameters))
    assert page.status == 400
    assert text in await page.text()
    assert (await consent(anonymous, **parameters)).status == 400


async def test_pkce(anonymous: Client, change: Change) -> None:
    """A public client proves itself by the code's verifier (platform 4.3)."""
    change("oauth_entity", "client_id", CLIENT_ID, public_client="true")
    verifier = "v" * 43
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    redeemed = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "client_secret": ""}
    assert await refused(anonymous, **redeemed, code=await code(anonymous, **asked), code_verifier="wrong")
    assert await refused(anonymous, **redeemed, code=await code(anonymous, **asked))
    assert await refused(anonymous, **redeemed, code=await code(anonymous), code_verifier=verifier)
    assert await tokens(anonymous, **redeemed, code=await code(anonymous, **asked), code_verifier=verifier)


async def test_codes_that_do_not_hold(
    anonymous: Client, change: Change, create: Callable[..., str], clock: VirtualClock
) -> None:
    """A code is for its client, its redirect URL and a minute, and for a user who is still active."""
    create("oauth_entity", name="Other", client_id="other", client_secret="s")
    redeemed = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
    other = {"client_id": "other", "client_secret": "s"}
    assert await refused(anonymous, **redeemed, code="unknown")
    assert await refused(anonymous, **redeemed, **other, code=await code(anonymous))
    assert await refused(anonymous, **redeemed | {"redirect_uri": "https://x/"}, code=await code(anonymous))
    unused, late = await code(anonymous), await code(anonymous)
    await clock.advance(60)
    assert await refused(anonymous, **redeemed, code=late)
    last = await code(anonymous)
    assert await refused(anonymous, **redeemed, code=unused)
    change("sys_user", "user_name", "admin", active="false")
    assert await refused(anonymous, **redeemed, code=last)


# Bearer


async def test_token_in_the_query(anonymous: Client, swallowed: Callable[[], list[str]]) -> None:
    """The parameter access_token counts as the header does, and is no filter (platform 4.1)."""
    token = (await tokens(anonymous))["access_token"]
    assert (await anonymous.get(f"{INCIDENTS}&access_token={token}")).status == 200
    assert not swallowed()
    assert (await anonymous.get(f"{INCIDENTS}&access_token=x")).status == 401


@pytest.mark.parametrize("token", ["", "unknown"])
async def test_tokens_that_are_none(anonymous: Client, token: str) -> None:
    """An unknown token is a 401 with the usual envelope, which names the scheme (platform 4.5)."""
    response = await anonymous.get(INCIDENTS, headers={"Authorization": f"Bearer {token}"})
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'BEARER realm="Service-now"'
    assert (await response.json())["error"]["message"] == "User is not authenticated"


async def test_a_refresh_token_opens_nothing(anonymous: Client) -> None:
    """Only the access token is for APIs."""
    assert not await opens(anonymous, (await tokens(anonymous))["refresh_token"])


async def test_the_bearer_is_the_user(anonymous: Client) -> None:
    """What a token writes is its user's."""
    headers = {"Authorization": f"bearer {(await tokens(anonymous))['access_token']}"}
    response = await anonymous.post("/api/now/table/incident", json={}, headers=headers)
    assert (await response.json())["result"]["sys_created_by"] == "admin"
    assert response.headers["X-Is-Logged-In"] == "true"


async def test_scopes(anonymous: Client, create: Callable[..., str], instance: Instance) -> None:
    """A token limited to scopes opens only the APIs that are bound to one of them (platform 4.5)."""
    with instance.transaction(instance.system) as session:
        client = session.find("oauth_entity", client_id=CLIENT_ID)
        assert client is not None
    for scope in ("tables", "other"):
        create("oauth_entity_scope", name=scope, oauth_entity=client.sys_id, oauth_entity_scope=scope)
    create("oauth_api_scope", name="Tables", scope="tables", api="Table API")
    both = await tokens(anonymous)
    assert both["scope"] == "tables other"
    assert await opens(anonymous, both["access_token"])
    other = await tokens(anonymous, **PASSWORD, scope="other none")
    assert other["scope"] == "other"
    response = await anonymous.get(INCIDENTS, headers={"Authorization": f"Bearer {other['access_token']}"})
    assert response.status == 403
    assert (await response.json())["error"]["message"] == "Missing required api access scope"


@pytest.fixture
def limit(create: Callable[..., str], instance: Instance) -> Callable[[str], str]:
    """Return a function that limits the client to one more scope and returns the sys_id of the limit."""

    def limit(scope: str) -> str:
        with instance.transaction(instance.system) as session:
            client = session.find("oauth_entity", client_id=CLIENT_ID)
            assert client is not None
        return create("oauth_entity_scope", name=scope, oauth_entity=client.sys_id, oauth_entity_scope=scope)

    return limit


async def renewed(client: Client, grant: dict[str, Any]) -> str:
    """Return the scope that a grant's refresh token gives."""
    answer = await tokens(client, grant_type="refresh_token", refresh_token=grant["refresh_token"])
    scope: str = answer["scope"]
    return scope


async def test_a_refresh_token_gives_no_more_than_its_grant(anonymous: Client, limit: Callable[[str], str]) -> None:
    """A grant that was given no scope, or one of two, stays so."""
    limit("tables")
    limit("other")
    for asked, scope in (("none", ""), ("other", "other"), ("", "tables other")):
        grant = await tokens(anonymous, **PASSWORD, scope=asked)
        assert grant["scope"] == scope
        assert await renewed(anonymous, grant) == scope


async def test_a_refresh_token_after_the_clients_last_scope(
    anonymous: Client, client: Client, limit: Callable[[str], str]
) -> None:
    """A client that is no longer limited needs a new grant for more than its users have allowed."""
    row = limit("tables")
    grant = await tokens(anonymous)
    given = await code(anonymous)
    assert (await client.delete(f"/api/now/table/oauth_entity_scope/{row}")).status == 204
    assert await renewed(anonymous, grant) == "tables"
    redeemed = await tokens(anonymous, grant_type="authorization_code", code=given, redirect_uri=REDIRECT)
    assert redeemed["scope"] == "tables"


async def test_a_refresh_token_from_before_the_clients_first_scope(
    anonymous: Client, limit: Callable[[str], str]
) -> None:
    """A grant of everything includes each scope to which its client is limited later."""
    grant = await tokens(anonymous)
    limit("tables")
    assert await renewed(anonymous, grant) == "tables"


# Revocation and masking


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revocation(anonymous: Client, kind: str) -> None:
    """A revoked token is dead at once; nobody need log in to revoke it (platform 4.4)."""
    first = await tokens(anonymous)
    assert await opens(anonymous, first["access_token"])
    assert (await anonymous.get("/oauth_revoke_token.do", params={"token": first[kind]})).status == 200
    assert await opens(anonymous, first["access_token"]) is (kind == "refresh_token")
    assert (await tokens(anonymous))[kind] != first[kind]


async def test_revoking_what_is_no_token(anonymous: Client) -> None:
    """Nothing is told about tokens that do not exist."""
    assert (await anonymous.get("/oauth_revoke_token.do")).status == 200
    assert (await anonymous.get("/oauth_revoke_token.do?token=x")).status == 200


async def test_the_journal_shows_no_secret(anonymous: Client, journal: Journal) -> None:
    """No token, code, secret or password can be read in the journal."""
    given = await code(anonymous)
    answer = await tokens(anonymous, grant_type="authorization_code", code=given, redirect_uri=REDIRECT)
    await anonymous.get(f"{INCIDENTS}&access_token={answer['access_token']}")
    printed = orjson.dumps([journal.to_json(exchange) for exchange in journal.kept()]).decode()
    for secret in (given, answer["access_token"], answer["refresh_token"], CLIENT_SECRET, "user_password=admin"):
        assert secret not in printed


async def test_the_tables_show_no_secret(client: Client) -> None:
    """The registry and the issued tokens can be read, but neither secret nor token."""
    answer = await tokens(client)
    for table in ("oauth_entity", "oauth_entity_profile", "oauth_credential"):
        response = await client.get(f"/api/now/table/{table}?sysparm_display_value=all")
        assert (await response.json())["result"]
        text = await response.text()
        assert CLIENT_SECRET not in text
        assert answer["access_token"] not in text


async def test_the_tables_are_administrators(user: Client) -> None:
    """Others cannot read the registry."""
    assert (await user.get("/api/now/table/oauth_entity")).status == 403


@pytest.mark.parametrize("client_id", [{}, {"client_id": "mine"}])
async def test_a_client_is_registered_by_the_table_api(client: Client, client_id: dict[str, str]) -> None:
    """A client made with its secret as a display value can ask for tokens; its id is made up unless it has one."""
    made = {"name": "Mine", "client_secret": "my-secret"} | client_id
    response = await client.post("/api/now/table/oauth_entity?sysparm_input_display_value=true", json=made)
    known = (await response.json())["result"]["client_id"]
    assert known == client_id.get("client_id", known)
    assert await tokens(client, **PASSWORD, client_id=known, client_secret="my-secret")


def test_only_the_last_tokens_are_remembered(instance: Instance) -> None:
    """What is remembered of issued tokens is bounded: a client whose token is forgotten gets a new one."""
    live = LiveTokens(Secrets(), kept=1)
    with instance.transaction(instance.system) as session:
        first, second = (session.insert("oauth_credential", {"token": f"{number:064x}"}) for number in (1, 2))
        live.add("first", first)
        live.add("second", second)
        assert live.find(first) is None
        assert live.find(second) is not None


async def test_so_many_tokens_are_looked_at(anonymous: Client, instance: Instance) -> None:
    """Each renewal adds a token, and costs no more than the one before it; those that have ended go some at a time."""
    first = await tokens(anonymous)
    with instance.transaction(instance.system) as session:
        (client,) = session.find_all("oauth_entity", client_id=CLIENT_ID)
        ended = {"type": "access_token", "user": ADMIN, "peer": client.sys_id, "expires": "2020-01-01 00:00:00"}
        session.store_rows(
            "oauth_credential",
            [{**ended, "sys_id": session.ids.sys_id(), "token": f"{number}"} for number in range(LOOKED_AT + 1)],
        )
    for left in (1, 0):
        await tokens(anonymous, grant_type="refresh_token", refresh_token=first["refresh_token"])
        with instance.transaction(instance.system) as session:
            assert session.count("oauth_credential", "expires<2021-01-01 00:00:00") == left
    assert await opens(anonymous, first["access_token"])
