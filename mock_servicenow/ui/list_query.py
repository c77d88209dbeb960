"""An encoded query as a list page has it: breadcrumbs, further conditions, the order (platform 2.1)."""

from dataclasses import dataclass
from itertools import accumulate

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.query.syntax import Condition
from mock_servicenow.now_platform.records.session import Session

MOST_CRUMBS, LONGEST_CRUMBS = 100, 16_000
"""How many conditions, and how many characters of them, get their own links: each link repeats all those before it."""


@dataclass(frozen=True, slots=True)
class Crumb:
    """One condition of a filter.

    Attributes:
        query: the filter up to and including it.
    """

    label: str
    query: str


@dataclass(frozen=True, slots=True)
class ListQuery:
    """An encoded query."""

    text: str

    @property
    def conditions(self) -> list[str]:
        """The terms that filter."""
        return [term for term in self.text.split("^") if term and not term.startswith("ORDERBY") and term != "EQ"]

    @property
    def order(self) -> str:
        """The term by which the list is sorted first; empty if there is none."""
        return next((term for term in self.text.split("^") if term.startswith("ORDERBY")), "")

    def direction(self, column: str) -> str:
        """Return ``ascending`` or ``descending`` for the column that sorts the list, else nothing."""
        return {f"ORDERBY{column}": "ascending", f"ORDERBYDESC{column}": "descending"}.get(self.order, "")

    def sorted_by(self, column: str) -> str:
        """Return the query sorted by a column, the other way round if it is so already."""
        descending = self.direction(column) == "ascending"
        return "^".join([*self.conditions, f"ORDERBY{'DESC' * descending}{column}"])

    def with_condition(self, condition: str) -> str:
        """Return the query with a further condition."""
        return "^".join([*self.conditions, condition, *filter(None, [self.order])])

    def crumbs(self, session: Session, table: str) -> list[Crumb]:
        """Return its conditions in words; alternatives stand with the condition that they belong to.

        What comes after the first ones is one crumb.
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
    """Return how many of the terms are shown one by one."""
    lengths = accumulate(len(term) + 1 for term in terms[:MOST_CRUMBS])
    return sum(1 for length in lengths if length <= LONGEST_CRUMBS)


def _words(session: Session, table: str, term: str) -> str:
    """Return one condition as people read it; a clause of another kind as it stands."""
    groups = session.kernel.queries.parser.parse(term).groups
    parsed = groups[0][0][0] if groups[0] else None
    if not isinstance(parsed, Condition) or len(parsed.path) > 1:
        return term
    column = session.dictionary.columns(table).get(parsed.path[0])
    if column is None:
        return term
    return f"{column.label} {parsed.operator.label} {_value(session, column, parsed.value)}".rstrip()


def _value(session: Session, column: Column, value: str) -> str:
    if column.is_reference and value:
        return session.displays.name(column, value)
    return next((choice.label for choice in column.choices if choice.value == value), value)
