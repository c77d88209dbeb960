"""The tables that pages show, and the text of their cells."""

from http import HTTPStatus

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.composite_values import pairs_in_one_line
from privman_core.cuts import cut
from privman_core.pages.site import PageError

LONGEST_CELL = 120


class VisibleTables(Struct, frozen=True):
    """Every table of an instance except those that no page may show.

    Attributes:
        hidden: names of the exceptions.
    """

    instance: Instance
    hidden: frozenset[str]

    def check(self, name: str) -> str:
        """Return the name; raises PageError if no page shows such a table."""
        if name in self.hidden or self.instance.dictionary.table(name) is None:
            raise PageError(HTTPStatus.NOT_FOUND, "Page not found", f"Table '{name}' does not exist")
        return name


def cell_text(session: Session, record: Record, column: Column) -> str:
    """Return the text of a list's cell, shortened to `LONGEST_CELL`."""
    named = column.family is Family.PAIRS
    text = pairs_in_one_line(record[column.name]) if named else session.display(record, column.name)
    return cut(text, LONGEST_CELL)
