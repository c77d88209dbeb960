"""Durations as ServiceNow and the console's pages write them."""

import re
from datetime import datetime, timedelta

DURATION = re.compile(r"\d{2,4}:[0-5]\d:[0-5]\d", re.ASCII)
EXPECTED_DURATION = "hours, minutes and seconds such as 16:30:00"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - an instance writes durations as dates without a zone
_STORED = re.compile(r"(?:(\d{4}-\d\d-\d\d) )?(\d{1,4}):([0-5]\d):([0-5]\d)", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Return the duration of a text that matches `DURATION`."""
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """Return the duration as ``16:30:00``."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"


def stored_duration(text: str) -> timedelta | None:
    """Return the duration of a text in ServiceNow's form, such as ``1970-01-01 16:30:00``; None for any other text."""
    found = _STORED.fullmatch(text)
    if found is None:
        return None
    day, hours, minutes, seconds = found.groups()
    try:
        days = datetime.fromisoformat(day) - _EPOCH if day else timedelta()
    except ValueError:  # no such day
        return None
    return days + timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
