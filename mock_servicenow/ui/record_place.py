"""The place of a record in the list that its form was opened from: the way back, and the records beside it."""

from typing import Self
from urllib.parse import urlencode

from msgspec import Struct

from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.instance_gate import InstanceVisit
from mock_servicenow.ui.list_query import LAST_ROW, ROWS, ListUrl, row_number

LONGEST_QUERY = 500
"""Characters of a query that the links of a list carry, each of which repeats it."""


class RecordPlace(Struct, frozen=True):
    """A row of a list.

    Attributes:
        table: the list's; the record may be of a table that extends it.
        row: its number, from 1; 0 if the form was opened in another way.
    """

    table: str
    query: str = ""
    row: int = 0

    @classmethod
    def read(cls, visit: InstanceVisit, table: str) -> Self:
        """Return the place that an address names, as the links of a list do."""
        query, row = visit.query.get("sysparm_record_list", ""), visit.query.get("sysparm_record_row", "")
        if not row or len(query) > LONGEST_QUERY:
            return cls(table)
        return cls(visit.query.get("sysparm_record_target", table), query, row_number(row))

    def form(self, record: Record) -> str:
        """Return the address of the form of a record in this place."""
        place = {
            "sysparm_record_target": self.table if self.table != record.table else "",
            "sysparm_record_row": self.row or "",
            "sysparm_record_list": self.query,
        }
        given = {"sys_id": record.sys_id} | {name: value for name, value in place.items() if value}
        return f"/{record.table}.do?{urlencode(given)}"

    @property
    def back(self) -> str:
        """The address of the list's page that has the row."""
        first = (max(self.row, 1) - 1) // ROWS * ROWS + 1
        return str(ListUrl(self.table, self.query, first))

    def neighbours(self, session: Session, record: Record) -> tuple[str, str]:
        """Return the addresses of the forms before and after; empty where the list ends or no longer has the record."""
        if not self.row or session.dictionary.table(self.table) is None or not session.may("read", self.table):
            return "", ""
        query = session.newest_first(self.table, session.compiled(self.table, self.query))
        query, _ = session.counted(self.table, query, LAST_ROW + 1)
        first = max(self.row - 2, 1)  # a row before it may have been deleted since
        some = [each for part in session.parts(self.table, query, limit=5, offset=first - 1) for each in part]
        place = next((number for number, each in enumerate(some) if each.sys_id == record.sys_id), None)
        if place is None:
            return "", ""
        forms = {number: self._at(first + number).form(each) for number, each in enumerate(some)}
        last = first + place >= LAST_ROW
        return forms.get(place - 1, ""), "" if last else forms.get(place + 1, "")

    def _at(self, row: int) -> Self:
        return type(self)(self.table, self.query, row)
