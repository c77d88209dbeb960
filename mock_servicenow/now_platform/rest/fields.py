"""The fields that an answer may have, worked out once for each table and list of names (platform 1.6)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from mock_servicenow.now_platform.column_types import JOURNAL_TYPES, PASSWORD_TYPES
from mock_servicenow.now_platform.dictionary import Column, Dictionary

Path = tuple[str, ...]
UNREADABLE_TYPES = JOURNAL_TYPES | PASSWORD_TYPES
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an answer.

    Attributes:
        key: its name in the answer.
        path: the way to it: references to follow, then the column.
        table: the one to which that way leads.
        column: what stands at its end.
    """

    key: str
    path: Path
    table: str
    column: Column


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of an answer.

    Attributes:
        unknown: the names that lead to no column.
        names: the keys in order.
        special: those whose value is not simply the column's text.
        tables: where the fields lead.
    """

    fields: tuple[Field, ...]
    unknown: tuple[str, ...]
    names: tuple[str, ...]
    special: tuple[Field, ...]
    tables: frozenset[str]

    def where(self, shown: Callable[[Field], bool]) -> "Fields":
        """Return those of the fields for which that is true."""
        return _fields(tuple(filter(shown, self.fields)), self.unknown)


class FieldLists:
    """The fields of every table of a dictionary."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.find = lru_cache(maxsize=_REMEMBERED)(partial(_find, dictionary))


def _find(dictionary: Dictionary, table: str, names: tuple[str, ...] | None) -> Fields:
    """Return the fields of a table with those names, dot-walked ones included; None for all its columns."""
    keys = tuple(dictionary.columns(table)) if names is None else names
    found = {key: _field(dictionary, table, key) for key in keys}
    fields = tuple(field for field in found.values() if field is not None)
    return _fields(fields, tuple(key for key, field in found.items() if field is None))


def _fields(fields: tuple[Field, ...], unknown: tuple[str, ...]) -> Fields:
    special = tuple(
        field
        for field in fields
        if len(field.path) > 1 or field.column.is_reference or field.column.type in UNREADABLE_TYPES
    )
    tables = frozenset(field.table for field in fields)
    return Fields(fields, unknown, tuple(field.key for field in fields), special, tables)


def _field(dictionary: Dictionary, start: str, key: str) -> Field | None:
    """Return the field at the end of a dot-walk; None if it leads nowhere."""
    table: str | None = start
    *references, name = path = tuple(key.split("."))
    for reference in references:
        column = None if table is None else dictionary.columns(table).get(reference)
        table = column.reference if column is not None and column.is_reference else None
    column = None if table is None else dictionary.columns(table).get(name)
    return None if table is None or column is None else Field(key, path, table, column)
