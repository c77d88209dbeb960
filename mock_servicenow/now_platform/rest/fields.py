"""The fields that an answer may have, worked out once for each table and list of names (platform 1.6)."""

from dataclasses import dataclass
from functools import lru_cache, partial

from mock_servicenow.now_platform.dictionary import JOURNAL_TYPES, PASSWORD_TYPES, Column, Dictionary

Path = tuple[str, ...]
UNREADABLE_TYPES = JOURNAL_TYPES | PASSWORD_TYPES
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an answer.

    Attributes:
        key: its name in the answer.
        path: the way to it: references to follow, then the column.
        column: what stands at the end of that way.
    """

    key: str
    path: Path
    column: Column


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of an answer.

    Attributes:
        unknown: the names that lead to no column.
        names: the keys in order.
        special: the positions whose value is not simply the column's text.
    """

    fields: tuple[Field, ...]
    unknown: tuple[str, ...]
    names: tuple[str, ...]
    special: tuple[Field, ...]

    def without(self, hidden: frozenset[str]) -> "Fields":
        """Return the fields less those that are hidden."""
        return _fields(tuple(field for field in self.fields if field.key not in hidden), self.unknown)


class FieldLists:
    """The fields of every table of a dictionary."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.find = lru_cache(maxsize=_REMEMBERED)(partial(_find, dictionary))


def _find(dictionary: Dictionary, table: str, names: tuple[str, ...] | None) -> Fields:
    """Return the fields of a table with those names, dot-walked ones included; None for all its columns."""
    keys = tuple(dictionary.columns(table)) if names is None else names
    found = [(key, tuple(key.split(".")), _column(dictionary, table, key)) for key in keys]
    fields = tuple(Field(key, path, column) for key, path, column in found if column is not None)
    return _fields(fields, tuple(key for key, _, column in found if column is None))


def _fields(fields: tuple[Field, ...], unknown: tuple[str, ...]) -> Fields:
    special = tuple(
        field
        for field in fields
        if len(field.path) > 1 or field.column.is_reference or field.column.type in UNREADABLE_TYPES
    )
    return Fields(fields, unknown, tuple(field.key for field in fields), special)


def _column(dictionary: Dictionary, start: str, key: str) -> Column | None:
    """Return the column at the end of a dot-walk."""
    table: str | None = start
    *references, name = key.split(".")
    for reference in references:
        column = None if table is None else dictionary.columns(table).get(reference)
        table = column.reference if column is not None and column.is_reference else None
    return None if table is None else dictionary.columns(table).get(name)
