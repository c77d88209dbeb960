"""Reverse proxies that pass on the public address of a request in ``X-Forwarded-Proto`` and ``X-Forwarded-Host``."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web
from aiohttp.typedefs import Middleware

from privman_core.command_line import UsageError
from privman_core.faults import Handler
from privman_core.inputs import plain_url

Network = IPv4Network | IPv6Network
# The characters of names, addresses and ports; no other one may reach a page or a header.
_HOST = re.compile(r"[a-zA-Z0-9._:\[\]-]+")
_SCHEMES = ("http", "https")
_DIRECT = web.RequestKey("direct", web.Request)


def add_proxies(parser: ArgumentParser) -> None:
    """Add the option of `trusted_proxies`."""
    parser.add_argument(
        "--trusted-proxies",
        type=_networks,
        default=(),
        metavar="ADDRESSES",
        help="addresses or networks of reverse proxies, separated by commas, whose X-Forwarded-Proto and "
        "X-Forwarded-Host are believed; requires a token of the control plane, or --no-admin (default: none)",
    )


def trusted_proxies(options: Namespace, token: str, variable: str) -> tuple[Network, ...]:
    """Return the proxies to trust; raises UsageError if the control plane has no token, which the variable may hold.

    Behind a proxy on this machine every caller seems to be on this machine.
    """
    if options.trusted_proxies and not token and not options.no_admin:
        raise UsageError(f"--trusted-proxies requires a token in {variable}, or --no-admin")
    trusted: tuple[Network, ...] = options.trusted_proxies
    return trusted


def as_received(request: web.Request) -> web.Request:
    """Return the request under the address that it was sent to, whatever a proxy says about it."""
    direct: web.Request = request.get(_DIRECT, request)
    return direct


def trust_forwarded_headers(trusted: Sequence[Network]) -> list[Middleware]:
    """Return the middleware that gives requests of these proxies their public address; none if there are no proxies."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handler(_as_public(request) if _is_from(trusted, request) else request)

    return [middleware] if trusted else []


def _as_public(request: web.Request) -> web.Request:
    """Return the request under the address that the nearest proxy gives; ignores unusable values."""
    scheme, host = _last(request, "X-Forwarded-Proto"), _last(request, "X-Forwarded-Host")
    known = scheme.lower() if scheme.lower() in _SCHEMES else request.scheme
    named = host if _is_host(host) else request.host
    try:
        public = request.clone(scheme=known, host=named)
    except ValueError:  # the request line has an address of its own
        return request
    public[_DIRECT] = request
    return public


def _last(request: web.Request, name: str) -> str:
    """Return the last value of a header, which the nearest proxy wrote."""
    return ",".join(request.headers.getall(name, ())).rpartition(",")[2].strip()


def _is_host(text: str) -> bool:
    try:
        return _HOST.fullmatch(text) is not None and bool(plain_url(f"http://{text}"))
    except ValueError:
        return False


def _is_from(trusted: Sequence[Network], request: web.Request) -> bool:
    if not request.remote:  # a Unix socket
        return False
    address = ip_address(request.remote.partition("%")[0])
    return any(address in network for network in trusted)


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(_network(each.strip()) for each in text.split(","))


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        expected = "expected an address such as 127.0.0.1, or a network such as 10.0.0.0/8"
        raise ArgumentTypeError(f"invalid proxy {text!r}: {expected}") from None
