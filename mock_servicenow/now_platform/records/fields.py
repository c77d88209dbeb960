"""The fields that an answer may have, worked out once for each table and list of names."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.query.scope import MAX_STEPS
from privman_core.sized_cache import SizedCache

Path = tuple[str, ...]
_Asked = tuple[str, tuple[str, ...]]
_REMEMBERED, _PER_FIELD = 4 * 1024 * 1024, 500  # bytes


class Field(Struct, frozen=True):
    """One field of an answer.

    Attributes:
        key: its name in the answer.
        path: the way to it: references to follow, then the column.
        table: the one to which that way leads.
        column: the column at its end.
    """

    key: str
    path: Path
    table: str
    column: Column


class Fields(Struct, frozen=True):
    """The fields of an answer.

    Attributes:
        unknown: the names that lead to no column.
        names: the keys in order.
        whole: whether they are all columns of a table, in its order.
        unreadable: the keys of journals and passwords, each with an empty text: their raw values are never shown.
        references: the keys of reference columns, each with the table that it refers to.
        walked: the fields at the end of a dot-walk.
        tables: the tables to which the fields lead.
    """

    fields: tuple[Field, ...]
    unknown: tuple[str, ...]
    names: tuple[str, ...]
    whole: bool
    unreadable: Mapping[str, str]
    references: tuple[tuple[str, str], ...]
    walked: tuple[Field, ...]
    tables: frozenset[str]

    def where(self, shown: Callable[[Field], bool]) -> "Fields":
        """Return the fields that a test accepts."""
        return _fields(tuple(filter(shown, self.fields)), self.unknown)


class FieldLists:
    """The fields of every table of a dictionary, each list worked out once."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._whole: dict[str, Fields] = {}
        self._remembered = SizedCache[_Asked, Fields](_REMEMBERED, _bytes)

    def find(self, table: str, names: tuple[str, ...] | None) -> Fields:
        """Return the fields of a table with those names, dot-walked ones included; None for all its columns."""
        if names is not None:
            return self._remembered.made((table, names), lambda: _find(self._dictionary, table, names))
        if table not in self._whole:
            self._whole[table] = _find(self._dictionary, table, None)
        return self._whole[table]


def _bytes(asked: _Asked, found: Fields) -> int:
    names = asked[1]
    return sum(map(len, names)) + _PER_FIELD * (len(names) + len(found.fields))


def _find(dictionary: Dictionary, table: str, names: tuple[str, ...] | None) -> Fields:
    keys = tuple(dictionary.columns(table)) if names is None else names
    found = {key: _field(dictionary, table, key) for key in keys}
    fields = tuple(field for field in found.values() if field is not None)
    unknown = tuple(key for key, field in found.items() if field is None)
    return _fields(fields, unknown, whole=names is None)


def _fields(fields: tuple[Field, ...], unknown: tuple[str, ...], *, whole: bool = False) -> Fields:
    direct = [field for field in fields if len(field.path) == 1]
    return Fields(
        fields,
        unknown,
        names=tuple(field.key for field in fields),
        whole=whole,
        unreadable={field.key: "" for field in direct if field.column.family.concealed},
        references=tuple((field.key, field.column.reference or "") for field in direct if field.column.is_reference),
        walked=tuple(field for field in fields if len(field.path) > 1),
        tables=frozenset(field.table for field in fields),
    )


def _field(dictionary: Dictionary, start: str, key: str) -> Field | None:
    """Return the field at the end of a dot-walk; None if it leads nowhere."""
    table: str | None = start
    if key.count(".") > MAX_STEPS:
        return None
    *references, name = path = tuple(key.split("."))
    for reference in references:
        column = None if table is None else dictionary.columns(table).get(reference)
        table = column.reference if column is not None and column.is_reference else None
    column = None if table is None else dictionary.columns(table).get(name)
    return None if table is None or column is None else Field(key, path, table, column)
