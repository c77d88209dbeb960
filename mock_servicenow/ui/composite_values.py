"""Values that a form edits in several controls: durations, and name-value pairs whose secrets stay masked."""

import re
from collections.abc import Iterable, Sequence

import orjson
from msgspec import Struct

from mock_servicenow.now_platform.dictionary.values import duration_seconds
from mock_servicenow.now_platform.records.display import PASSWORD_MASK
from privman_core.inputs import quoted
from privman_core.natural_numbers import natural_number

UNITS = ("hours", "minutes", "seconds")
_MOST = (9_999, 59, 59)
_SECRET = re.compile(r"password|secret|token$|api.?key", re.IGNORECASE)


class FieldError(Exception):
    """Raised for a value that cannot be stored; the form shows the message beside its field."""


def split_duration(stored: str) -> tuple[str, ...]:
    """Return a stored duration as hours, minutes and seconds; empty texts if there is none."""
    if not stored:
        return ("", "", "")
    minutes, seconds = divmod(duration_seconds(stored), 60)
    hours, minutes = divmod(minutes, 60)
    return (str(hours), f"{minutes:02}", f"{seconds:02}")


def join_duration(parts: Sequence[str]) -> str:
    """Return ``H:MM:SS`` from hours, minutes and seconds, empty if all three are.

    Raises FieldError that names each invalid one.
    """
    texts = [part.strip() for part in parts]
    if not any(texts):
        return ""
    numbers = [_number(text, most) for text, most in zip(texts, _MOST, strict=True)]
    wrong = [
        f"invalid {unit} {quoted(text)}: expected a whole number from 0 to {most:,}"
        for unit, text, most, number in zip(UNITS, texts, _MOST, numbers, strict=True)
        if number is None
    ]
    if wrong:
        raise FieldError("; ".join(wrong))
    hours, minutes, seconds = (number or 0 for number in numbers)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _number(text: str, most: int) -> int | None:
    """Return the number that a text spells, 0 for an empty text; None for any other text."""
    number = natural_number(text) if text else 0
    return None if number is None or number > most else number


class Pair(Struct, frozen=True):
    """One name-value pair."""

    name: str
    value: str

    @property
    def secret(self) -> bool:
        """Whether pages mask the value."""
        return _SECRET.search(self.name) is not None

    @property
    def shown(self) -> str:
        """The value as pages show it."""
        return PASSWORD_MASK if self.secret and self.value else self.value


def read_pairs(text: str) -> list[Pair] | None:
    """Return the pairs of a stored value; None if the text is not a JSON object."""
    try:
        pairs = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return None
    return [Pair(name, str(value)) for name, value in pairs.items()] if isinstance(pairs, dict) else None


def write_pairs(pairs: Iterable[Pair], before: Iterable[Pair]) -> str:
    """Return the stored form; a secret that is posted masked keeps the value it had before."""
    kept = {pair.name: pair.value for pair in before if pair.secret}
    written = {
        pair.name: kept.get(pair.name, pair.value) if pair.value == PASSWORD_MASK else pair.value for pair in pairs
    }
    return orjson.dumps(written).decode()


def pairs_in_one_line(text: str) -> str:
    """Return a stored value as a list shows it."""
    pairs = read_pairs(text)
    if pairs is None:
        return "(not name-value pairs)"
    return ", ".join(f"{pair.name}: {pair.shown}" for pair in pairs)
