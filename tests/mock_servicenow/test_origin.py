"""Links name the origin that their own request used."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import orjson
import pytest
from aiohttp import encode_basic_auth

from .conftest import ADMIN, Instance

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
