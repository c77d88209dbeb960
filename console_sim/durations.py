"""Durations as the console writes them: hours, minutes and seconds."""

import re
from datetime import timedelta

FORM = re.compile(r"\d{2,4}:[0-5]\d:[0-5]\d", re.ASCII)
EXPECTED = "hours, minutes and seconds such as 16:30:00"


def parse(text: str) -> timedelta:
    """Return the duration that a text of that form stands for."""
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def to_text(duration: timedelta) -> str:
    """Return the duration as ``16:30:00``."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
