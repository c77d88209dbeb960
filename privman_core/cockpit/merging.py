"""The rows of two journals in one order; an exchange that both parties have journaled is one row."""

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from heapq import merge

from msgspec import Struct
from yarl import URL

from privman_core.cockpit.exchange_facts import ExchangeRow, FoundExchanges
from privman_core.cockpit.merged_rows import JournalEntry, MergedRow
from privman_core.cockpit.shown_party import ShownParty
from privman_core.exchange import path_of
from privman_core.exchange_marks import is_shared
from privman_core.inputs import is_loopback_name

_Key = tuple[str, str, str, str]
_UNKNOWN = datetime.max.replace(tzinfo=UTC)


class MergedPage(Struct, frozen=True):
    """A page of the merged journal; ``before`` is where each party's next page begins, by name, empty for no more."""

    rows: list[MergedRow]
    before: dict[str, int]


def merged(found: Sequence[tuple[ShownParty, FoundExchanges]]) -> MergedPage:
    """Return the rows of one party or of two, newest first; among those at the same time, by real time.

    If one party has more rows, rows of the other that are older than its last one are left for the next page.
    """
    parties = [(party, list(reversed(part.rows))) for party, part in found]
    rows = (
        list(_in_order(*parties))
        if len(parties) > 1
        else [MergedRow([JournalEntry(party, row)]) for party, some in parties for row in some]
    )
    rows.reverse()
    kept = rows[: min((_last_of(party, rows) for party, part in found if part.more), default=len(rows))]
    more = len(kept) < len(rows) or any(part.more for _, part in found)
    return MergedPage(kept, _next(kept, found) if more else {})


async def with_other_entries(parties: Sequence[ShownParty], rows: Sequence[MergedRow]) -> list[MergedRow]:
    """Return the rows, each with that of the other party, even if only one of the two matches the search."""
    shown = Counter(row.mark for each in rows for _, row in each.entries)
    marks = {each.mark for each in rows if is_shared(each.mark) and shown[each.mark] == 1}
    entries = [JournalEntry(party, row) for party in parties for row in (await party.marked(marks) if marks else ())]
    times = Counter((party.name, row.mark) for party, row in entries)
    doubled = {mark for (_, mark), often in times.items() if often > 1}
    others = {(party.name, row.mark): JournalEntry(party, row) for party, row in entries if row.mark in marks - doubled}
    return [_with_other(parties, each, others) for each in rows]


async def merged_row(parties: Sequence[ShownParty], party: ShownParty, row: ExchangeRow) -> MergedRow:
    """Return the exchange of a row in the journal of a party, with that of the other party if they share a mark."""
    alone = merged([(each, FoundExchanges([row] if each is party else [])) for each in parties])
    return (await with_other_entries(parties, alone.rows))[0]


def _with_other(
    parties: Sequence[ShownParty], row: MergedRow, others: Mapping[tuple[str, str], JournalEntry]
) -> MergedRow:
    """Return a row with the entry of that mark in the other journal, if it is of the same exchange."""
    one = row.sender_entry
    found = (others.get((party.name, row.mark)) for party in parties if party is not one.party and not row.is_pair)
    for other in found:
        if other and _key(one.party, other.party, one.row) == _key(other.party, one.party, other.row):
            return MergedRow(_pair(one, other), added=other)
    return row


def _pair(one: JournalEntry, other: JournalEntry) -> Sequence[JournalEntry]:
    """Return both entries of an exchange, that of its sender first."""
    return sorted((one, other), key=lambda entry: entry.row.direction == "in")


def _last_of(party: ShownParty, rows: Sequence[MergedRow]) -> int:
    """Return how many rows there are up to the last one of that party."""
    places = (place for place, row in enumerate(rows, 1) if any(one is party for one, _ in row.entries))
    return max(places, default=len(rows))


def _next(kept: Sequence[MergedRow], found: Sequence[tuple[ShownParty, FoundExchanges]]) -> dict[str, int]:
    """Return the lowest shown number of each party; if none is shown, one above the highest that it gave."""
    lowest = {}
    for party, part in found:
        shown = [row.number for each in kept for one, row in each.entries if one is party]
        lowest[party.name] = min(shown, default=max((row.number for row in part.rows), default=0) + 1)
    return lowest


