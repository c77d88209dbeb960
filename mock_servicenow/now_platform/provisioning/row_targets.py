"""Which row a reference means that is written as a name, in files of rows."""

from collections.abc import Iterable

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.records.intake import is_sys_id

Values = dict[str, str]
NAMES = ("user_name", "number", "name")
"""Columns by which people call a record, whether or not they are what its table displays."""


class Targets:
    """Rows by their names, and by what is displayed for them; of several that are called alike the first."""

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
        """Return a row with sys_ids for the names in its references; a name that no row has stays."""
        columns = self._dictionary.columns(table)
        return {name: self._resolved(columns[name], value) for name, value in values.items()}

    def _resolved(self, column: Column, value: str) -> str:
        if column.type != "reference" or column.reference is None or not value or is_sys_id(value):
            return value
        classes = self._dictionary.family(column.reference)
        return next((found for table in classes if (found := self._sys_ids.get((table, value)))), value)
