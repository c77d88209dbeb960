"""Values as text: the forms that a client may write, and the one form that is stored."""

import re
from datetime import UTC, datetime, timedelta

import orjson

DATE_TIME = "%Y-%m-%d %H:%M:%S"
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - stored date-times carry no zone
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that no database stores: NUL, and halves of surrogate pairs."""
TRUE_WORDS = frozenset({"true", "1", "yes"})
SYS_ID_LENGTH = 32
_HEX = frozenset("0123456789abcdefABCDEF")
UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_CLOCK_DURATION = re.compile(r"(?:(\d{1,12}) )?(\d{1,4}):(\d{2}):(\d{2})")
_WORDS = re.compile(r"(\d{1,12}) (day|hour|minute|second)s?\b", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d++\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_BEYOND_INTEGERS = 2**63
_BEYOND_DECIMALS = 1e100  # databases reckon sums, and means with squares, that are finite up to there
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(?:\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?", re.ASCII)


def is_sys_id(text: str) -> bool:
    """Return whether the text has the form of a primary key."""
    return len(text) == SYS_ID_LENGTH and _HEX.issuperset(text)


def utc_form(moment: datetime) -> str:
    """Return a moment as the platform stores it: UTC, to the second, without a zone."""
    return str(moment)[:19]


def is_storable(text: str) -> bool:
    """Return whether a database can store the text: it has no character of `UNSTORABLE`."""
    return "\0" not in text if text.isascii() else not UNSTORABLE.search(text)


def parse_duration(text: str) -> str | None:
    """Return a duration as an offset from 1970-01-01, from that form, ``H:MM:SS`` or ``16 Hours 30 Minutes``.

    Returns:
        None if the text is none of the three.
    """
    moment = date_time(text)
    if moment is not None:
        return moment
    if clock := _CLOCK_DURATION.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return after_epoch(days * 86_400 + hours * 3_600 + minutes * 60 + seconds)
    words = _WORDS.findall(text)
    if not words or _WORDS.sub("", text).strip():
        return None
    return after_epoch(sum(int(amount) * UNITS[unit.lower()] for amount, unit in words))


def duration_seconds(stored: str) -> int:
    """Return the length of a stored duration in seconds."""
    return int((datetime.strptime(stored, DATE_TIME) - EPOCH).total_seconds())  # noqa: DTZ007 - offset from the epoch


def from_database(value: object) -> str:
    """Return a database value as the text that every reader gets."""
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.15g}" if isinstance(value, float) else str(value)


def after_epoch(seconds: int) -> str | None:
    """Return a duration as it is stored; None if it is longer than the calendar."""
    try:
        return utc_form(EPOCH + timedelta(seconds=seconds))
    except OverflowError:
        return None


def date_time(text: str) -> str | None:
    """Return a date-time as it is stored, from a date or an ISO form too; None if it is invalid.

    It is UTC unless it has an offset.
    """
    candidate = f"{text} 00:00:00" if _DATE.fullmatch(text) else text
    try:
        if not _ISO.fullmatch(candidate):
            return utc_form(datetime.strptime(candidate, DATE_TIME))  # noqa: DTZ007 - UTC by definition
        moment = datetime.fromisoformat(candidate)
        return utc_form(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment)
    except (OverflowError, ValueError):
        return None


def has_uncertain_form(text: str) -> bool:
    """Return whether no source says what the platform makes of a date-time: it has an offset, or lacks seconds."""
    form = _ISO.fullmatch(text)
    return form is not None and (form[1] is None or form[2] is not None)


def name_values(text: str) -> str:
    """Return name-value pairs as compact JSON of strings; other text stays as it is."""
    try:
        pairs = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(pairs, dict):
        return text
    return orjson.dumps({name: json_text(value) for name, value in pairs.items()}).decode()


def json_text(value: object) -> str:
    """Return a JSON value as the text that a column receives: ``true``, ``100``, nothing for null."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def boolean(text: str) -> str:
    """Return ``true`` for one of `TRUE_WORDS`, ``false`` for any other text."""
    return "true" if text.lower() in TRUE_WORDS else "false"


def date(text: str) -> str | None:
    """Return a date as it is stored; None if it is invalid."""
    moment = date_time(text)
    return moment and moment[:10]


def integer(text: str) -> str | None:
    """Return a whole number as it is stored; None if it is invalid or does not fit 64 bits."""
    number = int(text) if _INTEGER.fullmatch(text) else None
    return str(number) if number is not None and abs(number) < _BEYOND_INTEGERS else None


def whole_number(text: str) -> int:
    """Return the whole number in a text; 0 for any other text, and for one that does not fit 64 bits."""
    return int(integer(text) or 0)


def amount(stored: str) -> float:
    """Return the number of an amount such as ``USD;1234.5``; 0 for any other text, and for one too large to reckon."""
    return float(decimal(stored.partition(";")[2]) or 0)


def decimal(text: str) -> str | None:
    """Return a number as it is stored; None if it is invalid or too large."""
    number = float(text) if _DECIMAL.fullmatch(text) else None
    return from_database(number) if number is not None and abs(number) < _BEYOND_DECIMALS else None
