"""The address of a list page: table, query, first row and columns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from multidict import MultiMapping

from mock_servicenow.ui.list_query import ListQuery

# Reaching a row means to pass all before it.
LAST_ROW = 10_000


@dataclass(frozen=True, slots=True)
class ListUrl:
    """Where a list page is.

    Attributes:
        first: the number of the first row, from 1.
        fields: the columns chosen; none for those that the page chooses.
    """

    table: str
    query: str = ""
    first: int = 1
    fields: tuple[str, ...] = ()

    @classmethod
    def read(cls, table: str, parameters: MultiMapping[str]) -> Self:
        """Return what the parameters of a URL say; what cannot be understood counts as left out."""
        fields = ",".join(parameters.getall("sysparm_fields", []))
        return cls(
            table,
            parameters.get("sysparm_query", ""),
            _row(parameters.get("sysparm_first_row", "")),
            tuple(field for field in fields.split(",") if field),
        )

    def __str__(self) -> str:
        parameters: Mapping[str, object] = {
            "sysparm_query": self.query,
            "sysparm_first_row": self.first if self.first > 1 else "",
            "sysparm_fields": ",".join(self.fields),
        }
        given = urlencode({name: value for name, value in parameters.items() if value})
        return f"/{self.table}_list.do?{given}" if given else f"/{self.table}_list.do"

    def at(self, first: int) -> str:
        """Return the address of another page of the same list."""
        return str(replace(self, first=first))

    def asking(self, query: str) -> str:
        """Return the address of the first page of another query."""
        return str(replace(self, query=query, first=1))

    def sorted_by(self, column: str) -> str:
        """Return the address of the list sorted by a column."""
        return self.asking(ListQuery(self.query).sorted_by(column))


def _row(text: str) -> int:
    number = int(text[:12]) if text.isascii() and text.isdecimal() else 1
    return min(max(number, 1), LAST_ROW)
