"""The outermost middleware: every inbound exchange is journaled, and faults strike here."""

from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache

from aiohttp import web
from aiohttp.typedefs import Middleware

from privman_testbench.exchange import EXCHANGE, Exchange, body_of
from privman_testbench.faults import Faults, Handler
from privman_testbench.journal import Journal

HUNG_UP = frozenset({"reset", "answer-lost", "truncated"})
Unrecorded = Callable[[web.Request], bool]


async def refuse(request: web.Request) -> web.StreamResponse:
    """Raise what an application raises that reads such a body itself: 413, or 400 where it cannot be unpacked."""
    if "Content-Encoding" in request.headers:
        raise web.HTTPBadRequest
    raise web.HTTPRequestEntityTooLarge(request.client_max_size)


def recording(journal: Journal, faults: Faults, unrecorded: Unrecorded, unread: Handler = refuse) -> Middleware:
    """Return the middleware.

    Args:
        journal: gets every exchange.
        faults: strike the exchanges that they fit.
        unrecorded: what it is true of passes by journal and faults.
        unread: answers a request whose body is longer than the application reads, or cannot be unpacked.
    """

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        if unrecorded(request):
            return await handler(request)
        body = await _read(request)
        exchange = journal.begin("in", request.method, request.path_qs, request.headers, body or b"")
        request[EXCHANGE] = exchange
        try:
            answer = await _answer(faults, exchange, request, unread if body is None else handler)
        except BaseException as error:
            journal.fail(exchange, f"no answer was sent: {type(error).__name__}")
            raise
        answer.headers.setdefault("Date", _http_date(int(exchange.at.timestamp())))
        if exchange.fault in HUNG_UP:
            journal.fail(exchange, f"the connection was dropped by the fault {exchange.fault!r}")
        else:
            journal.finish(exchange, answer.status, answer.headers.copy(), body_of(answer))
        return answer

    return record


async def _read(request: web.Request) -> bytes | None:
    """Return the body; None if it is longer than the application reads, or cannot be unpacked."""
    if (request.content_length or 0) > request.client_max_size:
        return None
    try:
        return await request.read()
    except (web.HTTPRequestEntityTooLarge, web.RequestPayloadError):
        return None


@lru_cache(maxsize=1)  # many answers are given in one second
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


async def _answer(faults: Faults, exchange: Exchange, request: web.Request, handler: Handler) -> web.StreamResponse:
    if not faults.armed:
        return await handler(request)
    fault = faults.take(request)
    if fault is None:
        return await handler(request)
    exchange.fault = fault.kind
    return await faults.apply(fault, request, handler)
