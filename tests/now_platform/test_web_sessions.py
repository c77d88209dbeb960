"""Sessions beside other credentials."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import Holder
from privman_core.virtual_clock import VirtualClock

from .conftest import basic

Client = TestClient[web.Request, web.Application]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
INCIDENTS = "/api/now/table/incident"


@pytest.fixture
def token(anonymous: Client, instance: Instance) -> str:
    """Log the administrator in with a cookie and return the X-UserToken."""
    session = instance.web_sessions.open(Holder(ADMIN))
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": session.id})
    return session.token


@pytest.mark.parametrize("sent", [{}, {"X-UserToken": ""}, {"X-UserToken": "forged"}])
async def test_a_cookie_alone_is_refused(anonymous: Client, token: str, sent: dict[str, str]) -> None:
    """A cookie without the session's own X-UserToken is a 401, for reads and writes."""
    assert token
    assert (await anonymous.get(INCIDENTS, headers=sent)).status == 401
    response = await anonymous.post(INCIDENTS, json={}, headers=sent)
    assert response.status == 401
    assert (await response.json())["error"]["message"] == "User is not authenticated"


async def test_a_session_writes_as_its_user(anonymous: Client, token: str) -> None:
    """With the token, what is written is the user's."""
    response = await anonymous.post(INCIDENTS, json={}, headers={"X-UserToken": token})
    assert response.status == 201
    assert (await response.json())["result"]["sys_created_by"] == "admin"


async def test_cookies_beside_credentials(client: Client) -> None:
    """A client that keeps cookies and sends its credentials every time needs no token (PySNC)."""
    first = await client.get(INCIDENTS, params={"sysparm_limit": "1"})
    session = first.cookies["JSESSIONID"].value
    again = await client.get(INCIDENTS, params={"sysparm_limit": "1"}, cookies={"JSESSIONID": session})
    assert again.status == 200
    assert "Set-Cookie" not in again.headers


async def test_credentials_open_the_session_of_their_user(client: Client, instance: Instance) -> None:
    """The session that a call with credentials opens is its user's."""
    first = await client.get(INCIDENTS, params={"sysparm_limit": "1"})
    session = instance.web_sessions.find(first.cookies["JSESSIONID"].value)
    assert session is not None
    assert session.holder.sys_id == ADMIN


async def test_an_idle_session_ends(anonymous: Client, instance: Instance, clock: VirtualClock) -> None:
    """After 30 minutes without a call its cookie opens nothing; credentials open another session."""
    opened = instance.web_sessions.open(Holder(ADMIN), by_call=True)
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": opened.id})
    session = {"X-UserToken": opened.token}
    for _ in range(3):
        await clock.advance(1_799)
        assert (await anonymous.get(INCIDENTS, headers=session)).status == 200
    await clock.advance(1_800)
    assert (await anonymous.get(INCIDENTS, headers=session)).status == 401
    again = await anonymous.get(INCIDENTS, headers=basic("admin", "admin"))
    other = instance.web_sessions.find(again.cookies["JSESSIONID"].value)
    assert other is not None
    assert other.holder.sys_id == ADMIN


@pytest.mark.store
async def test_a_jump_leaves_a_person_logged_in(anonymous: Client, token: str, clock: VirtualClock) -> None:
    """Who has logged in with a browser and moves the clock by days has not left it."""
    await clock.advance(2 * 86_400)
    assert (await anonymous.get(INCIDENTS, headers={"X-UserToken": token})).status == 200
    await clock.advance(2 * 86_400)
    assert (await anonymous.get(INCIDENTS, headers={"X-UserToken": token})).status == 200


async def test_a_key_opens_no_session_of_its_user(anonymous: Client, instance: Instance, key: dict[str, str]) -> None:
    """A key or a token may open only one API, so the session of its answer is nobody's."""
    answer = await anonymous.get(INCIDENTS, params={"sysparm_limit": "1"}, headers=key)
    assert answer.status == 200
    session = instance.web_sessions.find(answer.cookies["JSESSIONID"].value)
    assert session is not None
    assert not session.holder.sys_id


@pytest.fixture(params=["bearer", "api key"])
def key(request: pytest.FixtureRequest, create: Callable[..., str], instance: Instance) -> dict[str, str]:
    """Return the header of a credential of the administrator other than a password."""
    if request.param == "bearer":
        create(
            "oauth_credential",
            type="access_token",
            token="t" * 64,
            user=ADMIN,
            peer=create("oauth_entity", name="Client", client_id="client"),
            expires="2099-01-01 00:00:00",
            scopes="useraccount",
        )
        return {"Authorization": f"Bearer {'t' * 64}"}
    with instance.transaction(instance.system) as session:
        parameter = session.find("sys_token_auth_parameter", type="auth_header")
        assert parameter is not None
    profile = create("http_key_auth", name="Keys", auth_parameter=parameter.sys_id)
    policy = create("sys_api_access_policy", name="Tables", api="Table API")
    create("sys_auth_profile_mapping", api_access_policy=policy, inbound_auth_profile=profile)
    create("api_key", name="Key", token="now_key-of-the-admin", user=ADMIN)
    return {"x-sn-apikey": "now_key-of-the-admin"}


async def test_a_locked_users_session_ends(anonymous: Client, token: str, change: Callable[..., None]) -> None:
    """A locked-out user's cookie authenticates nobody."""
    change("sys_user", "user_name", "admin", locked_out="true")
    assert (await anonymous.get(INCIDENTS, headers={"X-UserToken": token})).status == 401
