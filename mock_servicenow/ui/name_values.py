"""Name-value columns as people see them: rows, with the values of secrets masked (platform 1.7)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from mock_servicenow.now_platform.records.display import PASSWORD_MASK

_SECRET = re.compile(r"password|secret|token$|api.?key", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pair:
    """One row."""

    name: str
    value: str

    @property
    def secret(self) -> bool:
        """Whether the value must not be seen."""
        return _SECRET.search(self.name) is not None

    @property
    def shown(self) -> str:
        """What a page may show of the value."""
        return PASSWORD_MASK if self.secret and self.value else self.value


def read_pairs(text: str) -> list[Pair] | None:
    """Return the rows of a stored value; None where the text holds none."""
    try:
        pairs = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return None
    return [Pair(name, str(value)) for name, value in pairs.items()] if isinstance(pairs, dict) else None


def write_pairs(pairs: Iterable[Pair], before: Iterable[Pair]) -> str:
    """Return the stored form; a secret that comes back masked keeps the value it had before."""
    kept = {pair.name: pair.value for pair in before if pair.secret}
    written = {
        pair.name: kept.get(pair.name, pair.value) if pair.value == PASSWORD_MASK else pair.value for pair in pairs
    }
    return orjson.dumps(written).decode()


def in_one_line(text: str) -> str:
    """Return a stored value for a list."""
    pairs = read_pairs(text)
    if pairs is None:
        return "(no name-value pairs)"
    return ", ".join(f"{pair.name}: {pair.shown}" for pair in pairs)
