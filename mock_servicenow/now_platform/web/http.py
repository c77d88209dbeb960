"""The platform on a web server: routes, authentication, headers and the envelope of errors (platform 1.9, 5.5)."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDict, MultiDict

from mock_servicenow.now_platform.errors import (
    DatabaseUnavailable,
    Forbidden,
    MfaTokenInvalid,
    NotAuthenticated,
    PayloadTooLarge,
    PlatformError,
    RequestTimeout,
    UnreadableBody,
    UriTooLong,
)
from mock_servicenow.now_platform.identity.authentication import CREDENTIALS, Evidence
from mock_servicenow.now_platform.identity.web_sessions import COOKIE
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.rest.answers import error_answer
from mock_servicenow.now_platform.rest.bodies import LONGEST_BODY, LONGEST_PATH
from mock_servicenow.now_platform.rest.call import Answer, Call, Repeatable, Steps, steps_of, verb_of
from mock_servicenow.now_platform.rest.router import Router
from mock_servicenow.now_platform.users import Holder, User
from mock_servicenow.now_platform.web.names import check_name
from privman_core.bodies import IN_MEMORY, Body, is_short, receive
from privman_core.control import is_control
from privman_core.exchange import findings_of
from privman_core.findings import Finding
from privman_core.unsent import Unsent

_log = logging.getLogger("mock_servicenow.web")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
USER: web.RequestKey[User] = web.RequestKey("user", User)

API = "/api/"
LONGEST_LINE = 64 * 1024
"""What the web server's ``max_line_size`` must be for `LONGEST_PATH` to be told by the platform."""
LARGEST_BODY = 25 * 1024 * 1024
"""What the application's ``client_max_size`` must be: no property lets the platform read more (platform 5.3)."""
LARGEST_FILE = 1_100 * 1024 * 1024
"""The same for files, of which it takes 1024 MB (platform 3.1)."""
_FILES = re.compile(r"/api/now(?:/v[12])?/attachment/(?:file|upload)")

_LISTS = re.compile(r"/api/now/(?:v[12]/)?(?:table|stats)/[^/]*")
_SHORT, _SMALL, _DIGITS_OF_FEW = 500, 16 * 1024, 2
# What a page may post to another site without asking first.
_POSTED_BY_PAGES = {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}
_LONG_WORK = re.compile(r"/api/now/(?:v[12]/)?(?:batch|import/.*)", re.DOTALL)
_AT_ONCE = 6
"""Long pieces of work with long bodies that go on at the same time: their bodies are in memory."""

_UNSENDABLE = re.compile(r"[\0-\x1f\x7f]")
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
_HTML = """<html>
<head><title>Error</title></head>
<body><h1>{message}</h1><p>{detail}</p></body>
</html>
"""


def routes(instance: Instance, url: str = "", router: Router | None = None) -> list[web.RouteDef]:
    """Return the routes of the REST APIs and of unknown paths under ``/api``.

    Args:
        instance: the one that answers.
        url: the origin that links begin with; empty for the one that each request names.
        router: knows the APIs; those of the platform by default.
    """
    apis = router or Router(instance)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def answer(request: web.Request) -> web.Response:
        is_file = _FILES.fullmatch(request.path) is not None
        body = await read_body(request, LARGEST_FILE if is_file else LARGEST_BODY)

        def begin() -> Answer | Steps:
            if body.size and not is_short(request):  # it has arrived since, and others had their turn
                with instance.next_transaction(request[USER], findings_of(request)) as session:
                    request[USER] = session.user
            return apis.answer(
                Call(
                    request.method,
                    request.path,
                    asked(request),
                    request.rel_url.raw_query_string,
                    url or f"{request.scheme}://{request.host}",
                    request.headers,
                    b"" if is_file else body.read(),
                    request[USER],
                    findings_of(request),
                    upload=body.file if is_file else None,
                    check=None if request[USER].opens_session else partial(_check, instance, request),
                )
            )

        if body.size > IN_MEMORY and _LONG_WORK.fullmatch(request.path):
            answered = await instance.work_off(_begun(begin), turns)
        else:
            light = body.size <= _SMALL and _is_light(request)
            outcome = await instance.run_again(Repeatable(begin, findings_of(request), light))
            answered = outcome if isinstance(outcome, Answer) else await instance.work_off(outcome)
        return web.Response(
            status=answered.status,
            body=answered.body if answered.pieces is None else await _begin_stream(instance, answered, request),
            headers=_sendable(answered.headers),
            zlib_executor_size=IN_MEMORY,
        )

    return [web.route("*", "/api/{path:(?s:.*)}", answer)]


