"""The state of a list page: its address, its encoded query as breadcrumbs, and its number of rows."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Self
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace
from multidict import MultiMapping

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.query.syntax import Condition
from mock_servicenow.now_platform.records.session import Session
from privman_core.inputs import visible_lines
from privman_core.natural_numbers import natural_number

ROWS = 20
"""Rows on a page of a list."""
LAST_ROW = 10_000
"""The last row that a page shows: the database reads all rows before it, and counts at most one more."""
_NEWEST_FIRST = "ORDERBYDESCsys_created_on"
MOST_CRUMBS, LONGEST_CRUMBS = 100, 16_000
"""Limits of conditions that have a link each, and of their characters: a link repeats all conditions before it."""


class Crumb(Struct, frozen=True):
    """One condition of a filter; ``query`` is the filter up to and including it."""

    label: str
    query: str


class ListQuery(Struct, frozen=True):
    """An encoded query."""

    text: str

    @property
    def conditions(self) -> list[str]:
        """The terms that filter."""
        return [term for term in self.text.split("^") if term and not term.startswith("ORDERBY") and term != "EQ"]

    @property
    def order(self) -> str:
        """The term that sorts the list first; empty if there is none."""
        return next((term for term in self.text.split("^") if term.startswith("ORDERBY")), "")

    def direction(self, column: str) -> str:
        """Return ``ascending`` or ``descending`` for the column that sorts the list, empty for others.

        A list without an order has the newest records first.
        """
        order = self.order or _NEWEST_FIRST
        return {f"ORDERBY{column}": "ascending", f"ORDERBYDESC{column}": "descending"}.get(order, "")

    def sorted_by(self, column: str) -> str:
        """Return the query sorted by a column, in descending order if it is already ascending."""
        descending = self.direction(column) == "ascending"
        return "^".join([*self.conditions, f"ORDERBY{'DESC' * descending}{column}"])

    def with_condition(self, condition: str) -> str:
        """Return the query with one more condition."""
        return "^".join([*self.conditions, condition, *filter(None, [self.order])])

    def crumbs(self, session: Session, table: str) -> list[Crumb]:
        """Return its conditions in words; an alternative joins the crumb before it.

        Conditions after the first `MOST_CRUMBS` share one crumb.
        """
        crumbs: list[Crumb] = []
        terms = self.conditions
        shown = _shown(terms)
        for end, term in enumerate(terms[:shown], 1):
            query = "^".join(terms[:end])
            if term.startswith(("OR", "NQ")) and crumbs:
                crumbs[-1] = Crumb(f"{crumbs[-1].label} or {_words(session, table, term[2:])}", query)
            else:
                crumbs.append(Crumb(_words(session, table, term), query))
        if more := len(terms) - shown:
            crumbs.append(Crumb(f"{more:,} more", "^".join(terms)))
        return crumbs


def _shown(terms: list[str]) -> int:
    """Return the number of terms that get a crumb of their own."""
    lengths = accumulate(len(term) + 1 for term in terms[:MOST_CRUMBS])
    return sum(1 for length in lengths if length <= LONGEST_CRUMBS)


def _words(session: Session, table: str, term: str) -> str:
    """Return one condition in words; the term itself if it is a clause of another kind."""
    groups = session.schema.queries.parser.parse(term).groups
    parsed = groups[0][0][0] if groups[0] else None
    if not isinstance(parsed, Condition) or len(parsed.path) > 1:
        return visible_lines(term)
    column = session.dictionary.columns(table).get(parsed.path[0])
    if column is None:
        return visible_lines(term)
    return f"{column.label} {parsed.operator.label} {_value(session, column, parsed.value)}".rstrip()


def _value(session: Session, column: Column, value: str) -> str:
    if column.is_reference and value:
        return session.displays.name(column, value)
    return next((choice.label for choice in column.choices if choice.value == value), visible_lines(value))


class ListUrl(Struct, frozen=True):
    """The address of a list page.

    Attributes:
        first: number of the first row, from 1.
        fields: the chosen columns; empty for the usual ones.
    """

    table: str
    query: str = ""
    first: int = 1
    fields: tuple[str, ...] = ()

    @classmethod
    def read(cls, table: str, parameters: MultiMapping[str]) -> Self:
        """Return the address that the parameters of a URL spell; an invalid parameter is ignored."""
        fields = ",".join(parameters.getall("sysparm_fields", []))
        return cls(
            table,
            parameters.get("sysparm_query", ""),
            row_number(parameters.get("sysparm_first_row", "")),
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

    def exported(self, processor: str) -> str:
        """Return the address of the whole list as a file."""
        every = str(replace(self, first=1))
        return f"{every}{'&' if '?' in every else '?'}{processor}"

    def sorted_by(self, column: str) -> str:
        """Return the address of the list sorted by a column."""
        return self.asking(ListQuery(self.query).sorted_by(column))


def row_number(text: str) -> int:
    """Return the number of a row that a page can begin with; 1 for any other text."""
    return min(natural_number(text) or 1, LAST_ROW)


def rows_in_words(first: int, shown: int, count: int, *, filtered: bool) -> str:
    """Return the range of rows that a page shows, and their total; or why it shows none."""
    of = f"more than {LAST_ROW:,}" if count > LAST_ROW else f"{count:,}"
    if shown:
        return f"{first:,} to {first + shown - 1:,} of {of}"
    if count:
        return f"The list has no row {first:,}: its last is {count:,}"
    return "No records match the filter" if filtered else "No records to show"
