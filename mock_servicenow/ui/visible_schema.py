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
from privman_core.inputs import visible_lines
from privman_core.pages.site import PageError

_NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL, Family.CURRENCY})


class VisibleTables(Struct, frozen=True):
    """Every table of an instance except those that no page may show.

    Attributes:
        hidden: names of the exceptions.
    """

    instance: Instance
    hidden: frozenset[str]

    def check(self, name: str) -> str:
        """Return the name; raises PageError if no page shows such a table."""
        if not self.shows(name):
            raise PageError(HTTPStatus.NOT_FOUND, "Page not found", f"Table '{name}' does not exist")
        return name

    def shows(self, name: str) -> bool:
        """Return whether pages show that table."""
        return name not in self.hidden and self.instance.dictionary.table(name) is not None


def column_text(session: Session, record: Record, column: Column, longest: int) -> str:
    """Return the value of a column, cut, as lists and read-only fields show it: no control turns its direction."""
    is_pairs = column.family is Family.PAIRS
    text = pairs_in_one_line(record[column.name]) if is_pairs else session.display(record, column.name)
    return visible_lines(cut(text, longest))


def time_zone(session: Session) -> str:
    """Return the time zone of the times on a page, with its present offset."""
    now = session.kernel.clock.now().astimezone(session.formats.zone)
    return f"{session.formats.zone} (UTC{now.isoformat()[-6:]})"


def label(session: Session, name: str) -> str:
    """Return the label of a table."""
    table = session.dictionary.table(name)
    return name if table is None else table.label


def is_number(column: Column) -> bool:
    """Return whether the values of a column are aligned to the right; those of a choice are words."""
    return column.family in _NUMBERS and not column.choices
