"""Clock, journal, faults and control plane around a product, wired here for both products."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from logging import Logger

from aiohttp import web
from aiohttp.typedefs import Middleware

from privman_core.bodies import is_short, receive, received
from privman_core.clock import Clock
from privman_core.control import RESERVED, Control, Reset, is_control
from privman_core.errands import ERRAND, take_errand
from privman_core.exchange import EXCHANGE, KEPT_BODY, Exchange, Headers, body_of
from privman_core.exchange_marks import MARK, ExchangeMark, take_mark, unshared
from privman_core.failed_handlers import answer_to, why_none
from privman_core.faults import FaultKinds, Faults, Handler
from privman_core.forward_proxies import forward_proxies
from privman_core.ids import Ids
from privman_core.inputs import Trust
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.neighbours import Neighbours
from privman_core.outbound import HttpCaller
from privman_core.own_machine import is_sent_here
from privman_core.own_replays import REPLAY, take_replay
from privman_core.reverse_proxies import Network, trust_forwarded_headers
from privman_core.snapshots import Snapshots, States
from privman_core.state_changes import StateChanges


def _no_call(_request: web.Request) -> bool:
    return False


class Instruments:
    """Clock, journal, faults and the HTTP client of one server.

    Args:
        log: the product's log, also of the application and its server (``app.logger``).
        trusted: certificates to trust, and perhaps to show, when the product sends requests.
        proxies: reverse proxies that give a request its public address.

    Attributes:
        caller: sends the product's requests, and records them in the journal.
        neighbours: where the senders of requests listen on this machine.
    """

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        clock: Clock,
        ids: Ids,
        secrets: Secrets,
        journal: Journal,
        kinds: FaultKinds,
        user_agent: str,
        log: Logger,
        trusted: Trust = True,
        proxies: Sequence[Network] = (),
    ) -> None:
        self.clock = clock
        self.ids = ids
        self.secrets = secrets
        self.journal = journal
        self._log = log
        self._proxies = proxies
        self.faults = Faults(clock, kinds)
        through = forward_proxies(os.environ)
        for login in through.logins():
            secrets.add_login(*login)
        self.neighbours = Neighbours()
        self.caller = HttpCaller(
            clock, self.journal, user_agent, trusted=trusted, proxies=through, listens_at=lambda: self.neighbours.own
        )

    def app(  # noqa: PLR0913 - what it brings together
        self,
        states: States,
        token: str | None,
        *,
        pages: frozenset[object],
        is_call: Callable[[web.Request], bool] = _no_call,
        outer: Sequence[Middleware] = (),
        inner: Sequence[Middleware] = (),
        server: str = "",
        largest_body: int = 1024**2,
    ) -> web.Application:
        """Return an application with this stack, outermost first, and the routes of the control plane.

        1. What the trusted proxies say of a request's public address.
        2. ``outer``: the product's middlewares that change every answer, also a fault's.
        3. For requests to the control plane, its guard: a caller whom it refuses reaches nothing else and leaves no
           trace. For all others except pages, journal and faults. Faults strike within the journal, which records
           what the client sees.
        4. ``inner``: the product's middlewares that turn its errors into answers, so that the journal records them.

        Args:
            states: for resets and snapshots.
            token: what callers of the control plane must present; empty admits this machine alone. None serves no
                control plane, like a real system.
            pages: the handlers of the product's pages.
            is_call: tells whether a request at the address of a page is for an API.
            outer: see above.
            inner: see above.
            server: the header ``Server`` of answers that name none.
            largest_body: bytes that the body of a request may have.
        """
        changes = StateChanges()

        async def empty() -> None:
            async with states.resetting():
                self.secrets.retire_all()
                self.clock.restart()
                self.ids.restart()
            forget()

        def forget() -> None:
            self.faults.clear()
            self.journal.clear()

        async def reset() -> None:
            await changes.make(empty)

        if token:
            self.secrets.add_word(token)
        snapshots = Snapshots(self.clock, self.ids, states, changes, forget)
        control = None if token is None else Control(self.clock, self.journal, self.faults, reset, snapshots, token)
        recorder = exchange_recorder(
            self.journal,
            self.faults,
            pages,
            is_call=is_call,
            control=control,
            server=server,
            neighbours=self.neighbours,
        )
        stack = [*trust_forwarded_headers(self._proxies), *outer, recorder, *inner]
        app = web.Application(middlewares=stack, client_max_size=largest_body, logger=self._log)
        app[INSTRUMENTS] = self
        app[RESET], app[CHANGES], app[SNAPSHOTS] = reset, changes, snapshots
        app.on_shutdown.append(lambda _app: changes.cancel())
        if control is not None:
            app.add_routes(control.routes())
        return app


INSTRUMENTS: web.AppKey[Instruments] = web.AppKey("instruments", Instruments)
"""The application's instruments."""
RESET: web.AppKey[Reset] = web.AppKey("reset")
"""Brings the application back to its state at start."""
SNAPSHOTS = web.AppKey("snapshots", Snapshots)
"""The application's named states."""
CHANGES = web.AppKey("changes", StateChanges)
"""Resets, snapshots and whatever else must not run at the same time as one of them."""


