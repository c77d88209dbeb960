"""The rows of two journals in one order, each exchange once, though both ends have journaled it."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence

from msgspec import Struct

from privman_core.cockpit.ends import End
from privman_core.cockpit.facts import ExchangeRow, FoundExchanges
from privman_core.cockpit.search import path_of

_Key = tuple[str, str, str]


class MergedRow(Struct, frozen=True):
    """One exchange.

    Attributes:
        end: whose journal has the row.
        other: the end that has journaled the same exchange, with its row; None if none has.
    """

    end: End
    row: ExchangeRow
    other: "tuple[End, ExchangeRow] | None" = None

    @property
    def sides(self) -> "list[tuple[End, ExchangeRow]]":
        """The ends that have the exchange, the one that sent it first."""
        sides = [(self.end, self.row), *([self.other] if self.other else [])]
        return sorted(sides, key=lambda side: side[1].direction == "in")

    @property
    def source(self) -> str:
        """Who sent the request."""
        end, row = self.sides[0]
        return row.party if row.direction == "in" else end.name

    @property
    def target(self) -> str:
        """Who answers it."""
        end, row = self.sides[-1]
        return end.name if row.direction == "in" else row.party

    @property
    def sent(self) -> ExchangeRow:
        """The row of the end that knows best which answer arrived: the sender."""
        return self.sides[0][1]

    @property
    def served(self) -> ExchangeRow:
        """The row of the end that answered."""
        return self.sides[-1][1]

    @property
    def fault(self) -> str:
        """The fault that struck it at either end."""
        return self.sent.fault or self.served.fault

    @property
    def verdict(self) -> ExchangeRow:
        """The row with the worse verdict."""
        return next((row for _, row in self.sides if row.broken), self.served)

    @property
    def about(self) -> list[str]:
        """RequestIds of the approval requests that it belongs to, as either end knows."""
        return list(dict.fromkeys(each for _, row in self.sides for each in row.about))


class MergedPage(Struct, frozen=True):
    """A page of the merged journal; ``before`` is where each end's next page begins, by name, empty for no more."""

    rows: list[MergedRow]
    before: dict[str, int]


def merged(found: Sequence[tuple[End, FoundExchanges]]) -> MergedPage:
    """Return the rows of one end or of two, newest first.

    Where one end has more rows than it gave, rows of the other that are older than its last are left for the next page.
    """
    ends = [(end, list(reversed(part.rows))) for end, part in found]
    rows = list(_in_order(*ends)) if len(ends) > 1 else [MergedRow(end, row) for end, some in ends for row in some]
    rows.reverse()
    kept = rows[: min((_last_of(end, rows) for end, part in found if part.more), default=len(rows))]
    more = len(kept) < len(rows) or any(part.more for _, part in found)
    return MergedPage(kept, _next(kept, found) if more else {})


def _last_of(end: End, rows: Sequence[MergedRow]) -> int:
    """Return how many rows there are up to the last one of that end."""
    places = (place for place, row in enumerate(rows, 1) if any(side is end for side, _ in row.sides))
    return max(places, default=len(rows))


def _next(kept: Sequence[MergedRow], found: Sequence[tuple[End, FoundExchanges]]) -> dict[str, int]:
    """Return the lowest number of each end that is shown; one above all it gave if none is."""
    lowest = {}
    for end, part in found:
        shown = [row.number for each in kept for side, row in each.sides if side is end]
        lowest[end.name] = min(shown, default=max((row.number for row in part.rows), default=0) + 1)
    return lowest


def _in_order(first: tuple[End, list[ExchangeRow]], second: tuple[End, list[ExchangeRow]]) -> Iterator[MergedRow]:
    """Yield the rows of both, oldest first; those of a pair keep the two journals in step."""
    (end, rows), (other_end, others) = first, second
    pairs = _pairs(rows, others)
    paired, behind = set(pairs.values()), 0
    for place, row in enumerate(rows):
        last = pairs.get(place)
        while behind < len(others) and (behind <= last if last is not None else _is_before(others[behind], row)):
            if behind in paired and last is None:
                break
            if behind not in paired:
                yield MergedRow(other_end, others[behind])
            behind += 1
        yield MergedRow(end, row, None if last is None else (other_end, others[last]))
    yield from (MergedRow(other_end, others[each]) for each in range(behind, len(others)) if each not in paired)


def _is_before(one: ExchangeRow, other: ExchangeRow) -> bool:
    return one.at < other.at


def _pairs(rows: Sequence[ExchangeRow], others: Sequence[ExchangeRow]) -> dict[int, int]:
    """Return which row of the others is the same exchange as one of the rows, by their places; newest first."""
    waiting: dict[_Key, deque[int]] = defaultdict(deque)
    for place in reversed(range(len(others))):
        waiting[_key(others[place], "in" if others[place].direction == "out" else "out")].append(place)
    pairs = {}
    for place in reversed(range(len(rows))):
        same = waiting.get(_key(rows[place], rows[place].direction))
        if same:
            pairs[place] = same.popleft()
    return pairs


def _key(row: ExchangeRow, direction: str) -> _Key:
    """Return what both journals say of an exchange, even of one whose answer was lost on its way."""
    return direction, row.method, path_of(row.url)
