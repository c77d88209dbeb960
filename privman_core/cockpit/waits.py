"""The time between two steps of parties whose clocks may differ."""

from collections.abc import Mapping
from datetime import datetime, timedelta

Times = Mapping[str, datetime]
"""The time of a step by the clock of each party that knows of it, by name."""
_NONE = timedelta(0)


def wait_between(before: Times, after: Times, *, one_clock: bool) -> timedelta:
    """Return how long after another step one was, by the clocks that know both; the shortest, where these differ.

    Where no clock knows both, times of different clocks are compared only on ``one_clock``.
    """
    spans = [after[party] - before[party] for party in after if party in before]
    if not spans and one_clock:
        spans = [min(after.values()) - max(before.values())]
    return max(min(spans, default=_NONE), _NONE)


def in_words(span: timedelta) -> str:
    """Return a span of time such as ``16 h 30 min``, without fractions of a second; empty for less than a second."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number:,} {unit}" for number, unit in parts if number)
