"""The platform on a web server: authentication, rate limits, headers and the envelope of errors."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Self

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Middleware
from msgspec import Struct
from msgspec.structs import replace
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import (
    MfaTokenInvalid,
    NotAuthenticated,
    PlatformError,
    RateLimitExceeded,
    UriTooLong,
)
from mock_servicenow.now_platform.identity.authentication import USERS
from mock_servicenow.now_platform.identity.web_sessions import COOKIE, WebSession
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.rest.answers import error_answer
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps, steps_of, verb_of
from mock_servicenow.now_platform.rest.formats import accepts_gzip
from mock_servicenow.now_platform.rest.processors import SOAP, Processors, processor_of
from mock_servicenow.now_platform.rest.record_bodies import LONGEST_PATH
from mock_servicenow.now_platform.rest.router import Router
from mock_servicenow.now_platform.rest.soap.scripted_services import ScriptedService
from mock_servicenow.now_platform.rest.soap.soap_message import fault
from mock_servicenow.now_platform.running import Repeatable
from mock_servicenow.now_platform.users import NOBODY, User
from mock_servicenow.now_platform.web.cors import CorsRules
from mock_servicenow.now_platform.web.rate_limits import RULES, RateLimits, RateLimitVerdict, Rules
from mock_servicenow.now_platform.web.requests import (
    check_host,
    check_poster,
    evidence_of,
    has_arrived,
    is_from_browser,
    is_light,
    is_readable,
    parameters_of,
    read_body,
)
from privman_core.bodies import IN_MEMORY, NO_BODY, SpooledBody, is_short
from privman_core.control import is_control
from privman_core.exchange import EXCHANGE
from privman_core.findings import Findings
from privman_core.streaming import Unsent

_log = logging.getLogger("mock_servicenow.web")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API = "/api/"
LARGEST_BODY = 25 * 1024 * 1024
"""The application's ``client_max_size``: no property lets the platform read more."""
LARGEST_FILE = 1_100 * 1024 * 1024
"""The same for files, of which it takes 1024 MB."""
_FILES = re.compile(r"/api/now(?:/v[12])?/attachment/(?:file|upload)")
_LONG_WORK = re.compile(r"/api/now/(?:v[12]/)?(?:batch|import/.*)|.*[.]do", re.DOTALL)
_AT_ONCE = 6
"""How many long bodies of `_LONG_WORK` are worked on at the same time; each is in memory meanwhile."""

_TEXTS = ("application/json", "application/xml", "text/")
_HEADERS = CIMultiDict(
    {
        "X-Content-Type-Options": "nosniff",
        "Pragma": "no-store,no-cache",
        "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
        "Expires": "0",
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
        "Server-Timing": "sem_wait;dur=0, sesh_wait;dur=0",
        "Keep-Alive": "timeout=20",
    }
)
_TOO_LONG = """<html>
<head><title>Error</title></head>
<body><h1>{message}</h1><p>{detail}</p></body>
</html>
"""
# The load balancer before the instance answers this; no instance gets to see such a request.
_UNREADABLE = """<html>
<head><title>400 Bad Request</title></head>
<body><center><h1>400 Bad Request</h1></center><hr><center>snow_adc</center></body>
</html>
"""


class _Asked(Struct):
    """A request that is being answered; its user and the rate limit's verdict are added once they are known.

    Attributes:
        minute: that in which it began.
        opened: the session that the answer opens for the user, if any.
    """

    request: web.Request
    findings: Findings
    minute: datetime
    user: User | None = None
    opened: WebSession | None = None
    verdict: RateLimitVerdict | None = None

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """Return a request whose user is still to be found."""
        exchange = request[EXCHANGE]
        return cls(request, exchange.findings, exchange.at.replace(second=0, microsecond=0))


