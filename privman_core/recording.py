"""The middleware that journals every inbound exchange, and where faults strike."""

from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache

from aiohttp import web
from aiohttp.typedefs import Middleware

from privman_core.bodies import is_short, receive, received
from privman_core.errands import take_errand
from privman_core.exchange import EXCHANGE, KEPT_BODY, Exchange, body_of
from privman_core.faults import Faults, Handler
from privman_core.journal import Journal

HUNG_UP = frozenset({"reset", "answer-lost", "truncated"})
Unrecorded = Callable[[web.Request], bool]


def recording(journal: Journal, faults: Faults, unrecorded: Unrecorded) -> Middleware:
    """Return the middleware.

    A short body is read here. A longer one, or one of unknown length, is read by the handler alone, which knows by then
    who sent it; the journal takes what the handler has read.

    Args:
        journal: gets every exchange.
        faults: strike the exchanges that they fit.
        unrecorded: what it is true of passes by journal and faults.
    """

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = take_errand(request.headers)
        if unrecorded(request):
            return await handler(request)
        short = is_short(request)
        body = await _short_body(request) if short else b""
        exchange = journal.begin("in", request.method, request.path_qs, headers, body)
        request[EXCHANGE] = exchange
        try:
            answer = await _answer(faults, exchange, request, handler)
        except BaseException as error:
            journal.fail(exchange, f"no answer was sent: {type(error).__name__}")
            raise
        finally:
            if request.body_exists and not (short and body):
                await _note_body(journal, exchange, request)
        answer.headers.setdefault("Date", _http_date(int(exchange.at.timestamp())))
        if exchange.fault in HUNG_UP:
            journal.fail(exchange, f"the connection was dropped by the fault {exchange.fault!r}")
        else:
            journal.finish(exchange, answer.status, answer.headers.copy(), body_of(answer))
        return answer

    return record


async def _short_body(request: web.Request) -> bytes:
    """Return a short body; one that is refused is empty, and the handler meets the refusal."""
    with suppress(web.HTTPException):
        return (await receive(request)).read(KEPT_BODY)
    return b""


async def _note_body(journal: Journal, exchange: Exchange, request: web.Request) -> None:
    """Record what has arrived of a body that was not read at first."""
    if request.content.is_eof():  # in memory already, whether or not the handler wanted it
        with suppress(web.HTTPException, OSError):  # the latter where the client has gone
            await receive(request)
    body = received(request)
    size = max(body.size, request.content_length or 0)
    if size != exchange.request_size:
        journal.receive(exchange, body.read(KEPT_BODY), size)


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
