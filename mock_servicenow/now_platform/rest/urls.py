"""Addresses of any length, in bodies or stored: yarl would remember the last ones as a whole."""

from urllib.parse import parse_qsl, quote

from multidict import MultiDict
from yarl import URL

_KEPT = "%/:?@!$'()*+,;=&~-._"


def address_of(url: str) -> URL:
    """Return an address without its query; raises ValueError."""
    return URL(url.partition("#")[0].partition("?")[0])


def query_of(url: str) -> str:
    """Return the query of an address, what cannot be sent as it is encoded; raises ValueError."""
    return quote(url.partition("#")[0].partition("?")[2], _KEPT)


def parameters(query: str) -> MultiDict[str]:
    """Return the decoded parameters of a query."""
    return MultiDict(parse_qsl(query, keep_blank_values=True))
