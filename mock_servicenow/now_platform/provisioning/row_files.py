"""Rows from files: YAML by table, or the JSON that the Table API prints; references may name their targets."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Any, NamedTuple

from mock_servicenow.now_platform.dictionary.definitions import Column, DictionaryError
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.located_files import FilePlace, load_file, yaml_files
from mock_servicenow.now_platform.dictionary.values import is_storable, json_text, utc_form
from mock_servicenow.now_platform.records.intake import is_sys_id
from privman_core.near_words import hint

Values = dict[str, str]


class PlacedRow(NamedTuple):
    """A row, with its place in a user's file; None if it ships."""

    table: str
    values: Values
    place: FilePlace | None = None

    def error(self, message: str) -> DictionaryError:
        """Return an error about the row."""
        text = f"{_where(self.table, self.place)} {message}"
        return DictionaryError(text) if self.place is None else self.place.error(text)


def packaged_rows() -> Traversable:
    """Return the folder of the rows that every instance starts with."""
    return files("mock_servicenow.now_platform") / "data"


def read_rows(source: Traversable, dictionary: Dictionary) -> Iterator[PlacedRow]:
    """Return the rows in a file, or in every YAML file of a folder, each with its table.

    A file holds table names with lists of rows, or ``{"result": [...]}`` as the Table API prints it; the rows of the
    latter belong to their ``sys_class_name``, else to the table after which the file is named.

    Raises:
        DictionaryError: the message names file, line, table, row and column.
    """
    for file in yaml_files(source):
        for table, rows, place in _tables(file, dictionary):
            if not isinstance(rows, list):
                raise place.error(f"table '{table}' holds {_kind(rows)}; expected a list of rows")
            for index, row in enumerate(rows):
                there = place.at(index)
                yield PlacedRow(table, _values(dictionary, table, row, there), there)


def _kind(value: object) -> str:
    """Return what a value is, in words; the value itself may be a password."""
    return {list: "a list", dict: "a mapping", type(None): "nothing"}.get(type(value), "a single value")


def _tables(file: Traversable, dictionary: Dictionary) -> Iterator[tuple[str, object, FilePlace]]:
    content, place = load_file(file)
    if not isinstance(content or {}, dict):
        raise place.error(f"holds {_kind(content)}; expected table names with lists of rows")
    for name, rows in (content or {}).items():
        printed, there = name == "result", place.at(str(name))
        table = _printed_table(file, rows) if printed else name
        if dictionary.table(table) is None:
            known = [each.name for each in dictionary]
            raise there.error(f"table '{table}'{hint(str(table), known, len(known))} is not defined")
        yield table, [rows] if printed and isinstance(rows, dict) else rows, there


def _printed_table(file: Traversable, rows: Any) -> str:  # noqa: ANN401 - YAML holds anything
    first = rows[0] if isinstance(rows, list) and rows else rows
    named = _text(first.get("sys_class_name")) if isinstance(first, dict) else ""
    return named or PurePath(file.name).stem


def _where(table: str, place: FilePlace | None) -> str:
    return f"table '{table}'" if place is None else f"table '{table}', row {int(place.path[-1]) + 1}"


def _values(dictionary: Dictionary, table: str, row: object, place: FilePlace) -> Values:
    where, columns = _where(table, place), dictionary.columns(table)
    if not isinstance(row, dict):
        raise place.error(f"{where} is {row!r}; expected a mapping of columns")
    for name in row:
        if name not in columns and "." not in str(name):
            near = hint(str(name), columns, len(columns))
            raise place.at(str(name)).error(f"{where} has column '{name}'{near}, which is not defined")
    return {name: _stored(columns[name], _text(value), where, place) for name, value in row.items() if "." not in name}


def _stored(column: Column, text: str, row: str, place: FilePlace) -> str:
    stored = column.to_stored(text) if is_storable(text) else None
    if stored is None:
        where = f"{row}, column '{column.name}'"
        raise place.at(column.name).error(f"{where} has {text!r}; expected a value of type {column.type}")
    return stored


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
        self._sys_ids: dict[str, dict[str, str]] = {}
        displayed = []
        for table, values, _ in rows:
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
        columns = self._dictionary.columns(row.table)
        return {name: self._resolved(row, columns[name], value) for name, value in row.values.items()}

    def _resolved(self, row: PlacedRow, column: Column, value: str) -> str:
        if column.type != "reference" or column.reference is None or not value or is_sys_id(value):
            return value
        known = [self._sys_ids.get(table, {}) for table in self._dictionary.family(column.reference)]
        found = next((names[value] for names in known if value in names), None)
        if found is None and row.place is not None and row.place.path[0] != "result":
            names = [name for each in known for name in each if name and not is_sys_id(name)]
            near = hint(value, names, _MOST_COMPARED)
            expected = f"a sys_id, or the name of a record of '{column.reference}' that ships or is in the files"
            where = f"{_where(row.table, row.place)}, column '{column.name}'"
            raise row.place.at(column.name).error(f"{where} refers to '{value}'{near}; expected {expected}")
        return found or value
