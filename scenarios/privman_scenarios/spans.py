"""Spans of time as scenarios write them: ``50 seconds``, ``16:30:00``, ``1 day``."""

import re
from datetime import datetime

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
# No control plane lets time jump further.
MOST_SECONDS = 10 * 366 * 86_400
_COUNTED = re.compile(r"(\d+(?:\.\d+)?) (second|minute|hour|day)s?")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a duration has no time zone
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d)")


def to_seconds(span: str) -> float:
    """Return the length of the span in seconds, at most ten years; raises ValueError for anything else."""
    seconds = _seconds(span)
    if seconds > MOST_SECONDS:
        raise ValueError(f"{span[:40]!r} is too long. Expected at most ten years.")
    return seconds


def _seconds(span: str) -> float:
    if counted := _COUNTED.fullmatch(span):
        return float(counted[1]) * _SECONDS[counted[2]]
    if clock := _CLOCK.fullmatch(span):
        hours, minutes, seconds = map(float, clock.groups())
        return hours * 3600 + minutes * 60 + seconds
    raise ValueError(f"{span!r} is no span of time. Expected '50 seconds', '2 hours' or '16:30:00'.")


def duration_seconds(text: str) -> float | None:
    """Return the length of a ServiceNow duration, ``08:00:00`` or ``1970-01-01 08:00:00``; None for other text."""
    if not text:
        return 0
    try:
        return to_seconds(text) if " " not in text else (datetime.fromisoformat(text) - _EPOCH).total_seconds()
    except (ValueError, TypeError):
        return None
