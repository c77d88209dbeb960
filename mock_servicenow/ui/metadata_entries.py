"""The metadata of an approval request: its chief entries first, the others on demand."""

from collections.abc import Sequence
from itertools import islice

import orjson
from msgspec import Struct

from mock_servicenow.now_platform.dictionary.values import json_text
from privman_core.cuts import cut
from privman_core.inputs import visible_lines

MOST_ENTRIES = 1_000
"""Entries that a form shows."""
_FIRST = 3
_MOST_IN_CELL, _LONGEST_IN_CELL = 2, 80
_MOST_IN_PREVIEW, _LONGEST_IN_PREVIEW = 20, 400
Entry = tuple[str, str]


class MetadataColumn(Struct, frozen=True):
    """The column that has the metadata.

    Attributes:
        place: its table and its name.
        chief: the keys of the chief entries, in their order.
    """

    place: tuple[str, str]
    chief: Sequence[str]


class Metadata(Struct, frozen=True):
    """The entries of one request, each a key with its text.

    Attributes:
        chief: those that say who wants what and why; if it has none of these, the first ones.
        others: the rest, up to `MOST_ENTRIES` in all.
        left_out: how many more it has.
    """

    chief: Sequence[Entry]
    others: Sequence[Entry]
    left_out: int

    def in_cell(self) -> list[Entry]:
        """Return the first chief entries, shortened for the cell of a list."""
        return _shortened(self.chief[:_MOST_IN_CELL], _LONGEST_IN_CELL)

    def in_preview(self) -> list[Entry]:
        """Return the chief entries and some others, shortened."""
        return _shortened([*self.chief, *self.others][:_MOST_IN_PREVIEW], _LONGEST_IN_PREVIEW)


def read_metadata(text: str, chief: Sequence[str]) -> Metadata | None:
    """Return the entries of a JSON object; None for other text.

    Args:
        text: as stored.
        chief: the keys of the chief entries, in their order.
    """
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not found:
        return None
    first = [key for key in chief if key in found] or list(islice(found, _FIRST))
    others = [key for key in found if key not in set(first)]
    shown = others[: MOST_ENTRIES - len(first)]
    return Metadata(_texts(found, first), _texts(found, shown), len(others) - len(shown))


def _shortened(entries: Sequence[Entry], longest: int) -> list[Entry]:
    return [(cut(key, longest), cut(text, longest)) for key, text in entries]


def _texts(found: dict[str, object], keys: Sequence[str]) -> list[Entry]:
    return [(visible_lines(key), visible_lines(json_text(found[key]))) for key in keys]
