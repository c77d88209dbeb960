"""Rows from files: YAML by table, or the JSON that the Table API prints; references may name their targets."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Any, NamedTuple

from mock_servicenow.now_platform.dictionary.access_records import ROLES
from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column, DictionaryError
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.located_files import FilePlace, is_xml, load_file, yaml_files
from mock_servicenow.now_platform.dictionary.values import is_storable, is_sys_id, json_text, utc_form
from privman_core.inputs import quoted
from privman_core.near_words import hint

Values = dict[str, str]
_CLASS, _PRINTED = "sys_class_name", "result"


class PlacedRow(NamedTuple):
    """A row, with its place in a user's file.

    Attributes:
        place: None if it ships.
        other_id: the sys_id that the file gives a record that is here under that of its values.
    """

    table: str
    values: Values
    place: FilePlace | None = None
    other_id: str = ""

    def error(self, message: str) -> DictionaryError:
        """Return an error about the row."""
        text = f"{_where(self.table, self.place)} {message}"
        return DictionaryError(text) if self.place is None else self.place.error(text)


def packaged_rows() -> Traversable:
    """Return the folder of the rows that every instance starts with."""
    return files("mock_servicenow.now_platform") / "data"


def packaged_roles(dictionary: Dictionary) -> frozenset[str]:
    """Return the names of roles that every instance has, or that rules of the tables name."""
    shipped = (row.values["name"] for row in read_rows(packaged_rows(), dictionary) if row.table == ROLES)
    return frozenset([*shipped, *(role for table in dictionary for rule in table.acls for role in rule.roles)])


def read_rows(source: Traversable, dictionary: Dictionary) -> Iterator[PlacedRow]:
    """Return the rows in a file, or in every YAML file of a folder, each with its table; an XML file has none.

    A file holds table names with lists of rows, or ``{"result": [...]}`` as the Table API prints it; the latter are of
    the table after which the file is named, if they have no ``sys_class_name``.

    Raises:
        DictionaryError: the message names file, line, table, row and column.
    """
    for file in yaml_files(source):
        if is_xml(file):
            continue
        for table, rows, place in _tables(file, dictionary):
            if not isinstance(rows, list):
                raise place.error(f"table '{table}' holds {_kind(rows)}; expected a list of rows")
            for index, row in enumerate(rows):
                there = place.at(index)
                if not isinstance(row, dict):
                    raise there.error(f"{_where(table, there)} is {row!r}; expected a mapping of columns")
                of_class = _class(dictionary, table, row, there)
                yield PlacedRow(of_class, _values(dictionary, of_class, row, there), there)


def _class(dictionary: Dictionary, table: str, row: Mapping[str, Any], place: FilePlace) -> str:
    """Return the table that a row names as its class, which is the table of the list or extends it."""
    if not dictionary.has_classes(table) or not (named := _class_name(row)):
        return table
    printed = place.path[0] == _PRINTED
    known = dictionary.family(dictionary.root(table) if printed else table)
    if named not in known:
        expected = f"'{known[0]}'" + (" or a table that extends it" if len(known) > 1 else "")
        near = hint(named, known, len(known))
        raise place.at(_CLASS).error(f"{_where(table, place)} has class '{named}'{near}; expected {expected}")
    return named


def _class_name(row: Mapping[str, Any]) -> str:
    """Return the class that a row names, as written if it is no name at all; empty if it names none."""
    named = row.get(_CLASS)
    try:
        return _text(named)
    except (TypeError, OverflowError):
        return quoted(named)


def _kind(value: object) -> str:
    """Return what a value is, in words; the value itself may be a password."""
    return {list: "a list", dict: "a mapping", type(None): "nothing"}.get(type(value), "a single value")


def _tables(file: Traversable, dictionary: Dictionary) -> Iterator[tuple[str, object, FilePlace]]:
    content, place = load_file(file)
    if not isinstance(content or {}, dict):
        raise place.error(f"holds {_kind(content)}; expected table names with lists of rows")
    for name, rows in (content or {}).items():
        printed, there = name == _PRINTED, place.at(str(name))
        table = _printed_table(file, rows) if printed else name
        if dictionary.table(table) is None:
            known = [each.name for each in dictionary]
            raise there.error(f"table '{table}'{hint(str(table), known, len(known))} is not defined")
        if dictionary.is_view(table):
            raise there.error(f"table '{table}' is a database view, which has no rows of its own")
        yield table, [rows] if printed and isinstance(rows, dict) else rows, there


def _printed_table(file: Traversable, rows: Any) -> str:  # noqa: ANN401 - YAML holds anything
    first = rows[0] if isinstance(rows, list) and rows else rows
    named = _class_name(first) if isinstance(first, dict) else ""
    return named or PurePath(file.name).stem


def _where(table: str, place: FilePlace | None) -> str:
    return f"table '{table}'" if place is None else f"table '{table}', row {int(place.path[-1]) + 1}"


def _values(dictionary: Dictionary, table: str, row: Mapping[str, Any], place: FilePlace) -> Values:
    where, columns = _where(table, place), dictionary.columns(table)
    for name in row:
        if not isinstance(name, str):
            raise place.error(f"{where} has key {quoted(name)}; expected the name of a column")
        if name not in columns and "." not in str(name):
            near = hint(str(name), columns, len(columns))
            raise place.at(str(name)).error(f"{where} has column '{name}'{near}, which is not defined")
    given = {name: value for name, value in row.items() if "." not in name and name != _CLASS}
    return {name: _stored(columns[name], value, where, place) for name, value in given.items()}


def _stored(column: Column, value: object, row: str, place: FilePlace) -> str:
    try:
        text = ",".join(map(_text, value)) if isinstance(value, list) and _is_list(column) else _text(value)
    except (TypeError, OverflowError):  # a moment outside of the calendar, or what JSON does not have
        text = None
    stored = column.to_stored(text) if text is not None and is_storable(text) else None
    if stored is None:
        where, shown = f"{row}, column '{column.name}'", quoted(value if text is None else text)
        raise place.at(column.name).error(f"{where} has {shown}; expected a value of type {column.type}")
    return stored


def _is_list(column: Column) -> bool:
    return column.family is Family.LIST


def _text(value: object) -> str:
    """Return a value as text; the Table API prints references as objects with a ``value``."""
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    if isinstance(value, datetime):  # what YAML makes of a date and time without quotes, in UTC
        return utc_form(value.astimezone(UTC) if value.tzinfo else value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if type(value) is int else json_text(value)  # JSON has no integers of any length


_MOST_COMPARED = 2_000
NAMES = ("user_name", "number", "name")
"""Columns by which people name a record, whether or not its table displays them."""


class Targets:
    """Rows by their names and display values; of several with the same name the first."""

    def __init__(self, dictionary: Dictionary, rows: Iterable[PlacedRow]) -> None:
        self._dictionary = dictionary
        self._referring: dict[str, list[Column]] = {}
        self._sys_ids: dict[str, dict[str, str]] = {}
        self._here: dict[str, str] = {}  # the sys_ids that records have, by other ones of files
        displayed = []
        for table, values, _, other_id in rows:
            self._here |= {other_id: values["sys_id"]} if other_id else {}
            names = self._sys_ids.setdefault(table, {})
            for name in ("sys_id", *NAMES):
                names.setdefault(values.get(name, ""), values["sys_id"])
            displayed.append((names, values.get(dictionary.display_column(table), ""), values["sys_id"]))
        for names, text, sys_id in displayed:
            names.setdefault(text, sys_id)

    def resolved(self, row: PlacedRow) -> Values:
        """Return a row with sys_ids in place of names in its references; raises DictionaryError for an unknown name.

        In rows as the Table API prints them unknown names stay.
        """
        given = ((column, row.values.get(column.name)) for column in self._columns_that_refer(row.table))
        found = {column.name: self._resolved(row, column, value) for column, value in given if value}
        return {**row.values, **found}

    def _columns_that_refer(self, table: str) -> list[Column]:
        known = self._referring.get(table)
        if known is None:
            columns = self._dictionary.columns(table).values()
            known = self._referring[table] = [column for column in columns if column.reference is not None]
        return known

    def _resolved(self, row: PlacedRow, column: Column, value: str) -> str:
        target = column.reference or ""
        if _is_list(column):
            return ",".join(self._sys_id(row, column, target, each.strip()) for each in value.split(","))
        return self._sys_id(row, column, target, value) if column.type == "reference" else value

    def _sys_id(self, row: PlacedRow, column: Column, target: str, value: str) -> str:
        if not value or is_sys_id(value):
            return self._here.get(value, value)
        known = [self._sys_ids.get(table, {}) for table in self._dictionary.family(target)]
        found = next((names[value] for names in known if value in names), None)
        if found is None and row.place is not None and row.place.path[0] != _PRINTED:
            names = [name for each in known for name in each if name and not is_sys_id(name)]
            near = hint(value, names, _MOST_COMPARED)
            expected = f"a sys_id, or the name of a record of '{target}' that ships or is in the files"
            where = f"{_where(row.table, row.place)}, column '{column.name}'"
            raise row.place.at(column.name).error(f"{where} refers to '{value}'{near}; expected {expected}")
        return found or value
