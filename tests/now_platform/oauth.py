"""Helpers for the tests of OAuth."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Change = Callable[..., None]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
CLIENT_ID = "3f1c9a7be52d4c08a6d90b5e7714c2fd"
CLIENT_SECRET = "ready-made-secret"
CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
PASSWORD = {"grant_type": "password", "username": "admin", "password": "admin"}
REDIRECT = "https://localhost/callback"
INCIDENTS = "/api/now/table/incident?sysparm_limit=1"
DENIED = {"error_description": "access_denied", "error": "server_error"}


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
