"""Read and write recorded exchanges in the HTTP Archive format (HAR 1.2), as browsers and proxies do."""

import base64
import binascii
import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from privman_core import http_archive
from privman_core.http_archive import ArchivedExchange
from privman_core.regular_files import read_regular
from privman_scenarios.analysis.recorded import SIDES, Headers, Recorded, Side
from privman_scenarios.errors import UnusableFileError

MOST_BYTES = 256 * 1024 * 1024
# HAR lets programs add members that begin with an underscore.
_OURS = "_ours"
_KINDS = {dict: "an object", list: "a list", str: "text", int: "a number"}


def read_har(file: Path) -> list[Recorded]:
    """Return the exchanges of the file; raises UnusableFileError naming the file and what is wrong in it."""
    try:
        # Some proxies begin the file with a byte order mark.
        document = orjson.loads(read_regular(file, MOST_BYTES).removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise UnusableFileError(f"{file}: cannot be read: {error.strerror}.") from None
    except orjson.JSONDecodeError as error:
        raise UnusableFileError(f"{file}: not a HAR file: line {error.lineno}: {error.msg}.") from None
    entries = _Node(file, "", document).child("log", dict).child("entries", list)
    return [_exchange(entry, f"{file} entry {number}") for number, entry in enumerate(entries.items(), start=1)]


@dataclass(frozen=True, slots=True)
class _Node:
    """A value in the file, with its place."""

    file: Path
    place: str
    value: Any

    def child(self, key: str, kind: type, default: object = None) -> "_Node":
        """Return what stands at the key, of the kind that is expected; the default where there is nothing."""
        place = f"{self.place}.{key}".lstrip(".")
        value = self.value.get(key) if isinstance(self.value, dict) else None
        value = default if value is None else value
        if not isinstance(value, kind):
            found = "is missing" if value is None else f"has value {value!r:.60}"
            raise UnusableFileError(f"{self.file}: {place} {found}. Expected {_KINDS[kind]}.")
        return _Node(self.file, place, value)

    def items(self) -> "list[_Node]":
        """Return the items of a list."""
        return [_Node(self.file, f"{self.place}[{number}]", item) for number, item in enumerate(self.value)]


def _exchange(entry: _Node, label: str) -> Recorded:
    request, response = entry.child("request", dict), entry.child("response", dict)
    sent, content = request.child("postData", dict, {}), response.child("content", dict, {})
    lost = [_is_lost(sent, request.child("bodySize", int, 0)), _is_lost(content, content.child("size", int, 0))]
    return Recorded(
        at=_time(entry.child("startedDateTime", str)),
        method=request.child("method", str).value.upper(),
        url=_url(request.child("url", str)),
        request_headers=_read_headers(request, sent),
        request=_read_body(sent),
        status=max(response.child("status", int).value, 0),
        response_headers=_read_headers(response, content),
        response=_read_body(content),
        page=entry.child("pageref", str, "").value,
        complete=not any(lost),
        label=label,
        ours=_read_ours(entry),
    )


def _read_ours(entry: _Node) -> frozenset[Side]:
    """Return the sides that `record` has marked as this project's own."""
    return frozenset(side for side in SIDES if side in entry.child(_OURS, list, []).value)


def _url(node: _Node) -> str:
    try:
        urlsplit(node.value)
    except ValueError:
        raise UnusableFileError(
            f"{node.file}: {node.place} has value {node.value!r:.80}. Expected an address."
        ) from None
    url: str = node.value
    return url


def _time(node: _Node) -> datetime:
    try:
        found = datetime.fromisoformat(node.value)
        # HAR asks for an offset; whoever leaves it out means UTC.
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnusableFileError(f"{node.file}: {node.place} has value {node.value!r}. Expected a time.") from None


def _read_headers(message: _Node, body: _Node) -> Headers:
    """Return the headers; the content type from beside the body, where they do not name it."""
    nodes = message.child("headers", list, []).items()
    headers = tuple((node.child("name", str).value, node.child("value", str).value) for node in nodes)
    media_type = body.child("mimeType", str, "").value
    named = any(name.lower() == "content-type" for name, _ in headers)
    return headers if named or not media_type else (*headers, ("Content-Type", media_type))


def _read_body(node: _Node) -> bytes:
    text: str = node.child("text", str, "").value
    if node.child("encoding", str, "").value != "base64":
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise UnusableFileError(f"{node.file}: {node.place}.text is not base64, as its encoding says.") from None


def _is_lost(body: _Node, size: _Node) -> bool:
    """Tell whether there was a body that the file does not hold, as browsers leave some out."""
    return size.value > 0 and "text" not in body.value


def to_har(exchanges: Sequence[Recorded]) -> bytes:
    """Return what a file of these exchanges holds."""
    return http_archive.to_har(map(_archived, exchanges), "privman-scenarios")


def _archived(exchange: Recorded) -> ArchivedExchange:
    return ArchivedExchange(
        at=exchange.at,
        method=exchange.method,
        url=exchange.url,
        request_headers=exchange.request_headers,
        request=exchange.request.decode(errors="replace"),
        status=exchange.status,
        response_headers=exchange.response_headers,
        response=exchange.response.decode(errors="replace"),
        page=exchange.page,
        further={_OURS: sorted(exchange.ours)},
    )
