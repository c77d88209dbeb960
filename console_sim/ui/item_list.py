"""Lists of items: found by a text, and sorted by a column, as the product's lists are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import link

LONGEST_SEARCH = 255
_NEVER = datetime.min.replace(tzinfo=UTC)
T = TypeVar("T")


class ListColumn(NamedTuple, Generic[T]):
    """One column of a list; ``value`` gives what it shows of an item, and what it is sorted by."""

    heading: str
    value: Callable[[T], str | int | datetime | None]


class ListHeading(NamedTuple):
    """The heading of a column; ``order`` is ascending or descending, or empty if another column gives the order."""

    text: str
    url: str
    order: str


@dataclass(frozen=True, slots=True)
class ItemList(Generic[T]):
    """The items that a page shows.

    Attributes:
        search: the text that they contain; empty for all.
        sort: index of the column that gives their order.
    """

    items: Sequence[T]
    headings: Sequence[ListHeading]
    search: str
    sort: int
    descending: bool


def read_search(visit: ConsoleVisit) -> str:
    """Return the text that is searched for; empty for everything."""
    return visit.query.get("search", "").strip()[:LONGEST_SEARCH]


def contains(search: str, texts: Iterable[str]) -> bool:
    """Return whether one of the texts has the searched text, whatever its case."""
    return any(search.casefold() in text.casefold() for text in texts)


def read_list(visit: ConsoleVisit, items: Iterable[T], *columns: ListColumn[T]) -> ItemList[T]:
    """Return the items that the address asks for; by the first column unless it names another."""
    search, text = read_search(visit), visit.query.get("sort", "").lstrip("-")
    sort = next((number for number, column in enumerate(columns) if column.heading == text), 0)
    descending = visit.query.get("sort", "").startswith("-")
    found = [each for each in items if contains(search, _texts(each, columns))] if search else list(items)
    found.sort(key=lambda item: _order(columns[sort].value(item)), reverse=descending)
    headings = [
        _heading(visit, column.heading, chosen=number == sort, descending=descending)
        for number, column in enumerate(columns)
    ]
    return ItemList(found, headings, search, sort, descending)


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
