"""Released clients of ServiceNow log in by OAuth, over TLS."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import pysnow
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pysnc import ServiceNowClient
from pysnc.auth import ServiceNowClientCredentialsFlow, ServiceNowPasswordGrantFlow

ADMIN = "6816f79cc0a8016401c5a33be04be441"
CLIENT_ID = "3f1c9a7be52d4c08a6d90b5e7714c2fd"
CLIENT_SECRET = "ready-made-secret"
CLIENT_CREDENTIALS = "glide.oauth.inbound.client.credential.grant_type.enabled"
Change = Callable[..., None]
Client = TestClient[web.Request, web.Application]


def user_name(client: ServiceNowClient) -> str:
    """Read the administrator's name and hang up."""
    with client.session:
        record = client.GlideRecord("sys_user")
        assert record.get(ADMIN)
        return str(record.user_name)


async def test_pysnc_password_flow(origin: str) -> None:
    """The released PySNC logs in with the password grant and reads."""

    def read() -> str:
        client = ServiceNowClient(origin, ServiceNowPasswordGrantFlow("admin", "admin", CLIENT_ID, CLIENT_SECRET))
        return user_name(client)

    assert await asyncio.to_thread(read) == "admin"


async def test_pysnc_client_credentials_flow(origin: str, change: Change) -> None:
    """The released PySNC logs in as the client's application user and reads."""
    change("sys_properties", "name", CLIENT_CREDENTIALS, value="true")
    change("oauth_entity", "client_id", CLIENT_ID, user=ADMIN)

    def read() -> str:
        client = ServiceNowClient(origin, ServiceNowClientCredentialsFlow(CLIENT_ID, CLIENT_SECRET))
        return user_name(client)

    assert await asyncio.to_thread(read) == "admin"


async def test_pysnow_oauth_client(origin: str) -> None:
    """The released pysnow creates a token and reads with it."""

    def read() -> str:
        client = pysnow.OAuthClient(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, host=urlsplit(origin).netloc)
        client.set_token(client.generate_token("admin", "admin"))
        users = client.resource(api_path="/table/sys_user")
        with client.session:
            return str(users.get(query={"sys_id": ADMIN}).one()["user_name"])

    assert await asyncio.to_thread(read) == "admin"


@pytest.mark.parametrize("end", ["inactive", "deleted"])
async def test_tokens_end_with_their_client(client: Client, anonymous: Client, end: str) -> None:
    """Neither an access token nor a refresh token of a client that is gone opens anything."""
    mine = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    form = {"grant_type": "password", "username": "admin", "password": "admin"}
    tokens = await (await anonymous.post("/oauth_token.do", data=form | mine)).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    users = "/api/now/table/sys_user"
    assert (await anonymous.get(users, headers=bearer)).status == 200
    found = await client.get("/api/now/table/oauth_entity", params={"sysparm_query": f"client_id={CLIENT_ID}"})
    (registered,) = (await found.json())["result"]
    url = f"/api/now/table/oauth_entity/{registered['sys_id']}"
    changed = await (client.delete(url) if end == "deleted" else client.patch(url, json={"active": "false"}))
    assert changed.status in (200, 204)
    assert (await anonymous.get(users, headers=bearer)).status == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await anonymous.post("/oauth_token.do", data=refresh | mine)).status == 401
