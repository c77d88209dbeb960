"""Dates and times as a user reads and writes them: on the wall clock of a time zone, in a format (platform 1.7)."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from mock_servicenow.now_platform.dictionary.values import DATE_TIME

DATE = "%Y-%m-%d"
LONGEST_PATTERN = 100
"""Characters; a longer pattern, which each date would be as long as, counts as none."""
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


@dataclass(frozen=True, slots=True)
class Formats:
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
