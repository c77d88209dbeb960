"""Rows from files: YAML by table, or the JSON that the Table API prints; references may name their targets."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Any

from mock_servicenow.now_platform.dictionary.definitions import Column, DictionaryError
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.table_files import load_yaml, yaml_files
from mock_servicenow.now_platform.dictionary.values import is_storable, json_text, utc_form
from mock_servicenow.now_platform.records.intake import is_sys_id

Values = dict[str, str]
Row = tuple[str, Values]


def packaged_rows() -> Traversable:
    """Return the folder of the rows that every instance starts with."""
    return files("mock_servicenow.now_platform") / "data"


def read_rows(source: Traversable, dictionary: Dictionary) -> Iterator[Row]:
    """Return the rows in a file, or in every YAML file of a folder, each with its table.

    A file holds table names with lists of rows, or ``{"result": [...]}`` as the Table API prints it; the rows of the
    latter belong to their ``sys_class_name``, else to the table after which the file is named.

    Raises:
        DictionaryError: the message names file, table, row and column.
    """
    for file in yaml_files(source):
        for table, rows in _tables(file, dictionary):
            if not isinstance(rows, list):
                raise DictionaryError(
                    f"{file.name}: table '{table}' holds {type(rows).__name__}; expected a list of rows"
                )
            for number, row in enumerate(rows, start=1):
                yield table, _values(dictionary, f"{file.name}: table '{table}', row {number}", table, row)


def _tables(file: Traversable, dictionary: Dictionary) -> Iterator[tuple[str, object]]:
    content = load_yaml(file) or {}
    if not isinstance(content, dict):
        raise DictionaryError(f"{file.name}: holds {type(content).__name__}; expected table names with lists of rows")
    for name, rows in content.items():
        printed = name == "result"
        table = _printed_table(file, rows) if printed else name
        if dictionary.table(table) is None:
            raise DictionaryError(f"{file.name}: table '{table}' is not defined")
        yield table, [rows] if printed and isinstance(rows, dict) else rows


def _printed_table(file: Traversable, rows: Any) -> str:  # noqa: ANN401 - YAML holds anything
    first = rows[0] if isinstance(rows, list) and rows else rows
    named = _text(first.get("sys_class_name")) if isinstance(first, dict) else ""
    return named or PurePath(file.name).stem


def _values(dictionary: Dictionary, where: str, table: str, row: object) -> dict[str, str]:
    if not isinstance(row, dict):
        raise DictionaryError(f"{where} is {row!r}; expected a mapping of columns")
    unknown = [name for name in row if name not in dictionary.columns(table) and "." not in str(name)]
    if unknown:
        raise DictionaryError(f"{where} has column '{unknown[0]}', which is not defined")
    columns = dictionary.columns(table)
    return {name: _stored(where, columns[name], _text(value)) for name, value in row.items() if "." not in name}


def _stored(where: str, column: Column, text: str) -> str:
    stored = column.to_stored(text) if is_storable(text) else None
    if stored is None:
        raise DictionaryError(f"{where}, column '{column.name}' has {text!r}; expected a value of type {column.type}")
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


NAMES = ("user_name", "number", "name")
"""Columns by which people name a record, whether or not its table displays them."""


class Targets:
    """Rows by their names and display values; of several with the same name the first."""

    def __init__(self, dictionary: Dictionary, rows: Iterable[tuple[str, Values]]) -> None:
        self._dictionary = dictionary
        self._sys_ids: dict[tuple[str, str], str] = {}
        displayed = []
        for table, values in rows:
            for name in NAMES:
                self._sys_ids.setdefault((table, values.get(name, "")), values["sys_id"])
            displayed.append((table, values.get(dictionary.display_column(table), ""), values["sys_id"]))
        for table, text, sys_id in displayed:
            self._sys_ids.setdefault((table, text), sys_id)

    def resolved(self, table: str, values: Values) -> Values:
        """Return a row with sys_ids in place of names in its references; unknown names stay."""
        columns = self._dictionary.columns(table)
        return {name: self._resolved(columns[name], value) for name, value in values.items()}

    def _resolved(self, column: Column, value: str) -> str:
        if column.type != "reference" or column.reference is None or not value or is_sys_id(value):
            return value
        classes = self._dictionary.family(column.reference)
        return next((found for table in classes if (found := self._sys_ids.get((table, value)))), value)
