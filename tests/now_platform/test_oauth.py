"""Tokens: the five grants, their lifetimes, and what they open."""

from base64 import b64encode
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from privman_core.journal import Journal
from privman_core.virtual_clock import VirtualClock

from .oauth import ADMIN, CLIENT, CLIENT_ID, CLIENT_SECRET, DENIED, PASSWORD, ask, opens, refused, tokens

Client = TestClient[web.Request, web.Application]
CLIENT_CREDENTIALS = "glide.oauth.inbound.client.credential.grant_type.enabled"
Change = Callable[..., None]


def reasons(journal: Journal) -> list[str]:
    """Return what the findings say of refused grants."""
    return [finding.message for _, finding in journal.findings() if finding.rule == "oauth-refused"]


async def test_password_grant(anonymous: Client) -> None:
    """A user's password gives both tokens, with the documented keys and values."""
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


async def test_the_registry_sets_lifetimes(anonymous: Client, change: Change, clock: VirtualClock) -> None:
    """Each registry record sets its own lifetimes."""
    change("oauth_entity", "client_id", CLIENT_ID, access_token_lifespan="10", refresh_token_lifespan="20")
    answer = await tokens(anonymous)
    assert answer["expires_in"] == 10
    await clock.advance(19)
    assert await tokens(anonymous, grant_type="refresh_token", refresh_token=answer["refresh_token"])
    await clock.advance(1)
    assert await refused(anonymous, grant_type="refresh_token", refresh_token=answer["refresh_token"])


async def test_each_client_has_its_own_tokens(anonymous: Client, create: Callable[..., str]) -> None:
    """Another client gets another token for the same user."""
    create("oauth_entity", name="Other", client_id="other", client_secret="s")
    first = await tokens(anonymous)
    other = await tokens(anonymous, **PASSWORD, client_id="other", client_secret="s")
    assert other["access_token"] != first["access_token"]


async def test_client_by_http_basic(anonymous: Client) -> None:
    """The client's id and secret may come by HTTP Basic."""
    encoded = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    headers = {"Authorization": f"Basic {encoded}"}
    response = await anonymous.post("/oauth_token.do", data=PASSWORD, headers=headers)
    assert response.status == 200


async def test_a_json_body_is_refused(anonymous: Client, swallowed: Callable[[], list[str]]) -> None:
    """Only a form is read."""
    response = await anonymous.post("/oauth_token.do", json=CLIENT | PASSWORD)
    assert response.status == 401
    assert await response.json() == DENIED
    assert swallowed() == ["oauth-body", "oauth-refused"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT"])
async def test_tokens_are_not_for_reading(anonymous: Client, swallowed: Callable[[], list[str]], method: str) -> None:
    """Another method than POST gets the same refusal, whatever it sends."""
    for in_url, form in ((CLIENT | PASSWORD, {}), ({}, CLIENT | PASSWORD)):
        response = await anonymous.request(method, "/oauth_token.do", params=in_url, data=form)
        assert response.status == 401
        assert method == "HEAD" or await response.json() == DENIED
    assert swallowed() == ["oauth-body", "oauth-refused"] * 2


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
async def test_invalid_grants_get_401(anonymous: Client, journal: Journal, form: dict[str, str], reason: str) -> None:
    """Whatever is wrong, the client reads the same 401; a finding says why."""
    assert await refused(anonymous, **PASSWORD | form)
    assert reason in reasons(journal)[0]


@pytest.mark.parametrize("state", [{"active": "false"}, {"locked_out": "true"}, {"web_service_access_only": "true"}])
async def test_users_who_may_not_log_in(anonymous: Client, change: Change, state: dict[str, str]) -> None:
    """The password grant needs a user who is active, not locked out and may log in."""
    change("sys_user", "user_name", "admin", **state)
    assert await refused(anonymous, **PASSWORD)


async def test_wrong_passwords_lock_out(anonymous: Client, clock: VirtualClock) -> None:
    """Failures at the token endpoint count as those of Basic do."""
    for _ in range(5):
        assert await refused(anonymous, **PASSWORD | {"password": "wrong"})
    assert await refused(anonymous, **PASSWORD)
    await clock.advance(15 * 60)
    assert await tokens(anonymous)


async def test_an_inactive_client(anonymous: Client, change: Change) -> None:
    """A client that is switched off gets no tokens."""
    change("oauth_entity", "client_id", CLIENT_ID, active="false")
    assert await refused(anonymous, **PASSWORD)


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
async def test_invalid_refresh_tokens_get_401(anonymous: Client, token: str) -> None:
    """An unknown refresh token, or an access token in its place, is refused."""
    assert await refused(anonymous, grant_type="refresh_token", refresh_token=token)
    access = (await tokens(anonymous))["access_token"]
    assert await refused(anonymous, grant_type="refresh_token", refresh_token=access)


async def test_a_refresh_token_of_another_client_gets_401(anonymous: Client, create: Callable[..., str]) -> None:
    """A refresh token serves its own client only."""
    create("oauth_entity", name="Other", client_id="other", client_secret="s")
    first = await tokens(anonymous)
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert await refused(anonymous, **refresh, client_id="other", client_secret="s")


@pytest.mark.parametrize("state", [{"active": "false"}, {"locked_out": "true"}])
async def test_tokens_end_with_their_user(anonymous: Client, change: Change, state: dict[str, str]) -> None:
    """Neither token of a deactivated or locked-out user is accepted."""
    first = await tokens(anonymous)
    assert await opens(anonymous, first["access_token"])
    change("sys_user", "user_name", "admin", **state)
    assert not await opens(anonymous, first["access_token"])
    assert await refused(anonymous, grant_type="refresh_token", refresh_token=first["refresh_token"])


async def test_client_credentials_grant(anonymous: Client, change: Change) -> None:
    """With the property on, a client acts as its application user, without a refresh token."""
    assert await refused(anonymous, grant_type="client_credentials")
    change("sys_properties", "name", CLIENT_CREDENTIALS, value="true")
    assert await refused(anonymous, grant_type="client_credentials")
    change("oauth_entity", "client_id", CLIENT_ID, user=ADMIN)
    answer = await tokens(anonymous, grant_type="client_credentials")
    assert "refresh_token" not in answer
    assert await opens(anonymous, answer["access_token"])
    change("sys_user", "user_name", "admin", active="false")
    assert await refused(anonymous, grant_type="client_credentials")


async def test_client_credentials_of_a_public_client_need_its_secret(anonymous: Client, change: Change) -> None:
    """A public client without its secret has nothing but its name to show."""
    change("sys_properties", "name", CLIENT_CREDENTIALS, value="true")
    change("oauth_entity", "client_id", CLIENT_ID, public_client="true", user=ADMIN)
    assert await refused(anonymous, grant_type="client_credentials", client_secret="")
    assert await tokens(anonymous, grant_type="client_credentials")
