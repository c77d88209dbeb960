"""Times as testers type them, a span, a moment or what falls due next, and as the cockpit prints a moment."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from privman_core.clock import MOST_SECONDS, Due, later
from privman_core.cuts import cut

JUMPS = "50, 90s, 16h30, 16:30:00, 2 days, until 18:00, until next or until next delivery"
SPANS = "90s, 40 s, 10 minutes, 2 h, 16h30 or 16:30:00"
MOMENTS = "now, 18:00, 2026-01-06 18:00 or +2h"
_LONGEST = 60
_NUMBER = r"\d{1,12}(?:\.\d{1,6})?"
_SECONDS = re.compile(_NUMBER)
_PART = re.compile(rf"({_NUMBER})\s*([a-z]+)(?:\s*,)?\s*")
_HOURS_AND_MINUTES = re.compile(r"(\d{1,6})h([0-5]?\d)")
_CLOCK = re.compile(r"(\d{1,6}):([0-5]\d)(?::([0-5]\d(?:\.\d{1,6})?))?")
_AMBIGUOUS = re.compile(r"\+? ?(\d{1,6}):([0-5]\d)")
_UNITS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
    **dict.fromkeys(("y", "year", "years"), 31_536_000),
}


class TimeWordsError(ValueError):
    """A text is not a time; the message shows it with an example of a valid one."""


class _TooLongError(TimeWordsError):
    """A text is a span, but longer than any may be."""


def date_time(at: datetime) -> str:
    """Return date and time of day, such as ``2026-01-05 09:00:00``."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def moment_in_words(at: datetime) -> str:
    """Return a moment as the cockpit's sentences have it, such as ``2026-01-05 09:00:00 UTC``."""
    return f"{date_time(at)} UTC"


def read_span(text: str) -> timedelta:
    """Return the span of time that a text spells; raises TimeWordsError."""
    seconds = _span_seconds(_tidied(text, SPANS).removeprefix("+").strip())
    if seconds is None:
        raise _error(text, SPANS)
    if seconds > MOST_SECONDS:
        raise _TooLongError(f"'{cut(text, _LONGEST)}' is too long; expected at most ten years")
    return timedelta(seconds=seconds)


def read_moment(text: str, now: datetime) -> datetime:
    """Return the moment that a text spells; a time of day is the next one. Raises TimeWordsError."""
    words = _tidied(text, MOMENTS)
    if words in {"", "now"}:
        return now
    if words.startswith("+"):
        return later(now, read_span(words).total_seconds())
    found = _time_of_day(words, now) or _date(words)
    if found is None:
        raise _error(text, MOMENTS)
    return found


def read_jump(text: str, now: datetime, earliest: datetime, dues: Iterable[Due]) -> datetime:
    """Return the moment to which a text lets the clocks jump; raises TimeWordsError.

    Args:
        text: a span, or ``until`` and a moment, or ``until next`` and perhaps a word for what falls due.
        now: the time from which a span counts.
        earliest: the time of the clock that is behind; the jump may lead to a moment that has passed for the other.
        dues: what falls due, earliest first.
    """
    words = _tidied(text, JUMPS)
    aim = words.removeprefix("until").strip()
    if aim == "next" or aim.startswith("next "):
        return _next(aim.removeprefix("next").strip(), earliest, dues)
    if words == aim:
        return later(now, _span_of_jump(text).total_seconds())
    if not aim:
        raise _error(text, JUMPS)
    moment = read_moment(aim, now)
    if moment < earliest:
        raise TimeWordsError(f"{date_time(moment)} has passed: it is {date_time(earliest)}")
    return moment


def _span_of_jump(text: str) -> timedelta:
    if found := _AMBIGUOUS.fullmatch(_tidied(text, JUMPS)):
        hours, minutes = found.groups()
        raise TimeWordsError(
            f"'{cut(text, _LONGEST)}' may be a span or a time of day; write {hours}h{minutes} for a span, "
            f"until {hours}:{minutes} for a time of day"
        )
    try:
        return read_span(text)
    except _TooLongError:
        raise
    except TimeWordsError:
        raise _error(text, JUMPS) from None


def _next(word: str, earliest: datetime, dues: Iterable[Due]) -> datetime:
    coming = [due for due in dues if due.at >= earliest]
    found = next((due for due in coming if _is_called(due, word)), None)
    if found is None:
        known = sorted({due.kind for due in coming})
        expected = f"; expected {', '.join(f'until next {kind}' for kind in known)}" if known else ""
        raise TimeWordsError(f"{f'no {word}' if word else 'nothing'} falls due{expected}")
    return found.at


def _is_called(due: Due, word: str) -> bool:
    plain = word.replace("-", "")
    return plain in due.kind.replace("-", "") or plain in due.what.lower().replace("-", "")


def _tidied(text: str, expected: str) -> str:
    if len(text) > _LONGEST:
        raise _error(text, expected)
    return " ".join(text.lower().split())


def _span_seconds(words: str) -> float | None:
    if _SECONDS.fullmatch(words):
        return float(words)
    if found := _HOURS_AND_MINUTES.fullmatch(words):
        return int(found[1]) * 3_600 + int(found[2]) * 60
    found = _CLOCK.fullmatch(words)
    if found and found[3]:  # without seconds it may also be a time of day
        return int(found[1]) * 3_600 + int(found[2]) * 60 + float(found[3])
    return _sum_of_parts(words)


def _sum_of_parts(words: str) -> float | None:
    parts = list(_PART.finditer(words))
    whole = "".join(part[0] for part in parts) == words
    if not whole or not parts or any(part[2] not in _UNITS for part in parts):
        return None
    return sum(float(part[1]) * _UNITS[part[2]] for part in parts)


def _time_of_day(words: str, now: datetime) -> datetime | None:
    found = _CLOCK.fullmatch(words)
    if found is None or int(found[1]) > 23:  # noqa: PLR2004 - hours of a day
        return None
    time = timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=float(found[3] or 0))
    moment = now.replace(hour=0, minute=0, second=0, microsecond=0) + time
    return moment if moment >= now else moment + timedelta(days=1)


def _date(words: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(words.removesuffix(" utc").upper())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # an offset may lead out of the calendar
        return None


def _error(text: str, expected: str) -> TimeWordsError:
    return TimeWordsError(f"'{cut(text, _LONGEST)}' is no time; expected for example {expected}")