def exchange_recorder(  # noqa: PLR0913 - what it brings together
    journal: Journal,
    faults: Faults,
    pages: frozenset[object],
    *,
    is_call: Callable[[web.Request], bool] = _no_call,
    control: Control | None = None,
    server: str = "",
    neighbours: Neighbours | None = None,
) -> Middleware:
    """Return the middleware that journals every inbound exchange and lets faults strike.

    Args:
        journal: records every exchange except those of pages and the control plane.
        faults: strike matching exchanges.
        pages: the handlers that bypass journal and faults.
        is_call: tells whether a request at the address of a page bypasses neither.
        control: guards its own requests, which bypass both too.
        server: the header ``Server`` of answers that name none; empty leaves it to the web server.
        neighbours: learns where the senders of requests listen.
    """
    met = neighbours or Neighbours()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not met.own:
            met.meet(request)
        headers = take_errand(request.headers) if ERRAND in request.headers else request.headers
        try:
            if request.path.startswith(RESERVED) and is_control(request):
                answer = await (handler(request) if control is None else control.guard(request, handler))
                if MARK in request.headers and answer.status == HTTPStatus.OK:  # the cockpit of the other party
                    met.hear(request, take_mark(request.headers)[0].sender)
            elif request.match_info.handler in pages and not is_call(request):
                answer = await handler(request)
            else:
                answer = await _answer_and_record(journal, faults, met, request, headers, handler)
        except web.HTTPException as error:
            _set_server_header(error, server)
            raise
        _set_server_header(answer, server)
        return answer

    return middleware


def _set_server_header(answer: web.StreamResponse, server: str) -> None:
    if server:
        answer.headers.setdefault("Server", server)


async def _answer_and_record(  # noqa: PLR0913, PLR0917 - the parts of the recorder, and of the request
    journal: Journal, faults: Faults, met: Neighbours, request: web.Request, headers: Headers, handler: Handler
) -> web.StreamResponse:
    """Answer a request, and record the exchange in the journal.

    A short body is read here. The handler reads a longer one, or one of unknown length, once it knows the sender; the
    journal takes what the handler has read.
    """
    # aiohttp would write further slashes before a path that begins with two.
    url = request.raw_path if request.raw_path.startswith("//") else request.path_qs
    replay, headers = take_replay(headers) if REPLAY in headers else (None, headers)
    mark, headers = take_mark(headers) if MARK in headers else (ExchangeMark(), headers)
    exchange = request[EXCHANGE] = journal.begin("in", request.method, url, headers, b"")
    exchange.mark = mark.name if mark.name and is_sent_here(request) else ""
    if mark.sender:
        met.hear(request, mark.sender)
    if replay is not None:
        exchange.mark = ""  # the other party has not sent it
        replay(exchange)
    short = request.body_exists and is_short(request)
    answer: web.StreamResponse | None
    try:
        if short:
            await _read_short(journal, exchange, request)
        answer = await (_answer_or_strike(journal, faults, request, handler) if faults.known else handler(request))
    except BaseException as error:
        answer = answer_to(error, request)
        if answer is None:
            journal.fail(request[EXCHANGE], why_none(error, request))
            raise
    finally:
        if request.body_exists and not (short and exchange.request_body):  # a short one is there unless it was refused
            await _note_body(journal, request[EXCHANGE], request)
    _finish(journal, request[EXCHANGE], answer)
    if isinstance(answer, web.HTTPException):
        raise answer  # as aiohttp wants it
    return answer


