"""By which names browsers reach an instance that listens on the loopback address.

Another site may make its own name lead here: its pages then come from the same origin as ours, and may use any password
that they know. Nobody can do that to an address, nor to a name that no public name server has.
"""

from ipaddress import ip_address

from aiohttp import web
from yarl import URL

from mock_servicenow.now_platform.errors import Forbidden
from privman_core.exchange import findings_of
from privman_core.findings import Finding

_PRIVATE = (".localhost", ".internal", ".local", ".test")
# Every browser sends one of them, whatever a page asks of it; other programs rarely do.
_MARKS = ("Origin", "Referer", "Accept-Language", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")


def check_name(request: web.Request, own_url: str) -> None:
    """Raise Forbidden for what a browser sends to this machine's own address under a public name of another site.

    Args:
        request: what is asked.
        own_url: the instance's own address, whose name is trusted; empty if it has none.
    """
    if not _is_from_browser(request) or not _came_to_loopback(request) or _is_trusted(request, own_url):
        return
    told = (
        f"a browser asks for {request.host!r} on the loopback address, a name that another site may have made lead here"
    )
    findings_of(request).append(Finding("swallowed", "foreign-host-refused", told))
    raise Forbidden("User Not Authorized", f"{told}; if it is this instance's own, start it with --url")


def _is_from_browser(request: web.Request) -> bool:
    headers = request.headers
    return headers.get("User-Agent", "").startswith("Mozilla/") or any(name in headers for name in _MARKS)


def _came_to_loopback(request: web.Request) -> bool:
    address = request.get_extra_info("sockname")
    return isinstance(address, tuple) and ip_address(address[0].partition("%")[0]).is_loopback


def _is_trusted(request: web.Request, own_url: str) -> bool:
    try:
        host = (request.url.host or "").rstrip(".").lower()
    except ValueError:  # no parser takes it
        return False
    private = "." not in host or host.endswith(_PRIVATE) or _is_address(host)
    return private or (bool(own_url) and host == URL(own_url).host)


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