_Rows = tuple[ShownParty, list[ExchangeRow]]


def _in_order(one: _Rows, other: _Rows) -> Iterator[MergedRow]:
    """Yield the rows of both, oldest first; the two entries of one exchange are one row."""
    (party, rows), (other_party, others) = one, other
    done = other_done = 0
    for place, other_place in _pairs(one, other):
        yield from _by_time((party, rows[done:place]), (other_party, others[other_done:other_place]))
        yield MergedRow(_pair(JournalEntry(party, rows[place]), JournalEntry(other_party, others[other_place])))
        done, other_done = place + 1, other_place + 1
    yield from _by_time((party, rows[done:]), (other_party, others[other_done:]))


def _by_time(one: _Rows, other: _Rows) -> Iterator[MergedRow]:
    both = ([_alone(party, there, row) for row in rows] for (party, rows), (there, _) in ((one, other), (other, one)))
    return merge(*both, key=lambda each: (each.sender_row.at, each.sender_row.real or _UNKNOWN))


def _alone(party: ShownParty, other: ShownParty, row: ExchangeRow) -> MergedRow:
    """Return the row of an exchange that only one journal has.

    The other party, which may have forgotten it, has sent it if it has a mark, and a user of that party logged in.
    Between two machines no mark is sent, so it is not known who imitates a party.
    """
    proved = row.mark and row.user
    imitated = row.direction == "in" and row.other_party == other.name and not proved and _is_near(party, other)
    return MergedRow([JournalEntry(party, row)], imitated)


def _is_near(*parties: ShownParty) -> bool:
    """Return whether parties are on one machine, so that they mark what they send."""
    return all(is_loopback_name(URL(party.url).host or "") for party in parties if party.url)


def _pairs(one: _Rows, other: _Rows) -> list[tuple[int, int]]:
    """Return the pairs of places at which both journals have the same exchange, in an order that suits both.

    Rows without a mark are matched from the newest on. Where the journals have exchanges in different orders, because
    they overlapped, the fewest possible stay two rows each.
    """
    (party, rows), (other_party, others) = one, other
    waiting: dict[_Key, deque[int]] = defaultdict(deque)
    for place in _single(others):
        waiting[_key(other_party, party, others[place])].append(place)
    keys = ((place, waiting.get(_key(party, other_party, rows[place]))) for place in _single(rows))
    pairs = [(place, same.popleft()) for place, same in keys if same]
    return _longest_in_order(pairs[::-1])


def _single(rows: Sequence[ExchangeRow]) -> Iterator[int]:
    """Yield the places of rows, the newest first; a mark that two rows have is neither's, so both are left out."""
    times = Counter(row.mark for row in rows if is_shared(row.mark))
    return (place for place in reversed(range(len(rows))) if times[rows[place].mark] <= 1)


def _longest_in_order(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest subsequence of the pairs whose second places increase; their first places do already."""
    ends: list[int] = []  # the lowest second place with which that many pairs can end
    chains: list[list[tuple[int, int]]] = []
    for pair in pairs:
        length = bisect_left(ends, pair[1])
        chain = [*(chains[length - 1] if length else []), pair]
        ends[length:], chains[length:] = [pair[1], *ends[length + 1 :]], [chain, *chains[length + 1 :]]
    return chains[-1] if chains else []


def _key(party: ShownParty, other: ShownParty, row: ExchangeRow) -> _Key:
    """Return what both journals have of an exchange: its mark if it has one, sender, method and path.

    A mark names the sender by itself: only the two parties send one.
    """
    if is_shared(row.mark):
        return row.mark, (other if row.direction == "in" else party).name, row.method, path_of(row.url)
    sender = row.other_party if row.direction == "in" else party.name
    known = sender if other.name in {sender, row.other_party} else f"{sender} without {other.name}"
    return "", known, row.method, path_of(row.url)
