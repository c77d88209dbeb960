"""Spans of time as the integration writes them."""

import re
from datetime import datetime, timedelta

_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)")


def parse_clock(text: str) -> timedelta | None:
    """Return the span that ``HH:MM:SS`` stands for; None for any other text (integration 2, Minimum wait time)."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = map(int, match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def after(moment: datetime, span: timedelta) -> datetime | None:
    """Return the moment a span later; None if no calendar reaches that far."""
    try:
        return moment + span
    except OverflowError:
        return None


def format_clock(span: timedelta) -> str:
    """Return the span as ``HH:MM:SS``; hours may pass 24."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
