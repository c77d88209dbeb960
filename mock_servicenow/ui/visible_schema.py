"""The tables and columns that pages show."""

from dataclasses import dataclass
from http import HTTPStatus

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import SYSTEM_COLUMNS, Column
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.composite_values import pairs_in_one_line
from privman_core.cuts import cut
from privman_core.pages.site import PageError

MOST_COLUMNS = 7
LONGEST_CELL = 120
_SYSTEM = {column.name for column in SYSTEM_COLUMNS}
_LAST = "sys_created_on"


@dataclass(frozen=True, slots=True)
class VisibleTables:
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


def readable(session: Session, table: str) -> dict[str, Column]:
    """Return the columns that the user may see, in the dictionary's order, system columns last."""
    hidden = session.sight.hidden(table)
    columns = [column for name, column in session.dictionary.columns(table).items() if name not in hidden]
    columns.sort(key=lambda column: column.name in _SYSTEM)
    return {column.name: column for column in columns}


def listable(session: Session, table: str) -> dict[str, Column]:
    """Return the readable columns that a list can show: all except secrets and journals."""
    return {name: column for name, column in readable(session, table).items() if not column.family.concealed}


def chosen(session: Session, table: str, fields: tuple[str, ...]) -> list[Column]:
    """Return the columns of a list: ``fields``, or else the display column, a few others and the creation time."""
    columns = listable(session, table)
    named = [columns[name] for name in dict.fromkeys(fields) if name in columns]
    if named:
        return named
    display = session.dictionary.display_column(table)
    own = [name for name in columns if name not in _SYSTEM and name != display]
    usual = [*(name for name in (display,) if name in columns), *own[:MOST_COLUMNS], _LAST]
    return [columns[name] for name in dict.fromkeys(usual) if name in columns]


def cell_text(session: Session, record: Record, column: Column) -> str:
    """Return the text of a list's cell, shortened to `LONGEST_CELL`."""
    named = column.family is Family.PAIRS
    text = pairs_in_one_line(record[column.name]) if named else session.display(record, column.name)
    return cut(text, LONGEST_CELL)
