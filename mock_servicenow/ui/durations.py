"""Durations as hours, minutes and seconds in three fields."""

from collections.abc import Sequence

from mock_servicenow.now_platform.dictionary.values import duration_seconds

UNITS = ("hours", "minutes", "seconds")
_MOST = (9_999, 59, 59)
EXPECTED = "expected whole hours, and minutes and seconds from 0 to 59"


def split(stored: str) -> tuple[str, ...]:
    """Return a stored duration as the texts of the three fields; empty ones if there is none."""
    if not stored:
        return ("", "", "")
    minutes, seconds = divmod(duration_seconds(stored), 60)
    return tuple(map(str, (*divmod(minutes, 60), seconds)))


def join(parts: Sequence[str]) -> str | None:
    """Return ``H:MM:SS`` from the three texts, nothing if all are empty; None if one is no number that fits."""
    texts = [part.strip() for part in parts]
    if not any(texts):
        return ""
    if not all(text.isascii() and text.isdecimal() and len(text) < 5 for text in texts if text):  # noqa: PLR2004
        return None
    numbers = [int(text or 0) for text in texts]
    if any(number > most for number, most in zip(numbers, _MOST, strict=True)):
        return None
    hours, minutes, seconds = numbers
    return f"{hours}:{minutes:02}:{seconds:02}"
