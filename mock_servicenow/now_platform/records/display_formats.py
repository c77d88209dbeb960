"""Dates, amounts and durations as people read and write them."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.values import DATE_TIME, UNITS

DATE = "%Y-%m-%d"
LONGEST_PATTERN = 100
"""Characters; a longer pattern, which each date would be as long as, counts as none."""
CURRENCY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_CODES = {sign: code for code, sign in CURRENCY_SIGNS.items()}
_AMOUNT = re.compile(r"(?P<sign>[$€£¥]|[A-Z]{3}(?= )) ?(?P<number>-?[\d,]*\d(?:\.\d+)?)", re.ASCII)
# The patterns of the platform's properties, by their letters.
_LETTERS = {
    "yyyy": "%Y",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "hh": "%I",
    "mm": "%M",
    "ss": "%S",
    "a": "%p",
}


class Formats(Struct, frozen=True):
    """How one user reads dates and times.

    Attributes:
        zone: the time zone.
        date_pattern: such as ``yyyy-MM-dd``.
        time_pattern: such as ``HH:mm:ss``.
    """

    zone: tzinfo
    date_pattern: str
    time_pattern: str

    def date_time(self, stored: str) -> str:
        """Return a stored date-time as it is displayed; one at the calendar's edge as it is."""
        try:
            moment = datetime.fromisoformat(stored).replace(tzinfo=UTC).astimezone(self.zone)
        except OverflowError:
            return stored
        return moment.strftime(self._date_time_format)

    def date(self, stored: str) -> str:
        """Return a stored date as it is displayed."""
        return datetime.fromisoformat(stored).strftime(_format(self.date_pattern))

    def to_utc(self, displayed: str) -> str:
        """Return the stored form of a displayed date-time; other text as it is."""
        try:
            moment = datetime.strptime(displayed, self._date_time_format).replace(tzinfo=self.zone)
            return moment.astimezone(UTC).strftime(DATE_TIME)
        except (ValueError, OverflowError):
            return displayed

    def to_date(self, displayed: str) -> str:
        """Return the stored form of a displayed date; other text as it is."""
        try:
            return datetime.strptime(displayed, _format(self.date_pattern)).strftime(DATE)  # noqa: DTZ007
        except ValueError:
            return displayed

    @property
    def _date_time_format(self) -> str:
        return _format(f"{self.date_pattern} {self.time_pattern}")


def first_usable(*patterns: str) -> str:
    """Return the first pattern that is neither empty nor too long."""
    return next(pattern for pattern in patterns if 0 < len(pattern) <= LONGEST_PATTERN)


@lru_cache(maxsize=64)
def _format(pattern: str) -> str:
    for letters, directive in _LETTERS.items():
        pattern = pattern.replace(letters, directive)
    return pattern


def currency(stored: str) -> str:
    """Return an amount such as ``USD;1234.5`` with its sign: ``$1,234.50``; other text as it is."""
    code, separator, amount = stored.partition(";")
    try:
        number = f"{float(amount):,.2f}"
    except ValueError:
        return stored
    return f"{CURRENCY_SIGNS.get(code, f'{code} ')}{number}" if separator else stored


def parse_currency(displayed: str) -> str:
    """Return the stored form of an amount written with its sign or code: ``USD;1234.50``; other text as it is."""
    amount = _AMOUNT.fullmatch(displayed)
    if amount is None:
        return displayed
    return f"{_CODES.get(amount['sign'], amount['sign'])};{amount['number'].replace(',', '')}"


def duration_words(seconds: int) -> str:
    """Return a duration in words: ``16 Hours 30 Minutes``, ``0 Seconds``."""
    words = list(_words(seconds))
    return " ".join(words) or "0 Seconds"


def _words(seconds: int) -> Iterable[str]:
    for unit, size in UNITS.items():
        amount, seconds = divmod(seconds, size)
        if amount:
            yield f"{amount} {unit.title()}{'s' * (amount != 1)}"
