"""Lists of items: searched, sorted by a column as the product's lists are, and shown in pages."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct

from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import link
from privman_core.natural_numbers import natural_number

LONGEST_SEARCH = 255
ROWS = 100
"""Rows of a page; inferred, since no picture shows a list of more than a few items."""
_NEVER = datetime.min.replace(tzinfo=UTC)
T = TypeVar("T")


class ListColumn(NamedTuple, Generic[T]):
    """One column of a list; ``value`` returns the text that it shows and that it is sorted by."""

    heading: str
    value: Callable[[T], str | int | datetime | None]


class ListHeading(NamedTuple):
    """The heading of a column; ``order`` is ascending or descending, or empty if another column gives the order."""

    text: str
    url: str
    order: str


class ItemList(Struct, Generic[T], frozen=True):
    """One page of a list.

    Attributes:
        items: those of this page.
        first: how many items are before this page.
        total: how many items all pages have.
        search: the text that they contain; empty for all.
        sort: index of the column that gives their order.
        previous: address of the page before this one; empty on the first.
        following: address of the page after this one; empty on the last.
    """

    items: Sequence[T]
    first: int
    total: int
    headings: Sequence[ListHeading]
    search: str
    sort: int
    descending: bool
    previous: str
    following: str


def read_page(visit: ConsoleVisit, total: int, size: int) -> tuple[int, int]:
    """Return the number of the requested page, at most the last one, and how many items are before it."""
    asked = natural_number(visit.query.get("page", "")) or 1
    number = min(asked, max(1, -(-total // size)))
    return number, (number - 1) * size


def read_search(visit: ConsoleVisit) -> str:
    """Return the text that is searched for; empty for everything."""
    return visit.query.get("search", "").strip()[:LONGEST_SEARCH]


def contains(search: str, texts: Iterable[str]) -> bool:
    """Return whether one of the texts contains the searched text, ignoring case."""
    return any(search.casefold() in text.casefold() for text in texts)


def read_list(visit: ConsoleVisit, items: Iterable[T], *columns: ListColumn[T]) -> ItemList[T]:
    """Return the page that the address names, at most the last; sorted by the first column by default."""
    search, text = read_search(visit), visit.query.get("sort", "").lstrip("-")
    sort = next((number for number, column in enumerate(columns) if column.heading == text), 0)
    descending = visit.query.get("sort", "").startswith("-")
    found = [each for each in items if contains(search, _texts(each, columns))] if search else list(items)
    found.sort(key=lambda item: _order(columns[sort].value(item)), reverse=descending)
    headings = [
        _heading(visit, column.heading, chosen=number == sort, descending=descending)
        for number, column in enumerate(columns)
    ]
    number, first = read_page(visit, len(found), ROWS)
    return ItemList(
        found[first : first + ROWS],
        first,
        len(found),
        headings,
        search,
        sort,
        descending,
        previous=_page(visit, number - 1) if number > 1 else "",
        following=_page(visit, number + 1) if first + ROWS < len(found) else "",
    )


def _page(visit: ConsoleVisit, number: int) -> str:
    query = {"search": read_search(visit), "sort": visit.query.get("sort", ""), "page": str(number)}
    return link(visit.request.path, **{name: value for name, value in query.items() if value})


def _texts(item: T, columns: Sequence[ListColumn[T]]) -> list[str]:
    values = [column.value(item) for column in columns]
    return [value for value in values if isinstance(value, str)]


def _order(value: str | int | datetime | None) -> tuple[int, datetime, str]:
    if isinstance(value, str):
        return 0, _NEVER, value.casefold()
    if isinstance(value, int):
        return value, _NEVER, ""
    return 0, value or _NEVER, ""


def _heading(visit: ConsoleVisit, text: str, *, chosen: bool, descending: bool) -> ListHeading:
    turned = f"-{text}" if chosen and not descending else text
    query = {"search": read_search(visit), "sort": turned}
    url = link(visit.request.path, **{name: value for name, value in query.items() if value})
    return ListHeading(text, url, ("descending" if descending else "ascending") if chosen else "")
