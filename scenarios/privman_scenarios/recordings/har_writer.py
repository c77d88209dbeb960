"""Writes HAR 1.2."""

from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from privman_scenarios.recordings.recorded import Headers, Recorded, content_type

# HAR's word for what is not known.
_UNKNOWN = -1
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def to_har(exchanges: Sequence[Recorded]) -> bytes:
    """Return what a file of these exchanges holds."""
    creator = {"name": "privman-scenarios", "version": version("mock-servicenow")}
    pages = {exchange.page: _page(exchange) for exchange in reversed(exchanges) if exchange.page}
    entries = [_entry(exchange) for exchange in exchanges]
    log = {"version": "1.2", "creator": creator, "pages": [*reversed(pages.values())], "entries": entries}
    return orjson.dumps({"log": log}, option=orjson.OPT_INDENT_2)


def _page(first: Recorded) -> dict[str, Any]:
    return {"startedDateTime": first.at.isoformat(), "id": first.page, "title": first.page, "pageTimings": {}}


def _entry(exchange: Recorded) -> dict[str, Any]:
    return {
        **({"pageref": exchange.page} if exchange.page else {}),
        "startedDateTime": exchange.at.isoformat(),
        "time": 0,
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    }


def _request(exchange: Recorded) -> dict[str, Any]:
    query = parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True)
    body = exchange.request.decode(errors="replace")
    sent = {"postData": {"mimeType": content_type(exchange.request_headers), "text": body}} if body else {}
    return {
        "method": exchange.method,
        "url": exchange.url,
        **_common(exchange.request_headers, len(exchange.request)),
        "queryString": [{"name": name, "value": value} for name, value in query],
        **sent,
    }


def _response(exchange: Recorded) -> dict[str, Any]:
    content = {"size": len(exchange.response), "mimeType": content_type(exchange.response_headers)}
    return {
        "status": exchange.status,
        "statusText": _PHRASES.get(exchange.status, ""),
        **_common(exchange.response_headers, len(exchange.response)),
        "content": {**content, "text": exchange.response.decode(errors="replace")},
        "redirectURL": "",
    }


def _common(headers: Headers, size: int) -> dict[str, Any]:
    named = [{"name": name, "value": value} for name, value in headers]
    return {"httpVersion": "HTTP/1.1", "cookies": [], "headers": named, "headersSize": _UNKNOWN, "bodySize": size}
