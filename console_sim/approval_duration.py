"""Durations as ServiceNow and the console's pages write them."""

import re
from datetime import timedelta

DURATION = re.compile(r"\d{2,4}:[0-5]\d:[0-5]\d", re.ASCII)
EXPECTED_DURATION = "hours, minutes and seconds such as 16:30:00"


def parse_duration(text: str) -> timedelta:
    """Return the duration of a text that matches `DURATION`."""
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """Return the duration as ``16:30:00``."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
