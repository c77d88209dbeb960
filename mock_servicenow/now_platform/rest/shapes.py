"""Records as the Table API shapes them (platform 1.6)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_servicenow.now_platform import access
from mock_servicenow.now_platform.dictionary import JOURNAL_TYPES, PASSWORD_TYPES, Column
from mock_servicenow.now_platform.record import Record
from mock_servicenow.now_platform.rest.call import Call
from mock_servicenow.now_platform.rest.parameters import Parameters
from mock_servicenow.now_platform.rest.xml_text import Field, Result

if TYPE_CHECKING:
    from mock_servicenow.now_platform.session import Session

Path = tuple[str, ...]
_HIDDEN_TYPES = JOURNAL_TYPES | PASSWORD_TYPES
_LISTED = ("glide_list",)


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of the answer: its key, the way to it, and the column at the end of that way."""

    key: str
    path: Path
    column: Column


class Shapes:
    """Shapes the records of one answer.

    Args:
        table: the one that the call names.
    """

    def __init__(self, session: "Session", call: Call, parameters: Parameters, table: str) -> None:
        self._session = session
        self._parameters = parameters
        self._links = f"{session.instance.url}{call.prefix}/table"
        self._table = table
        self._asked = list(self._fields(call))
        self._plain = parameters.display == "false"

    def results(self, records: list[Record]) -> list[Result]:
        """Return the records with the fields asked for."""
        self._session.references.prefetch(records, self._needed_paths())
        return [self.result(record) for record in records]

    def result(self, record: Record) -> Result:
        """Return one record with the fields asked for."""
        return {asked.key: self._field(record, asked) for asked in self._asked}

    def _field(self, record: Record, asked: Asked) -> Field:
        name = asked.key
        if len(asked.path) > 1:
            end = self._session.references.walk(record, asked.path)
            if end is None:
                return self._shape("", "", asked.column)
            record, name = end
        column = asked.column
        value = "" if column.type in _HIDDEN_TYPES else record.values[name]
        if self._plain:
            return value if not value or not column.is_reference else self._shape(value, value, column)
        return self._shape(value, self._session.display(record, name), column)

    def _shape(self, value: str, display: str, column: Column) -> Field:
        linked = column.is_reference and bool(value) and not self._parameters.exclude_reference_link
        link = {"link": f"{self._links}/{column.reference}/{value}"} if linked else {}
        if self._parameters.display == "all":
            return {"display_value": display, **link, "value": value}
        if self._plain:
            return {**link, "value": value} if linked else value
        return {"display_value": display, **link} if linked else display

    def _fields(self, call: Call) -> Iterable[Asked]:
        columns = self._session.dictionary.columns(self._table)
        hidden = access.hidden_columns(self._session, self._table) if self._session.secure else frozenset()
        for key in self._names(call) or columns:
            column = self._column(key)
            if column is None:
                call.swallowed("field-ignored", f"{self._table} has no field '{key}': left out", "sysparm_fields")
            elif key not in hidden:
                yield Asked(key, tuple(key.split(".")), column)

    def _names(self, call: Call) -> tuple[str, ...] | None:
        if self._parameters.fields is not None or not self._parameters.view:
            return self._parameters.fields
        return self._view(call)

    def _view(self, call: Call) -> tuple[str, ...] | None:
        """Return the columns of a view, of the nearest class that has one; None if there is none."""
        session, view = self._session, self._parameters.view
        for table in session.dictionary.lineage(self._table):
            elements = session.elevated.find_all("sys_ui_list_element", name=table, view=view)
            if elements:
                return tuple(element["element"] for element in elements)
        call.swallowed("view-ignored", f"{self._table} has no view '{view}': every column was returned", "sysparm_view")
        return None

    def _column(self, key: str) -> Column | None:
        """Return the column at the end of a dot-walk."""
        table: str | None = self._table
        *references, name = key.split(".")
        for reference in references:
            column = None if table is None else self._session.dictionary.columns(table).get(reference)
            table = column.reference if column is not None and column.is_reference else None
        return None if table is None else self._session.dictionary.columns(table).get(name)

    def _needed_paths(self) -> list[Path]:
        """Return the references to follow for the fields asked for."""
        if self._plain:
            return [asked.path[:-1] for asked in self._asked if len(asked.path) > 1]
        return [asked.path for asked in self._asked if len(asked.path) > 1 or asked.column.reference is not None]
