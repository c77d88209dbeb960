"""GUIDs, JSON and spans of time, as the console writes them, and moments, as records have them."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from mock_servicenow.now_platform.dictionary.values import DATE_TIME

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
SYS_ID = re.compile(r"[0-9a-f]{32}")


def is_guid(text: str) -> bool:
    """Return whether it is a GUID without braces."""
    return GUID.fullmatch(text) is not None


def json_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object in the text, None if there is none.

    Lone surrogates, which cannot be sent or stored, become question marks.
    """
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_json(value: object) -> str:
    """Return the compact JSON of a value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)")


def parse_clock(text: str) -> timedelta | None:
    """Return the span written as ``HH:MM:SS``, None for any other text (Minimum wait time)."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = map(int, match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def parse_moment(stored: str) -> datetime | None:
    """Return the moment in stored form, None for any other text, such as another tool may have written."""
    try:
        return datetime.strptime(stored, DATE_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def format_clock(span: timedelta) -> str:
    """Return the span as ``HH:MM:SS``; hours may pass 24."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