class Server:
    """An instance on a web server.

    Args:
        instance: the one that answers.
        own_url: its public address: links begin with it, and browsers may name it; empty for the one that each
            request names.
        services: its scripted web services.
    """

    def __init__(self, instance: Instance, own_url: str = "", services: Iterable[ScriptedService] = ()) -> None:
        self._instance = instance
        self._own_url = own_url
        self._router = Router(instance)
        self._processors = Processors(instance, services)
        self._limits = RateLimits(instance)
        self._cors = CorsRules(instance)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """Return the route of everything under ``/api``, unknown paths included."""
        return [web.route("*", "/api/{path:(?s:.*)}", self._api)]

    @property
    def middleware(self) -> Middleware:
        """What surrounds every address of the instance; pages too get the envelope of errors that no page shows."""

        @web.middleware
        async def platform(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not is_readable(request):
                balancer = {"Server": "snow_adc"}
                return web.Response(status=400, text=_UNREADABLE, content_type="text/html", headers=balancer)
            if request.path.startswith(API):
                return await handler(request)
            if is_call(request):
                return await self._api(request)
            try:
                if is_from_browser(request) and not is_control(request):
                    check_host(request, self._own_url)
                return await handler(request)
            except PlatformError as error:
                return _error_response(request, error)

        return platform

    async def _api(self, request: web.Request) -> web.Response:
        asked, told = _Asked.of(request), {}
        if "Origin" in request.headers:
            told = await self._cors.headers(request.path, verb_of(request.method, request.headers), request.headers)
            if told and request.method == "OPTIONS":
                return web.Response(headers=told)
        try:
            if len(request.raw_path) > LONGEST_PATH:
                raise UriTooLong(len(request.raw_path))
            if is_from_browser(request):
                check_host(request, self._own_url)
                check_poster(request)
            await self._admit_early(asked)
            response = await self._answer(asked)
        except PlatformError as error:
            asked.findings.refusal = error.why
            response = _error_response(request, error)
        if asked.verdict is not None:
            response.headers.update(asked.verdict.headers())
        response.headers.update(told)
        add_headers(self._instance, request, response, asked.user, asked.opened)
        return response

    async def _admit_early(self, asked: _Asked) -> None:
        """Admit a request before its body is read, unless one short turn on a shared database can do everything.

        What asks for much waits for one of few turns, which nobody may take, or keep waiting, before they are admitted.
        """
        request = asked.request
        known = self._instance.cache.peek
        user, rules = known(USERS, (request.headers.get("Authorization", ""), asked.minute)), known(RULES, "")
        if user is not None and rules is not None:  # accepted before, and no table has changed since
            self._grant(asked, user, rules)
        elif self._instance.store.embedded or not (
            has_arrived(request) and is_light(request, request.content_length or 0)
        ):
            await self._instance.run(partial(self._admit, asked))

    def _admit(self, asked: _Asked) -> User:
        """Return the user behind a request; raises NotAuthenticated and RateLimitExceeded."""
        user = self._instance.authentication.user(evidence_of(asked.request, asked.minute), asked.findings)
        self._grant(asked, user, self._limits.rules())
        self._instance.store.may_repeat()  # whoever is admitted stays so
        return user

    def _grant(self, asked: _Asked, user: User, rules: Rules) -> None:
        asked.findings.user, asked.findings.roles = user.user_name, user.roles
        # A token or a key may open one API alone and end before a session does, so it opens none for its user.
        owner = user.holder if user.opens_session else NOBODY
        asked.user, asked.opened = user, self._instance.web_sessions.of_call(_cookie_of(asked.request), owner)
        if not rules:
            return
        verdict = asked.verdict = self._limits.count(rules, user, asked.request.path)
        _check_limit(verdict)

    async def _answer(self, asked: _Asked) -> web.Response:
        """Answer a request; raises PlatformError."""
        request, body = asked.request, NO_BODY
        is_file = _FILES.fullmatch(request.path) is not None
        if request.body_exists:
            body = await read_body(request, LARGEST_FILE if is_file else LARGEST_BODY)
        call = self._call if self._instance.store.embedded else self._call_of_one_version
        begin = partial(call, asked, body, is_file=is_file)
        if body.size > IN_MEMORY and _LONG_WORK.fullmatch(request.path):
            answered = await self._instance.work_off(_begun(begin), self._turns)
        else:
            repeatable = Repeatable(begin, asked.findings, is_light(request, body.size))
            outcome = await self._instance.run_again(repeatable)
            answered = outcome if isinstance(outcome, Answer) else await self._instance.work_off(outcome)
        return web.Response(
            status=answered.status,
            body=answered.body if answered.pieces is None else await self._begin_stream(answered, request),
            headers=answered.headers,
            zlib_executor_size=IN_MEMORY,
        )

    def _call_of_one_version(self, asked: _Asked, body: SpooledBody, *, is_file: bool) -> Answer | Steps:
        """Call the API with the facts of one version of a shared database."""
        with self._instance.cache.across():
            return self._call(asked, body, is_file=is_file)

    def _call(self, asked: _Asked, body: SpooledBody, *, is_file: bool) -> Answer | Steps:
        """Call the API, which answers or returns the steps that are left to do."""
        request, user = asked.request, asked.user or self._admit(asked)
        if body.size and not is_short(request):  # it took a while to arrive, and the user may have lost rights since
            with self._instance.next_transaction(user, asked.findings) as session:
                user = session.user
        call = Call(
            verb_of(request.method, request.headers, asked.findings),
            request.path,
            parameters_of(request),
            request.rel_url.raw_query_string,
            self._own_url or f"{request.scheme}://{request.host}",
            request.headers,
            b"" if is_file or not body.size else body.read(),
            user,
            asked.findings,
            upload=body.file if is_file else None,
            check=partial(self._check, request, user),
        )
        answer = self._router.answer if call.path.startswith(API) else self._processors.answer
        return answer(call)

    def _check(self, request: web.Request, user: User, path: str, verb: str) -> None:
        """Raise PlatformError unless the user may call that path, too, as if by a request of its own."""
        if not user.opens_session:
            self._instance.authentication.user(replace(evidence_of(request), path=path, method=verb))
        _check_limit(self._limits.count(self._limits.rules(), user, path))

    async def _begin_stream(self, answer: Answer, request: web.Request) -> AsyncIterator[bytes]:
        """Return the body, whose beginning is made by now; raises PlatformError where that fails."""
        make = partial(next, iter(answer.pieces or ()), b"")
        unsent, answer.body = Unsent(answer.body or await self._instance.run_in_turn(make)), b""
        return self._stream(make, unsent, request)

    async def _stream(self, make: Callable[[], bytes], unsent: Unsent, request: web.Request) -> AsyncIterator[bytes]:
        """Yield the body, each piece made once the one before has been taken; nothing keeps it meanwhile."""
        while unsent:
            async for part in unsent.slices(request.transport):
                yield part
            unsent = Unsent(await self._next_piece(make, request))

    async def _next_piece(self, make: Callable[[], bytes], request: web.Request) -> bytes:
        """Return the next piece, empty after the last; an error drops the connection, or clients would see an end."""
        try:
            return await self._instance.run_in_turn(make)
        except Exception as error:  # noqa: BLE001 - an error page would become part of the answer
            _log.error("%s %s ended early: %s", request.method, request.rel_url.raw_path, error)
            request.protocol.force_close()
            return b""


def is_call(request: web.Request) -> bool:
    """Tell whether a request to an address that pages have is for a processor."""
    return bool(processor_of(request.path, request.query))


def add_headers(
    instance: Instance,
    request: web.Request,
    response: web.StreamResponse,
    user: User | None = None,
    opened: WebSession | None = None,
) -> None:
    """Add the headers that every answer of the platform has.

    Args:
        instance: the one that answers.
        request: what it answers.
        response: gets the headers.
        user: the one who asks; None opens a session for a visitor, unless the request names one.
        opened: the session that the answer opens for the user.
    """
    headers = response.headers
    headers.update(_HEADERS)
    headers["Server"] = instance.release.server
    headers["X-Transaction-ID"] = instance.ids.hex(12)
    if user is not None:
        headers["X-Is-Logged-In"] = "true"
    if user is None:
        opened = instance.web_sessions.of_call(_cookie_of(request), NOBODY)
    for cookie in () if opened is None else opened.cookies():
        headers.add("Set-Cookie", cookie)
    if isinstance(response, web.Response) and response.body and request.method != "HEAD":
        _send_in_chunks(request, response)


def _check_limit(verdict: RateLimitVerdict | None) -> None:
    """Raise RateLimitExceeded where a rule refuses a call."""
    if verdict is not None and verdict.refused:
        raise RateLimitExceeded(verdict.rule.limit, verdict.rule.api)


def _cookie_of(request: web.Request) -> str:
    """Return the id of the session that a request names; empty if it names none."""
    return request.cookies.get(COOKIE, "") if "Cookie" in request.headers else ""


def _begun(begin: Callable[[], Answer | Steps]) -> Steps:
    """Return work of which reading the body is the first step."""
    return (yield from steps_of(begin()))


def _error_answer(request: web.Request, error: PlatformError) -> Answer:
    if processor_of(request.path, request.query) != SOAP:
        return error_answer(error, request.headers.get("Accept", ""))
    answer = fault(error, error.status)
    answer.headers.update(error.headers)
    return answer


def _error_response(request: web.Request, error: PlatformError) -> web.Response:
    """Return the envelope of an error: a fault to a SOAP client, else in the format that it accepts, or JSON."""
    if isinstance(error, UriTooLong):
        page = _TOO_LONG.format(message=error.message, detail=error.detail)
        return web.Response(status=error.status, text=page, content_type="text/html")
    answer = _error_answer(request, error)
    if isinstance(error, NotAuthenticated):
        scheme = request.headers.get("Authorization", "").partition(" ")[0].upper()
        answer.headers["WWW-Authenticate"] = f'{"BEARER" if scheme == "BEARER" else "BASIC"} realm="Service-now"'
    if isinstance(error, MfaTokenInvalid):
        answer.headers["X-MFA_TOKEN"] = "invalid"  # noqa: S105 - says what it says
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _send_in_chunks(request: web.Request, response: web.Response) -> None:
    """Let the body be sent in chunks, and text compressed if the client takes that.

    Other files are mostly compressed already (I).
    """
    if request.version < HttpVersion11:
        return
    if accepts_gzip(request.headers.get("Accept-Encoding", "")) and response.content_type.startswith(_TEXTS):
        response.enable_compression(web.ContentCoding.gzip)
    response.enable_chunked_encoding()
