"""Writes exchanges in the HTTP Archive format (HAR 1.2), which browsers and proxies read."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import orjson
from msgspec import Struct, field

from privman_core.command_line import installed_version

Headers = Sequence[tuple[str, str]]
_MOST_PARAMETERS = 1_000  # of one query that are listed one by one
_UNKNOWN = -1  # HAR's word for what is not known
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class ArchivedExchange(Struct, frozen=True, kw_only=True):
    """One exchange of an archive.

    Attributes:
        url: the absolute address.
        status: 0 when there was no answer.
        page: what it belongs to, such as a scenario; empty for nothing.
        further: members of a program's own; their names begin with an underscore.
    """

    at: datetime
    method: str
    url: str
    request_headers: Headers = ()
    request: str = ""
    status: int = 0
    response_headers: Headers = ()
    response: str = ""
    page: str = ""
    further: Mapping[str, Any] = field(default_factory=dict)


def to_har(exchanges: Iterable[ArchivedExchange], creator: str) -> bytes:
    """Return what a file of these exchanges holds.

    Each entry is written by itself, so that a thread that writes many lets others run in between.
    """
    kept = list(exchanges)
    made = {"name": creator, "version": installed_version()}
    pages = {each.page: _page(each) for each in reversed(kept) if each.page}
    log = {"version": "1.2", "creator": made, "pages": [*reversed(pages.values())], "entries": []}
    before, _, after = orjson.dumps({"log": log}, option=orjson.OPT_INDENT_2).rpartition(b"[]")
    entries = b",\n".join(orjson.dumps(_entry(each), option=orjson.OPT_INDENT_2) for each in kept)
    return b"".join((before, b"[\n", entries, b"\n]", after))


def _page(first: ArchivedExchange) -> dict[str, Any]:
    return {"startedDateTime": first.at.isoformat(), "id": first.page, "title": first.page, "pageTimings": {}}


def _entry(exchange: ArchivedExchange) -> dict[str, Any]:
    return {
        **({"pageref": exchange.page} if exchange.page else {}),
        "startedDateTime": exchange.at.isoformat(),
        "time": 0,
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        **exchange.further,
    }


def _request(exchange: ArchivedExchange) -> dict[str, Any]:
    query = parse_qsl(exchange.url.partition("#")[0].partition("?")[2], keep_blank_values=True)
    body = exchange.request
    sent = {"postData": {"mimeType": _content_type(exchange.request_headers), "text": body}} if body else {}
    return {
        "method": exchange.method,
        "url": exchange.url,
        **_common(exchange.request_headers, body),
        "queryString": [{"name": name, "value": value} for name, value in islice(query, _MOST_PARAMETERS)],
        **sent,
    }


def _response(exchange: ArchivedExchange) -> dict[str, Any]:
    headers, body = exchange.response_headers, exchange.response
    return {
        "status": exchange.status,
        "statusText": _PHRASES.get(exchange.status, ""),
        **_common(headers, body),
        "content": {"size": _size(body), "mimeType": _content_type(headers), "text": body},
        "redirectURL": "",
    }


def _common(headers: Headers, body: str) -> dict[str, Any]:
    named = [{"name": name, "value": value} for name, value in headers]
    return {
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": named,
        "headersSize": _UNKNOWN,
        "bodySize": _size(body),
    }


def _size(body: str) -> int:
    return len(body.encode(errors="replace"))


def _content_type(headers: Headers) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "")
