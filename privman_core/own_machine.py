"""Whether a request was sent by somebody on this machine."""

import re
from ipaddress import ip_address

from aiohttp import HttpVersion11, web
from yarl import URL

from privman_core.errands import ERRAND
from privman_core.exchange_marks import MARK
from privman_core.inputs import is_loopback_name

# Every other header may be that of a proxy or a tunnel: there are too many of those to know them all.
_CLIENT_HEADERS = frozenset(
    {
        *("accept", "accept-charset", "accept-encoding", "accept-language", "user-agent", "from"),
        *("authorization", "cookie", "origin", "referer", "dnt", "expect", "priority", "range"),
        *(
            "cache-control",
            "pragma",
            "if-match",
            "if-modified-since",
            "if-none-match",
            "if-range",
            "if-unmodified-since",
        ),
        *("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"),
        *("connection", "host", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        *("upgrade-insecure-requests", "purpose", "save-data", "x-requested-with", "x-purpose", "x-moz"),
        # Sent by browsers under test and by tools; tracing libraries add them to every request of a test.
        *("postman-token", "x-devtools-emulate-network-conditions-client-id", "x-request-id", "x-correlation-id"),
        *("traceparent", "tracestate", "baggage", "b3", "sentry-trace", "idempotency-key"),
        # Of a session that calls the product, too.
        *("x-admin-token", "x-sn-apikey", "x-usertoken", "x-no-response-body", "x-http-method-override", ERRAND, MARK),
    }
)
_BROWSERS_ONLY = re.compile(r"sec-.*", re.IGNORECASE)  # no page may set such a header
# The User-Agent of either product. A registration or a foreign system decides where they post, and somebody on another
# machine may have written it.
_PARTIES = re.compile(r"(?:ServiceNow|PrivilegeManager)/.*")


def is_opened_here(request: web.Request) -> bool:
    """Return whether a person on this machine sent the request: not a proxy, not a product, and to a loopback name.

    Another site can point its own name at this machine (DNS rebinding), and behind a proxy every caller looks local.
    nginx speaks HTTP/1.0 and adds no header, unless it is configured to.
    """
    if request.version < HttpVersion11:
        return False
    sent_here = _is_loopback(request) and not _PARTIES.match(request.headers.get("User-Agent", ""))
    return sent_here and not unknown_header(request) and _names_this_machine(request)


def is_sent_here(request: web.Request) -> bool:
    """Return whether a program on this machine sent the request, and no proxy."""
    return _is_loopback(request) and not unknown_header(request)


def listening_url(request: web.Request) -> URL | None:
    """Return where the server listens that a request has reached; None for one that listens at no address."""
    transport = request.transport
    name = transport.get_extra_info("sockname") if transport else None
    if transport is None or not isinstance(name, tuple):  # that of a Unix socket is a path
        return None
    tls = transport.get_extra_info("sslcontext") is not None
    return URL.build(scheme="https" if tls else "http", host=name[0], port=name[1])


def unknown_header(request: web.Request) -> str:
    """Return the name of a header that no client sends by itself, so that a proxy may have added it; empty for none."""
    return next((name for name in request.headers if not _is_a_clients(name)), "")


def _is_a_clients(name: str) -> bool:
    return name.lower() in _CLIENT_HEADERS or _BROWSERS_ONLY.fullmatch(name) is not None


def _is_loopback(request: web.Request) -> bool:
    # A Unix socket has no remote address, and only this machine reaches it.
    return not request.remote or ip_address(request.remote.split("%")[0]).is_loopback


def _names_this_machine(request: web.Request) -> bool:
    """Return whether both addresses of a request do: a request line may have one, which aiohttp takes for the Host."""
    try:
        named = (request.url.host, URL(f"http://{request.headers.get('Host', '')}").host)
    except ValueError:  # a Host that is no host
        return False
    return all(is_loopback_name(each or "") for each in named)
