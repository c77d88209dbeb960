"""The requests of the vendor's scripts, byte for byte (thycotic/privmanapi-docs, folder scripts).

Windows PowerShell sends them: a Content-Type on GET, too, and a body only after it was told to continue. Each script
begins with ``$application = "https://mpt-web01.muppets.local/TMS/"`` and goes on with ``$application/services/…``, so
that two slashes follow ``TMS``.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from yarl import URL

from .conftest import ConsoleUnderTest

HOST = "mpt-web01.muppets.local"
AGENT = "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.906"
HEADERS = f"User-Agent: {AGENT}\r\nContent-Type: application/json\r\nHost: {HOST}\r\n"
TOKEN = "/TMS//services/api/logon/token"


@dataclass(frozen=True)
class Answer:
    """What the script gets: the status, and the body as ``Invoke-RestMethod`` converts it."""

    status: int
    json: Any


async def invoke(console: ConsoleUnderTest, head: str, body: str = "") -> Answer:
    """Send a request as it is, the body once the console has said 100, and return the answer."""
    address = URL(console.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(f"{head}\r\n".encode())
    if body:
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body.encode())
    status = int((await reader.readline()).split()[1])
    headers = dict(line.split(": ", 1) for line in (await reader.readuntil(b"\r\n\r\n")).decode().splitlines() if line)
    text = await reader.readexactly(int(headers["Content-Length"]))
    writer.close()
    return Answer(status, json.loads(text))


async def get_token(console: ConsoleUnderTest, username: str, password: str) -> Answer:
    """Send what 00a, 00b, 01a and 01b send, and every other script before its own call."""
    body = '{"Password": "' + password + '", "UserName": "' + username + '"}'
    head = f"POST {TOKEN} HTTP/1.1\r\n{HEADERS}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n"
    return await invoke(console, f"{head}Connection: Keep-Alive\r\n", body)


@pytest.fixture
async def token(console: ConsoleUnderTest) -> str:
    """The token of the API Client User."""
    pairs = console.servicenow.metadata()
    answer = await get_token(console, pairs["Username"], pairs["Password"])
    assert answer.status == 200
    return str(answer.json)


async def get(console: ConsoleUnderTest, path: str, token: str) -> Answer:
    """Send what 03a, 04a and 05a send: ``-Method Get -Headers $Headers -ContentType "application/json"``."""
    head = f"GET /TMS//services/api/v1/{path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{HEADERS}"
    return await invoke(console, f"{head}Connection: Keep-Alive\r\n")


async def test_00a_to_01b_get_a_token(token: str) -> None:
    """The token is the text that the scripts print."""
    assert token
    assert token.isprintable()


async def test_01a_reports_a_wrong_secret(console: ConsoleUnderTest) -> None:
    """The script's catch block converts the answer's body from JSON."""
    answer = await get_token(console, "a521bbf5-ebaa-40bd-916e-e22aa2c3453", "replace with your API Client User secret")
    assert (answer.status, answer.json["Messages"]) == (401, ["UserName or Password is wrong"])


async def test_02a_gets_the_version(console: ConsoleUnderTest) -> None:
    """``$version_r.Result``, without a token."""
    head = f"GET /TMS//services/api/v1/version/current HTTP/1.1\r\n{HEADERS}Connection: Keep-Alive\r\n"
    answer = await invoke(console, head)
    assert (answer.status, answer.json["Result"]) == (200, "11.1.0")


async def test_03a_gets_enabled_policies(console: ConsoleUnderTest, token: str) -> None:
    """``$all_policies_r.Result | Where-Object {$_.Enabled}``."""
    answer = await get(console, "policies/getall", token)
    enabled = [each for each in answer.json["Result"] if each["Enabled"]]
    assert (answer.status, [each["Name"] for each in enabled]) == (200, ["Elevate installers"])


async def test_04a_counts_the_filters(console: ConsoleUnderTest, token: str) -> None:
    """``$all_filters_r.Total`` beside ``.Result``."""
    answer = await get(console, "filters/getall", token)
    assert (answer.status, answer.json["Total"]) == (200, len(answer.json["Result"]))
    assert answer.json["Total"] > 0


async def test_05a_gets_user_context_filters(console: ConsoleUnderTest, token: str) -> None:
    """``Where-Object Type -EQ "User Context Filter"``."""
    answer = await get(console, "filters/getall", token)
    found = [each["Name"] for each in answer.json["Result"] if each["Type"] == "User Context Filter"]
    assert found == ["Administrators", "Administrators (Include Disabled)"]


async def test_05a_posts_a_new_windows_policy(console: ConsoleUnderTest, token: str) -> None:
    """A script that the vendor removed again (commit ab110d9): ``.Result`` is the id, beside Status and Messages."""
    body = '{ "Name": "testwinpolicy 1/5/2026 9:00:00 AM", "Description": "Test Windows API Policy", "OS": "Win" }'
    head = (
        f"POST /TMS//services/api/v1/policies/new HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{HEADERS}"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: Keep-Alive\r\n"
    )
    answer = await invoke(console, head, body)
    assert (answer.status, answer.json["Status"], answer.json["Messages"]) == (200, "ok", [])
    made = (await get(console, f"policies/{answer.json['Result']}", token)).json["Result"]
    assert (made["Name"], made["OS"], made["Enabled"]) == ("testwinpolicy 1/5/2026 9:00:00 AM", "win", False)
