"""A request: its sender, parameters and body, and whether a page of another site sent it.

Another site may make its own name lead to the loopback address: its pages then come from the same origin as ours, and
may use any password that they know. Nobody can do that to an address, nor to a name that no public name server has.
"""

import re
from datetime import datetime
from ipaddress import ip_address

from aiohttp import web
from multidict import MultiDict
from yarl import URL

from mock_servicenow.now_platform.dictionary.values import UNSTORABLE
from mock_servicenow.now_platform.errors import (
    DatabaseUnavailable,
    Forbidden,
    PayloadTooLarge,
    RequestTimeout,
    UnreadableBody,
)
from mock_servicenow.now_platform.identity.authentication import CREDENTIALS, Evidence
from mock_servicenow.now_platform.rest.call import verb_of
from mock_servicenow.now_platform.rest.record_bodies import LONGEST_BODY
from privman_core.bodies import SpooledBody, is_short, receive
from privman_core.exchange import findings_of
from privman_core.findings import Finding
from privman_core.reverse_proxies import as_received

_PRIVATE_NAMES = (".localhost", ".internal", ".local", ".test")
# Every browser sends one of them, whatever a page asks of it; other programs rarely do.
_BROWSER_HEADERS = ("Origin", "Referer", "Accept-Language", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")
# A page may post these to another site without asking first.
_POSTED_BY_PAGES = {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}

_LISTS = re.compile(r"/api/now/(?:v[12]/)?(?:table|stats)/[^/]*")
_SMALL_BODY, _SHORT_PATH, _DIGITS_OF_FEW = 16 * 1024, 500, 2


def is_readable(request: web.Request) -> bool:
    """Return whether the load balancer lets a request pass: one ``Authorization`` at most, and a head in UTF-8.

    aiohttp keeps bytes that belong to no character as surrogates.
    """
    headers = request.headers
    if len(headers.getall("Authorization", ())) > 1:
        return False
    head = " ".join((request.raw_path, *headers.values()))
    return head.isascii() or not UNSTORABLE.search(head)


def is_from_browser(request: web.Request) -> bool:
    """Return whether a browser may have sent a request; only then a page may have sent it against its reader's will."""
    headers = request.headers
    return headers.get("User-Agent", "").startswith("Mozilla/") or any(map(headers.__contains__, _BROWSER_HEADERS))


def check_host(request: web.Request, own_url: str) -> None:
    """Refuse what a browser sends to the loopback address under a public name.

    Args:
        request: what is asked.
        own_url: the instance's own address, whose name is trusted; empty if it has none.

    Raises:
        Forbidden: another site may have made that name lead here.
    """
    received = as_received(request)
    if not _is_to_loopback(received) or _is_trusted(received, own_url):
        return
    reason = f"a browser asks for {received.host!r} on the loopback address; another site may have made it lead here"
    findings_of(request).append(Finding("swallowed", "foreign-host-refused", reason))
    raise Forbidden("User Not Authorized", f"{reason}; if it is this instance's own, start it with --url")


def check_poster(request: web.Request) -> None:
    """Raise Forbidden for what a page of another site posts without asking first; a browser says whose page it is."""
    if request.method == "GET" or not _is_forged(request):
        return
    reason = "a page of another site posted a form, with the password of its address or of the browser: refused"
    findings_of(request).append(Finding("swallowed", "foreign-form-refused", reason))
    raise Forbidden("User Not Authorized", "Posted by a page of another site")


def evidence_of(request: web.Request, minute: datetime | None = None) -> Evidence:
    """Return what a request carries to prove who sent it, and the minute in which it began if that is known."""
    verb, tls = verb_of(request.method, request.headers), request.get_extra_info("ssl_object")
    certificate = b"" if tls is None else tls.getpeercert(binary_form=True) or b""
    return Evidence(request.headers, request.query, request.cookies, request.path, verb, certificate, minute)


def parameters_of(request: web.Request) -> MultiDict[str]:
    """Return the parameters of a request except those that prove who sent it."""
    if not request.query_string:
        return MultiDict()
    return MultiDict((name, value) for name, value in request.query.items() if name not in CREDENTIALS)


def has_arrived(request: web.Request) -> bool:
    """Return whether the body of a request is in memory already, if there is one."""
    return not request.body_exists or (is_short(request) and request.content.is_eof())


def is_light(request: web.Request, size: int) -> bool:
    """Return whether a request asks for little: a short address and body, one record or a list of some.

    Args:
        request: what is asked.
        size: bytes of its body.
    """
    if size > _SMALL_BODY or len(request.raw_path) > _SHORT_PATH:
        return False
    if request.path.endswith(".do"):
        return False  # an export
    if request.method != "GET" or _LISTS.fullmatch(request.path) is None:
        return True
    limit = request.query.get("sysparm_limit", "")
    return limit.isdecimal() and len(limit) <= _DIGITS_OF_FEW


async def read_body(request: web.Request, most: int) -> SpooledBody:
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


def _is_to_loopback(request: web.Request) -> bool:
    address = request.get_extra_info("sockname")
    return isinstance(address, tuple) and ip_address(address[0].partition("%")[0]).is_loopback


def _is_trusted(request: web.Request, own_url: str) -> bool:
    try:
        host = (request.url.host or "").rstrip(".").lower()
    except ValueError:  # no parser takes it
        return False
    private = "." not in host or host.endswith(_PRIVATE_NAMES) or _is_address(host)
    return private or (bool(own_url) and host == URL(own_url).host)


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _is_forged(request: web.Request) -> bool:
    headers = request.headers
    if headers.get("Sec-Fetch-Mode") in {"navigate", "no-cors"}:
        return headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
    # To an address without TLS that is not this machine's, a browser only says where the page comes from.
    origin = headers.get("Origin", "")
    is_foreign = origin != "" and origin.partition("://")[2].lower() != request.host.lower()
    return is_foreign and headers.get("Content-Type", "").partition(";")[0].strip().lower() in _POSTED_BY_PAGES
