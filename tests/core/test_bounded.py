"""Answers without end, and small ones that unpack to large ones, at every outbound call."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import ClientError, ClientSession, web

from privman_core.outbound import LARGEST_ANSWER, NoAnswerError, OversizedAnswerError, read_bounded
from privman_core.serving import serving
from privman_scenarios.analysis.message_changes import HttpMessage
from privman_scenarios.analysis.mutants import Proxy
from privman_scenarios.playing.http_api import HttpApi

from .conftest import Party

PART = b"x" * 65_536
# What the client has read, and what the buffers on the way hold.
MOST_SENT = LARGEST_ANSWER + 16 * 1024 * 1024
PACKED = gzip.compress(b"0" * (LARGEST_ANSWER + 1), 1)
LARGEST_PACKED = gzip.compress(b"0" * LARGEST_ANSWER, 1)


@dataclass
class Endless:
    """A server that never ends an answer, or packs a long one into a short one.

    Attributes:
        sent: bytes of the answer without end.
    """

    sent: int = 0
    url: str = ""

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.add_routes([web.route("*", "/endless", self.endless), web.route("*", "/chunks", self.chunks)])
        app.add_routes([web.route("*", "/{packed}", self.packed)])
        return app

    async def endless(self, request: web.Request) -> web.StreamResponse:
        """Send as long as somebody takes it, at most twice what anybody may take."""
        answer = web.StreamResponse()
        await answer.prepare(request)
        while self.sent < 4 * LARGEST_ANSWER:
            await answer.write(PART)
            self.sent += len(PART)
        return answer

    async def chunks(self, request: web.Request) -> web.StreamResponse:
        """Send chunks of one byte, far too few for too many bytes."""
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        while self.sent < 8_192:
            await answer.write(b"0")
            self.sent += 1
        return answer

    async def packed(self, request: web.Request) -> web.Response:
        """Answer as many zeros as may be read, or one more."""
        body = LARGEST_PACKED if request.match_info["packed"] == "largest" else PACKED
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})


@pytest.fixture
async def endless() -> AsyncIterator[Endless]:
    """Serve it."""
    server = Endless()
    async with serving(server.app()) as server.url:
        yield server


@pytest.mark.parametrize("path", ["/endless", "/packed"])
async def test_parties_read_a_bounded_answer(endless: Endless, party: Party, path: str) -> None:
    """An answer that is too long counts as none, and little more than the bound was received.

    The bound is far below that of tools: a party hears many answers at once, and reads none of them for long.
    """
    with pytest.raises(NoAnswerError, match=f"{path}: the answer could not be read: the body is longer than 1048576"):
        await party.caller.send("POST", f"{endless.url}{path}", {}, b"", 60)
    assert endless.sent <= MOST_SENT


async def test_an_answer_in_small_chunks_is_given_up(endless: Endless, party: Party) -> None:
    """Each chunk takes as long as many bytes."""
    with pytest.raises(NoAnswerError, match=r"the answer could not be read: the first [0-9]{4} bytes of the body came"):
        await party.caller.send("POST", f"{endless.url}/chunks", {}, b"", 60)


@pytest.mark.parametrize("path", ["/endless", "/packed"])
async def test_scenarios_read_a_bounded_answer(endless: Endless, path: str) -> None:
    """A scenario is told why the answer was not read."""
    async with ClientSession() as session:
        answer = await HttpApi(session, endless.url).call("GET", path)
    assert (answer.status, answer.error) == (0, "no answer: the body is longer than 16777216 bytes")
    assert endless.sent <= MOST_SENT


async def test_proxies_read_a_bounded_answer(endless: Endless) -> None:
    """A proxy in front of a party gives no answer then."""

    def unchanged(message: HttpMessage) -> HttpMessage:
        return message

    async with ClientSession() as session, serving(Proxy(session, endless.url, unchanged).app()) as proxy:
        with pytest.raises(ClientError):
            await session.post(f"{proxy}/endless")  # a GET would be tried twice
    assert endless.sent <= MOST_SENT


async def test_an_answer_as_long_as_allowed_is_read(endless: Endless) -> None:
    """The bound counts unpacked bytes; what is not longer is read whole."""
    async with ClientSession() as session:
        answer = await session.get(f"{endless.url}/largest")
        assert await read_bounded(answer) == b"0" * LARGEST_ANSWER
        with pytest.raises(OversizedAnswerError, match="longer than 10 bytes"):
            await read_bounded(await session.get(f"{endless.url}/largest"), 10)


async def test_answers_without_a_body_follow_each_other() -> None:
    """However many of them."""

    async def nothing(_request: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/", nothing)
    async with serving(app) as url, ClientSession() as session:
        for _ in range(3):
            async with session.get(url) as response:
                assert await read_bounded(response) == b""