def _finish(journal: Journal, exchange: Exchange, answer: web.StreamResponse) -> None:
    answer.headers.setdefault("Date", _http_date(int(exchange.at.timestamp())))
    if exchange.dropped:
        journal.fail(exchange, f"the connection was dropped by the fault {exchange.fault!r}")
    else:
        journal.finish(exchange, answer.status, answer.headers, body_of(answer))


async def _read_short(journal: Journal, exchange: Exchange, request: web.Request) -> None:
    """Record a short body; the handler, too, gets the refusal of a refused one."""
    with suppress(web.HTTPException):
        body = await receive(request)
        journal.receive(exchange, body.read(), body.size)


async def _note_body(journal: Journal, exchange: Exchange, request: web.Request) -> None:
    """Record the part of a longer body that has arrived."""
    if request.content.is_eof():  # in memory already, even if the handler ignored it
        with suppress(web.HTTPException, OSError):  # OSError if the client has gone
            await receive(request)
    body = received(request)
    size = max(body.size, request.content_length or 0)
    if size != exchange.request_size:
        journal.receive(exchange, body.read(KEPT_BODY), size)


@lru_cache(maxsize=1)  # the date changes once a second
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


async def _answer_or_strike(
    journal: Journal, faults: Faults, request: web.Request, handler: Handler
) -> web.StreamResponse:
    """Answer a request; an armed fault that matches it strikes."""
    fault = faults.take(request)
    if fault is None:
        return await handler(request)
    exchange = request[EXCHANGE]
    exchange.fault, exchange.fault_number = fault.kind, fault.number
    answer, strike = await faults.apply(fault, request, _Arrivals(journal, handler).handle)
    request[EXCHANGE].dropped = strike.hung_up
    if strike.spared:
        exchange.fault, exchange.fault_number = "", 0
    return answer


class _Arrivals:
    """Handles a request as often as a fault lets it arrive; the journal has an exchange for each arrival."""

    def __init__(self, journal: Journal, handler: Handler) -> None:
        self._journal = journal
        self._handler = handler
        self._answer: web.StreamResponse | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the answer to one more arrival; raises HTTPException."""
        if self._answer is not None:
            await self._arrive_again(request, self._answer)
        try:
            self._answer = await self._handler(request)
        except web.HTTPException as error:
            self._answer = error
            raise
        return self._answer

    async def _arrive_again(self, request: web.Request, answer: web.StreamResponse) -> None:
        before = request[EXCHANGE]
        if request.body_exists:
            await _note_body(self._journal, before, request)
        headers, body = before.request_headers, before.request_body
        exchange = request[EXCHANGE] = self._journal.begin("in", before.method, before.url, headers, body)
        exchange.request_size, exchange.mark = before.request_size, before.mark
        before.mark = unshared(before.mark)  # a mark in two exchanges of a journal belongs to neither
        # The fault is this arrival; the one before has its true answer.
        exchange.fault, exchange.fault_number = before.fault, before.fault_number
        before.fault, before.fault_number = "", 0
        _finish(self._journal, before, answer)
