"""Request bodies: how long they may be, and the record that they hold, as it is stored."""

import json
import re
from collections.abc import Callable, Mapping
from itertools import islice

import orjson

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.values import is_sys_id, json_text
from mock_servicenow.now_platform.errors import PayloadTooLarge, UnreadableBody, UnsupportedMediaType
from mock_servicenow.now_platform.records.display_formats import parse_currency
from mock_servicenow.now_platform.records.intake import LONGEST_VALUE
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.view import MEGABYTE
from mock_servicenow.now_platform.rest.call import Call
from mock_servicenow.now_platform.rest.formats import read_entries, request_format
from privman_core.findings import Finding

LONGEST_BODY = 10 * MEGABYTE
"""How long a body may be unless a property says otherwise."""
_LONGEST = Property("glide.rest.max_content_length", str(LONGEST_BODY // MEGABYTE))
LONGEST_PATH = 16_000
"""How long a path with its query may be to be routed."""
LONGEST_URL = 128 * 1024
"""How long a URL in a body may be: an item's of a batch, or one to be made short (I)."""
LONGEST_HEADER = 8_190
"""How long a header may be; the web server refuses longer ones."""


def longest_body(session: Session) -> int:
    """Return how many bytes of a body the platform reads; files are not counted among them."""
    return session.megabytes(_LONGEST)


def check_length(call: Call, most: int) -> None:
    """Raise PayloadTooLarge if the call's body has more bytes."""
    if len(call.body) > most:
        raise PayloadTooLarge(len(call.body), most)


MOST_VALUES = 100_000
"""How many values a JSON body may hold: more than any table has, or 10,000 rows of ten columns (I)."""
MOST_FIELDS = 10_000
"""How many fields the record that a body holds may have (I)."""
LONGEST_SINGLE_QUOTED = 256 * 1024
MOST_NAMES = 1_000
"""Distinct names of a list that are looked up as display values; the others are stored as given (I)."""
_BEFORE_VALUES = b",[{"
_NO_MARKS = bytes(set(range(256)) - set(_BEFORE_VALUES + b'"'))
# One that is not closed ends with the body, so that a body is read but once.
_STRING = re.compile(r""""(?:[^"\\]|\\.?)*+(?:"|\Z)|'(?:[^'\\]|\\.?)*+(?:'|\Z)""", re.DOTALL)


_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII)
_LONG = 19
_DEEPEST = 254  # brackets inside one another that orjson writes
_BEYOND_INTEGERS = 2**63


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
    record, count = read_entries(call.body) if media == "xml" else _first(read_json(call))
    if len(record) > MOST_FIELDS:
        raise UnreadableBody(f"The record has {len(record):,} fields; at most {MOST_FIELDS:,} are read")
    if count > 1:
        call.swallowed("records-ignored", f"the body holds {count} records: all but the first were ignored")
    return {name: value if isinstance(value, str) else to_text(value) for name, value in record.items()}


def read_object(call: Call, most_bytes: int) -> dict[str, object]:
    """Return the JSON object in the body, empty for no body.

    Raises:
        PayloadTooLarge: the body is longer than ``most_bytes``.
        UnsupportedMediaType: it is not JSON.
        UnreadableBody: it holds something else.
    """
    check_length(call, most_bytes)
    if not call.body.strip():
        return {}
    if request_format(call.headers.get("Content-Type", "")) == "xml":
        raise UnsupportedMediaType
    body = read_json(call)
    if not isinstance(body, dict):
        raise UnreadableBody
    return body


def read_json(call: Call) -> object:
    """Return a JSON body, also one of up to `LONGEST_SINGLE_QUOTED` bytes in single quotes; raises UnreadableBody."""
    if values_in(call.body) > MOST_VALUES:
        raise UnreadableBody(f"The body holds more than {MOST_VALUES:,} values")
    try:
        return _loaded(call.body)
    except ValueError:
        if len(call.body) > LONGEST_SINGLE_QUOTED:
            raise UnreadableBody from None
    try:
        value = _loaded(_STRING.sub(_double_quoted, call.body.decode()))
    except ValueError:
        raise UnreadableBody from None
    call.swallowed(
        "json-single-quoted", "the body is JSON with single quotes, which is no JSON: it was read all the same"
    )
    return value


def values_in(body: bytes) -> int:
    """Return at least how many values a JSON body has, or any number up to `MOST_VALUES`; it is not parsed."""
    if len(body) <= MOST_VALUES or len(body) - len(body.translate(None, _BEFORE_VALUES)) <= MOST_VALUES:
        return 0
    unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body
    marks = unescaped.translate(None, _NO_MARKS)
    if marks.count(b'"') > 4 * MOST_VALUES:  # each value has a text of its own and a name at most
        return MOST_VALUES + 1
    return sum(map(len, marks.split(b'"')[::2]))


def _loaded(text: bytes | str) -> object:
    """Return a JSON document; raises ValueError, also where it nests so deeply that it could not be written again."""
    value = orjson.loads(text)
    if len(text) > _DEEPEST:
        _check_depth(text, value)
    # Integers beyond 64 bits have become floats: read again, they keep their digits.
    return json.loads(text, parse_int=_integer) if _holds_long_integer(value) else value


def _check_depth(text: bytes | str, value: object) -> None:
    brackets = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if brackets <= _DEEPEST:
        return
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < _LONG else digits


def _holds_long_integer(body: object) -> bool:
    record = body[0] if isinstance(body, list) and body else body
    values = record.values() if isinstance(record, dict) else ()
    floats = [value for value in values if isinstance(value, float)]
    return bool(floats) and max(map(abs, floats)) >= _BEYOND_INTEGERS


def _first(body: object) -> tuple[Mapping[str, object], int]:
    records = body if isinstance(body, list) else [body]
    if not records or not isinstance(records[0], dict):
        raise UnreadableBody
    return records[0], len(records)


def _double_quoted(match: re.Match[str]) -> str:
    text = match.group()
    if text.startswith('"'):
        return text
    return '"' + text[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'


def to_raw(session: Session, table: str, values: dict[str, str], *, display: bool) -> dict[str, str]:
    """Convert a client's values to raw ones if they are display values.

    Raw passwords are ignored: the platform would store one as if it were encrypted already.
    """
    plan = session.schema.plans[table]
    if display:
        columns = plan.columns
        return {
            name: _from_display(session, columns[name], value) if name in columns else value
            for name, value in values.items()
        }
    if not plan.passwords:
        return values
    for name in filter(plan.passwords.__contains__, values):
        message = f"table {table}: password '{name}' is not set without sysparm_input_display_value=true: ignored"
        session.findings.append(Finding("swallowed", "password-ignored", message, name))
    return {name: value for name, value in values.items() if name not in plan.passwords}


def _from_display(session: Session, column: Column, text: str) -> str:
    match column.family:
        case Family.DATE_TIME:
            return session.formats.to_utc(text)
        case Family.DATE:
            return session.formats.to_date(text)
        case Family.LIST:
            return _list(session, column, text)
        case Family.CURRENCY:
            return parse_currency(text)
        case Family.INTEGER | Family.DECIMAL if len(text) <= LONGEST_VALUE and _GROUPED.fullmatch(text):
            return text.replace(",", "")
    return next((choice.value for choice in column.choices if choice.label == text), text)


def _list(session: Session, column: Column, text: str) -> str:
    """Return the sys_ids of a list of names; what names no single record stays as it is."""
    entries = [entry.strip() for entry in text.split(",")]
    if column.reference is None:
        return ",".join(entries)
    names = islice((entry for entry in dict.fromkeys(entries) if not is_sys_id(entry)), MOST_NAMES)
    known = {name: session.by_display(column.reference, name) or name for name in names}
    return ",".join(known.get(entry, entry) for entry in entries)
