"""Links name the origin that their own request used."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import orjson
import pytest
from aiohttp import encode_basic_auth

from mock_servicenow.settings import Settings

from .conftest import ADMIN, Instance, running

BODY = orjson.dumps({"opened_by": "6816f79cc0a8016401c5a33be04be441"})


@asynccontextmanager
async def half_sent(
    instance: Instance, host: str, target: str, body: bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect and send a POST request except for the last byte of its body."""
    address = urlsplit(instance.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {encode_basic_auth(*ADMIN)}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:-1])
    yield reader, writer
    writer.close()


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/api/now/table/problem", BODY),
        (
            "/api/now/v1/batch",
            orjson.dumps({"rest_requests": [{"id": "1", "method": "POST", "url": "/api/now/table/problem"}]}),
        ),
    ],
)
async def test_links_ignore_the_host_of_other_requests(instance: Instance, target: str, body: bytes) -> None:
    """A request that names another host in the meantime changes nothing, for a batch's items either (1.5)."""
    async with half_sent(instance, "first.example", target, body) as (reader, writer):
        other = await instance.call("GET", "/api/now/table/problem?sysparm_limit=1", headers={"Host": "other.example"})
        writer.write(body[-1:])
        head = await reader.readuntil(b"\r\n\r\n")
        answer = head + await reader.readuntil(b"\r\n0\r\n\r\n")
    assert other.status == 200
    assert b"other.example" not in answer
    assert b"//first.example/" in answer


async def test_concurrent_requests_keep_their_own_host(instance: Instance) -> None:
    """Requests at the same time, in worker threads or not, read links to their own host."""

    async def linked(host: str) -> str:
        answer = await instance.call("POST", "/api/now/table/problem", headers={"Host": host}, json={})
        return str(urlsplit(answer.headers["Location"]).netloc)

    hosts = [f"host{number}.example" for number in range(20)]
    assert await asyncio.gather(*map(linked, hosts)) == hosts


MARKS = [
    {"Origin": "http://evil.example"},
    {"Referer": "http://evil.example/"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Accept-Language": "en"},
    {"User-Agent": "Mozilla/5.0"},
]
TABLE = "/api/now/table/sys_user?sysparm_limit=1"


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("path", [TABLE, "/login.do", "/", "/oauth_auth.do", "/oauth_token.do", "/api/unknown"])
async def test_a_public_name_on_the_loopback_address_is_no_browsers(
    instance: Instance, path: str, mark: dict[str, str]
) -> None:
    """A page of a site whose name was made to lead here is refused, though it knows the password."""
    for method in ("GET", "POST"):
        answer = await instance.call(method, path, headers={"Host": "evil.example:8080", **mark})
        assert (answer.status, "--url" in str(answer.body)) == (403, True)
    assert await instance.findings("foreign-host-refused") or not path.startswith("/api/")


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost:8080",
            "mock.localhost",
            "servicenow:8080",
            "host.docker.internal:8080",
            "mock.test",
            "mock.local",
        ),
        *("127.0.0.1:8080", "10.0.2.2", "[::1]:8080", "here.example.com", "HERE.example.com.:80"),
    ],
)
async def test_other_names_are_a_browsers(host: str) -> None:
    """Addresses, names that no public name server has, and that of --url."""
    async with running(Settings(url="https://here.example.com:8443")) as instance:
        assert (await instance.call("GET", TABLE, headers={"Host": host, "Accept-Language": "en"})).status == 200


async def test_a_name_that_no_parser_takes_is_no_browsers(instance: Instance) -> None:
    """It gets the same answer."""
    headers = {"Host": "evil.example:x", "Accept-Language": "en"}
    assert (await instance.call("GET", TABLE, headers=headers)).status in {400, 403}


async def test_programs_use_any_name(instance: Instance) -> None:
    """A client whose name server leads the name of an instance here sends nothing that browsers send."""
    assert (await instance.call("GET", TABLE, headers={"Host": "dev12345.service-now.com"})).status == 200
