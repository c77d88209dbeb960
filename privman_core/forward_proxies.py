"""The proxies that requests to other machines go through: HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import TypedDict
from urllib.parse import unquote

from aiohttp import ClientHttpProxyError, ClientProxyConnectionError, ClientResponse
from msgspec import Struct
from yarl import URL

from privman_core.inputs import is_loopback_name, plain_url, reason_of

_EXAMPLE = "http://proxy.example:3128"
_CREDENTIALS = "Proxy-Authorization"


class ProxyError(Exception):
    """A request did not get past its proxy; the message says why in one line, without credentials."""


class RequestOptions(TypedDict, total=False):
    """What aiohttp's requests take."""

    headers: Mapping[str, str]
    proxy: URL
    proxy_headers: Mapping[str, str]


class _Proxy(Struct, frozen=True):
    """A proxy.

    Attributes:
        variable: names it.
        url: without credentials.
        headers: with its credentials; empty where there are none.
    """

    variable: str
    url: URL
    headers: Mapping[str, str]

    @classmethod
    def read(cls, variable: str, value: str) -> "_Proxy":
        """Parse an address, perhaps without a scheme, as curl takes it; raises ProxyError."""
        scheme, found, rest = value.strip().rpartition("://")
        login, at, place = rest.rpartition("@")
        try:
            url = URL(plain_url(f"{scheme if found else 'http'}://{place}", _EXAMPLE))
        except ValueError as error:
            raise ProxyError(f"{variable} is {error}") from None
        user, _, password = login.partition(":")
        pair = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
        return cls(variable, url, {_CREDENTIALS: f"Basic {pair}"} if at else {})

    def __str__(self) -> str:
        return f"the proxy {self.url} of {self.variable}"

    def refusal(self, status: int) -> str:
        """Return the sentence for a proxy that passes nothing on."""
        if status != HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return f"{self} answered {status} to CONNECT"
        if self.headers:
            return f"{self} refused its user and password (407)"
        return f"{self} demands a user and password (407); expected them before its host"


_PORT = re.compile(r"\[([^\]]*)\](?::(\d{1,5}))?|([^:]*):(\d{1,5})")


class _Exception(Struct, frozen=True):
    """A host, network or ``*`` that needs no proxy, on one port or on all of them."""

    place: str
    port: int | None = None

    @classmethod
    def read(cls, entry: str) -> "_Exception":
        """Parse an entry; an IPv6 address has a port only behind brackets."""
        found = _PORT.fullmatch(entry)
        if found is None:
            return cls(entry)
        port = found[2] or found[4]
        return cls(found[1] or found[3], int(port) if port else None)


class ForwardProxies:
    """Proxies by the scheme of the address that is asked.

    In lower case a variable comes first, as with curl. An address of this machine never goes through a proxy. Nothing
    but the variables is read: aiohttp's ``trust_env`` would also log in to each host with what netrc has for it.

    Args:
        variables: each scheme's variable and its value.
        no_proxy: what needs no proxy, separated by commas: names with their subdomains, addresses and networks, each
            perhaps with a port (an IPv6 address in brackets then), or ``*``.
    """

    def __init__(self, variables: Mapping[str, tuple[str, str]], no_proxy: str) -> None:
        self._variables = variables
        self._exceptions = [_Exception.read(entry.strip().lower()) for entry in no_proxy.split(",") if entry.strip()]

    def logins(self) -> Iterator[tuple[str, str]]:
        """Yield user and password of each proxy that has a password, which outputs must mask."""
        for _, value in self._variables.values():
            login = value.rpartition("://")[2].rpartition("@")[0]
            user, _, password = login.partition(":")
            if password:
                yield unquote(user), unquote(password)

    def options(self, url: URL, headers: Mapping[str, str]) -> RequestOptions:
        """Return what a request to that address is sent with; raises ProxyError for an unusable variable."""
        proxy = self._find(url)
        if proxy is None:
            return {"headers": headers}
        if url.scheme == "https":  # what is in the tunnel, the proxy does not see
            return {"headers": headers, "proxy": proxy.url, "proxy_headers": dict(proxy.headers)}
        return {"headers": {**headers, **proxy.headers}, "proxy": proxy.url}

    def raise_if_proxy_refused(self, url: URL, answer: ClientResponse) -> None:
        """Raise ProxyError where it is the proxy that has answered."""
        proxy = self._find(url) if answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED else None
        if proxy is not None:
            raise ProxyError(proxy.refusal(answer.status))

    def reason(self, url: URL, error: Exception) -> str:
        """Return why the proxy has passed nothing on; empty where the error is not about it."""
        proxy = self._find(url)
        if proxy is not None and isinstance(error, ClientHttpProxyError):
            return proxy.refusal(error.status)
        if proxy is not None and isinstance(error, ClientProxyConnectionError):
            return f"no connection to {proxy}: {reason_of(error.os_error)}"
        return ""

    def _find(self, url: URL) -> _Proxy | None:
        variable, value = self._variables.get(url.scheme, ("", ""))
        if not value or is_loopback_name(url.host or "") or self._bypasses_proxy(url):
            return None
        return _Proxy.read(variable, value)

    def _bypasses_proxy(self, url: URL) -> bool:
        host = (url.host or "").lower()
        return any(each.port in (None, url.port) and _covers(each.place, host) for each in self._exceptions)


NO_PROXIES = ForwardProxies({}, "")


def forward_proxies(environment: Mapping[str, str]) -> ForwardProxies:
    """Return the proxies that the environment names."""
    found = {scheme: _variable(environment, f"{scheme}_proxy") for scheme in ("http", "https")}
    return ForwardProxies(found, _variable(environment, "no_proxy")[1])


def _variable(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the name and value of a variable; an empty one in lower case switches that in upper case off."""
    spelled = name if name in environment else name.upper()
    return spelled, environment.get(spelled, "").strip()


def _covers(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:  # one of them is a name
        name = entry.removeprefix("*").lstrip(".")
        return host == name or host.endswith(f".{name}")
