"""The kinds of faults that suit any HTTP server."""

from contextlib import suppress
from email.utils import formatdate
from typing import cast

from aiohttp import Payload, web
from aiohttp.abc import AbstractStreamWriter

from privman_core.clock import Label
from privman_core.exchange import body_of
from privman_core.faults import HEADERS, NUMBER, STATUS, TEXT, FaultKinds, Strike

GENERIC = FaultKinds()


@GENERIC.kind("status", status=STATUS, headers=HEADERS, body=TEXT)
async def _status(strike: Strike) -> web.StreamResponse:
    """Answer with ``status`` (503), ``headers`` and ``body`` instead of doing what was asked."""
    return web.Response(
        status=strike.options.get("status", 503),
        headers=strike.options.get("headers", {"Content-Type": "text/plain"}),
        body=strike.options.get("body", "").encode(),
    )


@GENERIC.kind("reset")
async def _reset(strike: Strike) -> web.StreamResponse:
    """Drop the connection before anything is done."""
    return strike.hang_up(web.Response())


@GENERIC.kind("answer-lost")
async def _answer_lost(strike: Strike) -> web.StreamResponse:
    """Do what was asked, then drop the connection instead of answering."""
    return strike.hang_up(await strike.proceed())


@GENERIC.kind("slow", holds=True, seconds=NUMBER)
async def _slow(strike: Strike) -> web.StreamResponse:
    """Wait ``seconds`` (60) on the clock, then do what was asked."""
    asked = strike.request
    label = Label(f"Begin {asked.method} {asked.path}, which the fault 'slow' delays", kind="answer")
    await strike.clock.sleep(strike.options.get("seconds", 60), label)
    return await strike.proceed()


@GENERIC.kind("truncated")
async def _truncated(strike: Strike) -> web.StreamResponse:
    """Do what was asked, send half of the answer, or the first piece of a streamed one, and drop the connection.

    Nothing is sent of an answer that has no body.
    """
    whole = await strike.proceed()
    if not strike.sends_body(whole):
        return strike.hang_up(whole)
    answer = web.StreamResponse(status=whole.status, headers=whole.headers.copy())
    answer.headers.setdefault("Date", formatdate(strike.clock.now().timestamp(), usegmt=True))
    if isinstance(whole, web.Response) and isinstance(whole.body, Payload):
        await answer.prepare(strike.request)
        with suppress(EOFError):
            await whole.body.write(cast("AbstractStreamWriter", _FirstPiece(answer)))
    else:
        body = body_of(whole)
        answer.headers["Content-Length"] = str(len(body) + 1)
        await answer.prepare(strike.request)
        await answer.write(body[: len(body) // 2])
    return strike.hang_up(answer)


class _FirstPiece:
    """Writes the first piece of a streamed body to an answer, and refuses the others."""

    def __init__(self, answer: web.StreamResponse) -> None:
        self._answer = answer

    async def write(self, piece: bytes) -> None:
        """Write a piece; raises EOFError once it is written."""
        await self._answer.write(piece)
        raise EOFError


@GENERIC.kind("malformed", body=TEXT)
async def _malformed(strike: Strike) -> web.StreamResponse:
    """Do what was asked, and answer with ``body`` (cut-off JSON) under the true status, if that allows a body."""
    answer = await strike.proceed()
    if not strike.sends_body(answer):
        return strike.spare(answer)
    body = strike.options.get("body", '{"result":')
    return web.Response(status=answer.status, body=body.encode(), content_type="application/json")


@GENERIC.kind("duplicated")
async def _duplicated(strike: Strike) -> web.StreamResponse:
    """Do what was asked twice, as when a proxy repeats a request, and give the second answer; the journal has both."""
    await strike.proceed()
    return await strike.proceed()
