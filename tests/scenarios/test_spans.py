"""Spans of time as scenarios write them, and ServiceNow's durations."""

import re

import pytest

from privman_scenarios.language.kinds import duration_seconds, to_seconds


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        ("1 second", 1),
        ("1.5 seconds", 1.5),
        ("1 minute", 60),
        ("2 hours", 7_200),
        ("1 day", 86_400),
        ("16:30:45", 59_445),
        ("100:00:01", 360_001),
        ("3660 days", 316_224_000),
        ("87840:00:00", 316_224_000),
    ],
)
def test_spans(span: str, seconds: float) -> None:
    """In words or as on a clock, up to ten years."""
    assert to_seconds(span) == seconds


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ("87840:00:01", "'87840:00:01' is too long. Expected at most ten years."),
        ("9" * 50 + " days", f"'{'9' * 40}…' is too long."),
        ("1:60:00", "invalid span of time '1:60:00'."),
        ("soon", "invalid span of time 'soon'."),
    ],
)
def test_no_spans(span: str, message: str) -> None:
    """Anything else is refused with a message that shows the beginning of it."""
    with pytest.raises(ValueError, match=re.escape(message)):
        to_seconds(span)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("08:00:01", 28_801),
        ("1970-01-01 08:00:01", 28_801),
        ("1970-01-02 00:00:00", 86_400),
        ("soon", None),
        ("in a while", None),
        ("1970-01-01 08:00:00+00:00", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    """A ServiceNow duration, raw or as the console writes it; other text is none."""
    assert duration_seconds(text) == seconds
