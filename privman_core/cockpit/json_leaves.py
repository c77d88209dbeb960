"""Finds the values of a JSON text, their locations, and their positions in the text."""

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from msgspec import Struct

LONGEST, MOST_LEAVES, DEEPEST = 200_000, 2_000, 40
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)
Location = tuple[str | int, ...]


class Leaf(Struct, frozen=True):
    """A value other than an object or an array; it is the text from ``start`` to ``end``."""

    value: str | float | bool | None
    start: int
    end: int

    def written(self, text: str) -> str:
        """Return the value as the text writes it."""
        return text[self.start : self.end]


def leaves(text: str) -> dict[Location, Leaf] | None:
    """Return the leaves by location: keys and indexes, then how many leaves with the same keys precede it.

    Returns None for a text that is not JSON, or that is larger or deeper than any message.
    """
    try:
        json.loads(text if len(text) <= LONGEST else "")
    except (ValueError, RecursionError):
        return None
    found: dict[Location, Leaf] = {}
    again: dict[Location, count[int]] = {}
    for location, leaf in _walk(text):
        if len(found) == MOST_LEAVES or len(location) > DEEPEST:
            return None
        found[(*location, next(again.setdefault(location, count())))] = leaf
    return found


def _walk(text: str) -> Iterator[tuple[Location, Leaf]]:
    """Yield each leaf of valid JSON; in a location an array has an index, an object a key."""
    where: list[Any] = []
    is_key = False
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in "{[":
            where.append("" if sign == "{" else 0)
            is_key = sign == "{"
        elif sign in "]}":
            where.pop()
        elif sign == ",":
            is_key = isinstance(where[-1], str)
            where[-1] = where[-1] if is_key else where[-1] + 1
        elif is_key and sign != ":":
            where[-1], is_key = json.loads(sign), False
        elif sign != ":":
            yield tuple(where), Leaf(json.loads(sign), *token.span())
