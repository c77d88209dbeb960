"""Request bodies: the one record that a write reads (platform 1.2, 1.9)."""

import re
from collections.abc import Callable

import orjson

from mock_servicenow.now_platform.errors import UnreadableBody
from mock_servicenow.now_platform.rest.call import Call
from mock_servicenow.now_platform.rest.limits import check_length
from mock_servicenow.now_platform.rest.media import request_format
from mock_servicenow.now_platform.rest.xml_text import read_entries
from mock_servicenow.now_platform.values import json_text

_STRING = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)


def read_record(call: Call, most_bytes: int, to_text: Callable[[object], str] = json_text) -> dict[str, str]:
    """Return the values in the body by column, as text; of several records only the first counts.

    Args:
        call: whose body is read.
        most_bytes: how long it may be.
        to_text: turns a value that is no text into text.

    Raises:
        PayloadTooLarge: the body is longer than ``most_bytes``.
        UnsupportedMediaType: it is neither JSON nor XML.
        UnreadableBody: it is not what its Content-Type says.
    """
    check_length(call, most_bytes)
    if not call.body.strip():
        return {}
    media = request_format(call.headers.get("Content-Type", ""))
    record = _first(call, read_entries(call.body) if media == "xml" else read_json(call))
    return {str(name): to_text(value) for name, value in record.items()}


def read_json(call: Call) -> object:
    """Return a JSON body, one written with single quotes included; raises UnreadableBody."""
    try:
        return orjson.loads(call.body)
    except orjson.JSONDecodeError:
        body = _STRING.sub(_double_quoted, call.body.decode(errors="replace"))
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableBody from None
    call.swallowed(
        "json-single-quoted", "the body is JSON with single quotes, which is no JSON: it was read all the same"
    )
    return value


def _first(call: Call, body: object) -> "dict[object, object]":
    records = body if isinstance(body, list) else [body]
    if not records or not isinstance(records[0], dict):
        raise UnreadableBody
    if len(records) > 1:
        call.swallowed("records-ignored", f"the body holds {len(records)} records: all but the first were ignored")
    return records[0]


def _double_quoted(match: re.Match[str]) -> str:
    text = match.group()
    if text.startswith('"'):
        return text
    return '"' + text[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
