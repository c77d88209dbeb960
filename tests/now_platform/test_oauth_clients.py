"""Released clients of ServiceNow log in by OAuth, over TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pysnow
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from pysnc import ServiceNowClient
from pysnc.auth import ServiceNowClientCredentialsFlow, ServiceNowPasswordGrantFlow

from mock_servicenow.now_platform import http

ADMIN = "6816f79cc0a8016401c5a33be04be441"
CLIENT_ID = "3f1c9a7be52d4c08a6d90b5e7714c2fd"
CLIENT_SECRET = "ready-made-secret"
CLIENT_CREDENTIALS = "glide.oauth.inbound.client.credential.grant_type.enabled"
Change = Callable[..., None]


@pytest.fixture
async def https(app: web.Application, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """Serve over TLS and give the origin and the file of the certificate to trust."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    server = TestServer(app, host="localhost", scheme="https")
    await server.start_server(ssl=context, max_line_size=http.LONGEST_LINE)
    yield f"https://localhost:{server.port}", str(bundle)
    await server.close()


def user_name(client: ServiceNowClient) -> str:
    """Read the administrator's name and hang up."""
    with client.session:
        record = client.GlideRecord("sys_user")
        assert record.get(ADMIN)
        return str(record.user_name)


async def test_pysnc_password_flow(https: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The released PySNC logs in with the password grant and reads (platform 4.3)."""
    url, bundle = https
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)

    def read() -> str:
        client = ServiceNowClient(url, ServiceNowPasswordGrantFlow("admin", "admin", CLIENT_ID, CLIENT_SECRET))
        return user_name(client)

    assert await asyncio.to_thread(read) == "admin"


async def test_pysnc_client_credentials_flow(
    https: tuple[str, str], change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The released PySNC logs in as the client's application user and reads (platform 4.3)."""
    url, bundle = https
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    change("sys_properties", "name", CLIENT_CREDENTIALS, value="true")
    change("oauth_entity", "client_id", CLIENT_ID, user=ADMIN)

    def read() -> str:
        client = ServiceNowClient(url, ServiceNowClientCredentialsFlow(CLIENT_ID, CLIENT_SECRET))
        return user_name(client)

    assert await asyncio.to_thread(read) == "admin"


async def test_pysnow_oauth_client(https: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The released pysnow creates a token and reads with it (platform 4.3)."""
    url, bundle = https
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)

    def read() -> str:
        client = pysnow.OAuthClient(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, host=urlsplit(url).netloc)
        client.set_token(client.generate_token("admin", "admin"))
        users = client.resource(api_path="/table/sys_user")
        with client.session:
            return str(users.get(query={"sys_id": ADMIN}).one()["user_name"])

    assert await asyncio.to_thread(read) == "admin"
