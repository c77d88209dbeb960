"""Servers end promptly, whatever their clients do."""

import asyncio
import gc
import resource
import ssl
import tracemalloc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
import trustme
from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler

from privman_core.serving import serving

from .conftest import Party

# Far more than ending takes: a server that waits for its clients never ends.
NEVER = 60
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

SENT: dict[str, bytes] = {
    "nothing": b"",
    "half a line": b"GET /x HT",
    "half the headers": b"GET /x HTTP/1.1\r\nHost: localhost\r\nX-Half",
    "half a body": b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
    "half a chunk": b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf",
    "chunks of a byte": b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"1\r\nx\r\n" * 50_000,
    "a request for a slow answer": b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "half a body for a slow answer": b"POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
    "requests in a row": b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20,
    "half a form of the cockpit": b"POST /__cockpit/clock HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
    "half a body of the control plane": b"POST /__admin/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
}


async def ends(party: Party, tls: ssl.SSLContext | None, use: Callable[[int], Awaitable[Connection]]) -> None:
    """Serve the echo, let a client connect and wait, and end the server."""
    async with asyncio.timeout(NEVER):
        async with serving(party.app(), tls=tls) as url:
            party.url = url
            if tls is None:
                await party.call("POST", "/__admin/faults", json={"kind": "slow", "path": "/slow", "times": None})
            _, writer = await use(int(url.rpartition(":")[2]))
        writer.close()


@pytest.mark.long
@pytest.mark.parametrize("sent", SENT)
async def test_a_client_that_waits_does_not_keep_a_server_from_ending(party: Party, sent: str) -> None:
    """Half a request, and an answer that a fault holds back, end with the server."""

    async def use(port: int) -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SENT[sent])
        await writer.drain()
        await party.call("GET", "/__admin/health")
        return reader, writer

    await ends(party, None, use)


async def test_a_client_that_does_not_read_does_not_keep_a_server_from_ending(party: Party) -> None:
    """An answer that nobody takes ends with the server."""

    async def use(port: int) -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        body = b"x" * 900_000
        for _ in range(20):
            writer.write(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await party.call("GET", "/__admin/health")
        return reader, writer

    await ends(party, None, use)


async def test_a_client_that_does_not_read_loses_its_connection() -> None:
    """An answer that nobody takes is not kept for good; whoever goes on reading gets it whole."""
    length = 32 * 1024 * 1024
    app = web.Application()

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(length))

    app.router.add_get("/", answer)
    async with asyncio.timeout(NEVER), serving(app, unread_seconds=0.2) as url:
        port = int(url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        cut, cutter = await asyncio.open_connection("127.0.0.1", port, limit=1)
        cutter.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert len(await read_all(reader, length)) >= length
        writer.close()
        with pytest.raises(ConnectionResetError):
            await written_until_reset(cutter)
        with suppress(ConnectionResetError):
            assert len(await read_all(cut, length)) < length


LONG = 16 * 1024 * 1024
ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def answering(length: int, *, packed: bool = False) -> web.Application:
    """Return an application that answers so many bytes."""

    async def answer(_request: web.Request) -> web.Response:
        response = web.Response(body=bytes(length))
        if packed:
            response.enable_compression(web.ContentCoding.gzip)
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    return app


@pytest.fixture
def traced() -> Iterator[None]:
    """Trace what Python takes."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.fixture
def without_room() -> Iterator[None]:
    """Let no file have a byte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.long
@pytest.mark.usefixtures("traced")
async def test_answers_that_nobody_reads_are_not_in_memory() -> None:
    """However many connections wait, and each of them gets its answer whole once it reads."""
    async with asyncio.timeout(NEVER), serving(answering(LONG)) as url:
        port = int(url.rpartition(":")[2])
        connections = [await asyncio.open_connection("127.0.0.1", port, limit=1) for _ in range(4)]
        for reader, writer in connections:
            writer.write(ASKED)
            assert await reader.readexactly(15) == b"HTTP/1.1 200 OK"
        while tracemalloc.get_traced_memory()[0] > LONG // 2:
            _, another = await asyncio.open_connection("127.0.0.1", port)
            another.close()
            await another.wait_closed()
        for reader, writer in connections:
            assert len(await read_all(reader, LONG)) >= LONG
            writer.close()


@pytest.mark.usefixtures("without_room")
async def test_a_long_answer_is_sent_where_the_disk_is_full() -> None:
    """It waits in memory."""
    async with asyncio.timeout(NEVER), serving(answering(LONG)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), limit=1)
        writer.write(ASKED)
        for _ in range(1_000):  # so many turns that no more can be sent
            await asyncio.sleep(0)
        assert len(await read_all(reader, LONG)) >= LONG
        writer.close()