def _is_light(request: web.Request) -> bool:
    """Return whether a request asks for little: its address is short, and about one record or a list of some."""
    if len(request.raw_path) > _SHORT:
        return False
    if request.method != "GET" or _LISTS.fullmatch(request.path) is None:
        return True
    limit = request.query.get("sysparm_limit", "")
    return limit.isdecimal() and len(limit) <= _DIGITS_OF_FEW


def _begun(begin: Callable[[], Answer | Steps]) -> Steps:
    """Return work of which reading the body is the first step."""
    return (yield from steps_of(begin()))


def _sendable(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """Return the headers without line ends and other characters that no header holds, whatever records they quote."""
    if all(map(str.isprintable, headers.values())):
        return headers
    return CIMultiDict((name, _UNSENDABLE.sub(" ", value)) for name, value in headers.items())


async def _begin_stream(instance: Instance, answer: Answer, request: web.Request) -> AsyncIterator[bytes]:
    """Return the body, of which something is made already; raises PlatformError where that cannot be."""
    make = partial(next, iter(answer.pieces or ()), b"")
    unsent, answer.body = Unsent(answer.body or await instance.run_in_turn(make)), b""
    return _streamed(instance, make, unsent, request)


async def _streamed(
    instance: Instance, make: Callable[[], bytes], unsent: Unsent, request: web.Request
) -> AsyncIterator[bytes]:
    """Yield the body, each piece made when the one before has been taken; nothing keeps it meanwhile."""
    while unsent:
        async for part in unsent.slices(request.transport):
            yield part
        unsent = Unsent(await _next_piece(instance, make, request))


async def _next_piece(instance: Instance, make: Callable[[], bytes], request: web.Request) -> bytes:
    """Return the next piece, empty after the last; an error ends the connection, lest the answer be taken for whole."""
    try:
        return await instance.run_in_turn(make)
    except Exception as error:  # noqa: BLE001 - an error page would become part of the answer
        _log.error("%s %s ended early: %s", request.method, request.rel_url.raw_path, error)
        request.protocol.force_close()
        return b""


async def read_body(request: web.Request, most: int) -> Body:
    """Return the body of a request; raises PlatformError where it is too long, too slow or cannot be unpacked."""
    try:
        return await receive(request, most)
    except web.HTTPRequestEntityTooLarge:
        packed = "Content-Encoding" in request.headers
        raise UnreadableBody if packed else PayloadTooLarge(request.content_length or most, LONGEST_BODY) from None
    except web.HTTPRequestTimeout:
        raise RequestTimeout from None
    except web.HTTPInsufficientStorage:
        raise DatabaseUnavailable("no temporary file has room for a body") from None
    except web.HTTPBadRequest:
        raise UnreadableBody from None


def middlewares(instance: Instance, own_url: str = "") -> "list[Middleware]":
    """Return what surrounds every REST API, the platform's own and others under ``/api``.

    It finds the user (`USER`), turns errors into the envelope and adds the platform's headers.

    Args:
        instance: the one that answers.
        own_url: by which browsers may name it, too (`check_name`).
    """

    @web.middleware
    async def platform(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(API):
            return await _answer(request, handler, own_url)
        try:
            check_name(request, own_url)
            if len(request.raw_path) > LONGEST_PATH:
                raise UriTooLong(len(request.raw_path))
            if _is_forged(request):
                told = (
                    "a page of another site posted a form, with the password of its address or of the browser: refused"
                )
                findings_of(request).append(Finding("swallowed", "foreign-form-refused", told))
                raise Forbidden("User Not Authorized", "Posted by a page of another site")
            request[USER] = await authenticate(instance, request)
            response = await handler(request)
        except PlatformError as error:
            response = error_response(request, error)
        add_headers(instance, request, response)
        return response

    return [platform]


def _is_forged(request: web.Request) -> bool:
    """Return whether a page of another site posts it without asking first; a browser says whose page it is."""
    if request.method == "GET":
        return False
    headers = request.headers
    if headers.get("Sec-Fetch-Mode") in {"navigate", "no-cors"}:
        return headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
    # To an address without TLS that is not this machine's, a browser only says where the page comes from.
    origin = headers.get("Origin", "")
    is_foreign = origin != "" and origin.partition("://")[2].lower() != request.host.lower()
    return is_foreign and headers.get("Content-Type", "").partition(";")[0].strip().lower() in _POSTED_BY_PAGES


async def _answer(request: web.Request, handler: Handler, own_url: str) -> web.StreamResponse:
    """Answer what is no API: an error that no page shows still has the envelope."""
    try:
        if not is_control(request):
            check_name(request, own_url)
        return await handler(request)
    except PlatformError as error:
        return error_response(request, error)


async def authenticate(instance: Instance, request: web.Request) -> User:
    """Return the user behind a request; raises NotAuthenticated."""
    known = instance.authentication.remembered(request.headers)
    if known is not None:
        return known
    evidence, findings = evidence_of(request), findings_of(request)
    return await instance.run(lambda: instance.authentication.user(evidence, findings))


def evidence_of(request: web.Request) -> Evidence:
    """Return what a request carries to prove who sent it."""
    return Evidence(
        request.headers, request.query, request.cookies, request.path, verb_of(request.method, request.headers)
    )


def _check(instance: Instance, request: web.Request, path: str, verb: str) -> None:
    """Raise PlatformError unless what a request carries opens another path as well."""
    instance.authentication.user(replace(evidence_of(request), path=path, method=verb))


def asked(request: web.Request) -> MultiDict[str]:
    """Return the parameters of a request without those that prove who sent it: they ask for nothing."""
    if not request.query_string:
        return MultiDict()
    return MultiDict((name, value) for name, value in request.query.items() if name not in CREDENTIALS)


def error_response(request: web.Request, error: PlatformError) -> web.Response:
    """Return the envelope of an error in the format that the client accepts, else in JSON."""
    if isinstance(error, UriTooLong):
        page = _HTML.format(message=error.message, detail=error.detail)
        return web.Response(status=error.status, text=page, content_type="text/html")
    answer = error_answer(error, request.headers.get("Accept", ""))
    if isinstance(error, NotAuthenticated):
        scheme = request.headers.get("Authorization", "").partition(" ")[0].upper()
        answer.headers["WWW-Authenticate"] = f'{"BEARER" if scheme == "BEARER" else "BASIC"} realm="Service-now"'
    if isinstance(error, MfaTokenInvalid):
        answer.headers["X-MFA_TOKEN"] = "invalid"  # noqa: S105 - says what it says
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def add_headers(instance: Instance, request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that usually stand in an instance's answers, and open a session unless there is one."""
    headers = response.headers
    headers.update(_HEADERS)
    headers["Server"] = instance.release.server
    headers["X-Transaction-ID"] = instance.ids.hex(12)
    user = request.get(USER)
    if user is not None:
        headers["X-Is-Logged-In"] = "true"
    # A token or a key may open one API alone and end before a session does, so it opens none for its user.
    owner = user.holder if user is not None and user.opens_session else Holder()
    known = instance.web_sessions.find(request.cookies.get(COOKIE, "")) if "Cookie" in request.headers else None
    if known is None or (owner.sys_id and not known.holder.sys_id):
        for cookie in instance.web_sessions.open(owner, by_call=True).cookies():
            headers.add("Set-Cookie", cookie)
    if isinstance(response, web.Response) and response.body and request.method != "HEAD":
        _stream(request, response)


def _stream(request: web.Request, response: web.Response) -> None:
    """Let the body be sent in chunks, and compressed if the client takes that."""
    if request.version < HttpVersion11:
        return
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    response.enable_chunked_encoding()