async def test_a_packed_answer_keeps_its_length() -> None:
    """What an application packs as a whole is sent as it is."""
    async with serving(answering(LONG, packed=True)) as url, ClientSession() as session, session.get(url) as answer:
        assert int(answer.headers["Content-Length"]) < len(await answer.read()) == LONG


async def test_a_body_is_read_a_little_at_a_time() -> None:
    """Others are answered in between, however long it takes to take the body apart."""
    chunk = b"40\r\n" + b"x" * 64 + b"\r\n"
    pieces = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal pieces
        while await request.content.readany():
            pieces += 1
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    async with serving(app) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(chunk * (1024 * 1024 // len(chunk)) + b"0\r\n\r\n")
        assert await reader.readexactly(15) == b"HTTP/1.1 200 OK"
        writer.close()
    assert pieces > 30


async def test_a_body_in_chunks_of_a_byte_arrives_whole() -> None:
    """Such pieces wait for their turn; what follows them waits, too."""
    crumbs, rest = b"1\r\nx\r\n" * 2_000, b"800\r\n" + b"y" * 2_048 + b"\r\n0\r\n\r\n"

    begun = asyncio.Event()

    async def take(request: web.Request) -> web.Response:
        begun.set()
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_post("/", take)
    async with serving(app) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        await begun.wait()
        writer.write(crumbs + rest)
        _, _, body = (await read_all(reader, 4_048)).partition(b"\r\n\r\n")
        while len(body) < 4_048:
            body += await reader.read(4_048)
        writer.close()
    assert body == b"x" * 2_000 + b"y" * 2_048


async def read_all(reader: asyncio.StreamReader, length: int) -> bytearray:
    """Read until so many bytes have come, or nothing more comes."""
    read = bytearray()
    while len(read) < length and (piece := await reader.read(1024 * 1024)):
        read += piece
    return read


async def written_until_reset(writer: asyncio.StreamWriter) -> None:
    """Send line ends, which belong to no request, until the other end has gone."""
    while True:
        writer.write(b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def test_half_a_handshake_does_not_keep_a_server_from_ending(party: Party) -> None:
    """A client that has not even agreed on a cipher ends with the server."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)

    async def use(port: int) -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01\x02\x00")
        await writer.drain()
        return reader, writer

    await ends(party, tls, use)


@pytest.mark.long
async def test_an_application_that_has_ended_is_forgotten() -> None:
    """With all that it holds, however many follow it in the same process."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response()

    @web.middleware
    async def passing(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handler(request)

    app = web.Application(middlewares=[passing])
    app.router.add_get("/", answer)
    async with serving(app) as url, ClientSession() as session:
        await session.get(url)
    ended = weakref.ref(app)
    del app
    gc.collect()
    assert ended() is None


async def test_headers_are_sent_without_what_no_header_holds() -> None:
    """The answer would not be sent at all, and its connection would end."""
    app = web.Application()

    async def redirect(_request: web.Request) -> web.Response:
        answer = web.Response(status=303, headers={"Location": "/a\0b\r\nX-Evil: 1\x1b\x7f\ud800"})
        answer.headers.extend((("Set-Cookie", "a=\x01"), ("Set-Cookie", "b=1")))
        return answer

    app.router.add_get("/", redirect)
    async with serving(app) as url, ClientSession() as http, http.get(url, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/a b  X-Evil: 1")
        assert answer.headers.getall("Set-Cookie") == ["a=", "b=1"]
        assert "X-Evil" not in answer.headers
