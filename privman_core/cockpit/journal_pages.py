"""The cockpit's journal: the exchanges of both parties in one list, found by a search line."""

from asyncio import gather
from collections.abc import Mapping, Sequence
from itertools import accumulate
from urllib.parse import urlencode

from aiohttp import web
from msgspec import Struct, field

from privman_core.cockpit.exchange_facts import FoundExchanges
from privman_core.cockpit.folding import JournalLine, folded
from privman_core.cockpit.merged_rows import MergedRow, has_ties
from privman_core.cockpit.merging import merged, with_other_entries
from privman_core.cockpit.missing_values import hints
from privman_core.cockpit.parties import Parties, PartyFinder
from privman_core.cockpit.search_line import Term, is_open, read_terms, toggled, write_terms
from privman_core.cockpit.search_words import WORDS
from privman_core.cockpit.shown_party import PartyError
from privman_core.control import COCKPIT
from privman_core.natural_numbers import natural_number
from privman_core.pages.rendering import see
from privman_core.pages.site import Visit

ROWS = 50
"""Lines of a page."""
_READS = (ROWS, 200, 200, 200)
"""Exchanges of each party that are read at a time; more are read while folding leaves the page too short."""
_MOST_UNFOLDED = 20
USUAL = {
    "Errors": Term("4xx,5xx", "status"),
    "No answer": Term("none", "status"),
    "Contract broken": Term("broken", "verdict"),
    "Hit by a fault": Term("*", "fault"),
}
"""The searches that have a button."""


class JournalAddress(Struct, frozen=True):
    """The address of a page of the journal, from which the addresses of its links are made.

    Attributes:
        line: the search line.
        before: where the page begins at each party, by name; empty for the newest page.
        unfolded: keys of exchanges whose lines are open.
    """

    line: str
    before: Mapping[str, int]
    unfolded: Sequence[str] = ()
    _with_term: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, visit: Visit) -> "JournalAddress":
        """Return the address of the visit."""
        keys = {name: name.removeprefix("before-") for name in visit.query if name.startswith("before-")}
        before = {party: natural_number(visit.query[name]) or 0 for name, party in keys.items()}
        return cls(visit.query.get("find", "").strip(), before, visit.query.getall("unfold", [])[:_MOST_UNFOLDED])

    def begins_at(self, party: str) -> int:
        """Return the number before which the page begins at a party; 0 for its newest exchange."""
        return self.before.get(party.lower(), 0)

    def with_term(self, word: str, value: str) -> str:
        """Return the address of the search with one more term."""
        if (word, value) not in self._with_term:  # rows are alike
            terms, term = read_terms(self.line), Term(value, word)
            self._with_term[word, value] = _address(write_terms(terms if term in terms else [*terms, term]))
        return self._with_term[word, value]

    def toggled(self, term: Term) -> str:
        """Return the address of the search with a term, or without it if it has it."""
        return _address(toggled(self.line, term))

    def has(self, term: Term) -> bool:
        """Return whether the search has a term."""
        return term in read_terms(self.line)

    @property
    def is_open(self) -> bool:
        """Whether a quotation mark of the search is not closed."""
        return is_open(self.line)

    def in_bodies(self) -> str:
        """Return the address of the search for the same texts in bodies; empty if there are none."""
        terms = read_terms(self.line)
        moved = [each if each.word else Term(each.value, "body", each.negated) for each in terms]
        return "" if moved == terms else _address(write_terms(moved))

    def with_open(self, line: JournalLine) -> str:
        """Return the address with a line of several unfolded, or folded if it is open."""
        others = [key for key in self.unfolded if key not in line.keys]
        return _address(self.line, self.before, others if line.is_open else [*others, line.newest.key])

    def older(self, before: Mapping[str, int]) -> str:
        """Return the address of the next page, which begins there."""
        return _address(self.line, before)


class JournalPage(Struct, frozen=True):
    """A page of the journal.

    Attributes:
        before: where the next page begins at each party, by name; empty for no more.
        newest: number of the newest exchange of each party, whether it is shown or not.
        epoch: changes when the numbers of a party have begun again.
        evicted: how many exchanges of each party are no longer kept, if any.
        unjudged: how many exchanges a search for verdicts or in bodies has yet to read.
        ties: see `has_ties`.
        hints: why a search finds nothing.
    """

    lines: Sequence[JournalLine] = ()
    before: Mapping[str, int] = {}
    newest: Mapping[str, int] = {}
    epoch: str = ""
    evicted: Mapping[str, int] = {}
    unjudged: int = 0
    ties: bool = False
    hints: Sequence[str] = ()

    @property
    def last_request(self) -> str:
        """RequestId of the newest exchange that is about a request; empty for none."""
        return next((about for line in self.lines for about in line.newest.about), "")


class JournalPages:
    """Shows and empties the journals."""

    def __init__(self, parties: PartyFinder) -> None:
        self._parties = parties

    async def show(self, visit: Visit) -> web.Response:
        """Show the newest exchanges that match the search line ``find``, newest first."""
        parties, here, page, error = await self._parties.find(), JournalAddress.of(visit), JournalPage(), ""
        try:
            page = await _read(parties, here)
        except PartyError as refusal:
            error = str(refusal)
        return await visit.page(
            "cockpit/journal.html",
            400 if error else 200,
            title="Journal",
            parties=parties,
            here=here,
            page=page,
            error=error,
            words=WORDS,
            usual=_usual(page, here),
        )

    async def ask(self, visit: Visit) -> web.Response:
        """Show how many exchanges of each party would be deleted, and the button that does it."""
        parties = await self._parties.find()
        found = {party.name: await party.find("", 1) for party in parties}
        kept = {name: part.newest - part.evicted for name, part in found.items()}
        return await visit.page(
            "cockpit/clear.html",
            title="Clear the journals" if len(kept) > 1 else "Clear the journal",
            parties=parties,
            kept=kept,
        )

    async def clear(self, _visit: Visit) -> web.Response:
        """Empty the journals."""
        for party in await self._parties.find():
            await party.forget()
        return see(COCKPIT)


async def _read(parties: Parties, here: JournalAddress) -> JournalPage:
    """Return the lines of a page; raises PartyError."""
    read = await _enough_lines(parties, here)
    heights = accumulate(line.height for line in read.lines)
    fitting = [line for line, height in zip(read.lines, heights, strict=True) if height <= ROWS]
    shown = fitting or read.lines[:1]
    newest = {name: part.newest for name, part in read.first.items()}
    starts = {name: here.begins_at(name) or number + 1 for name, number in newest.items()}
    return JournalPage(
        lines=shown,
        before=_lowest(shown, starts) if read.more or len(shown) < len(read.lines) else {},
        newest=newest,
        epoch=" ".join(part.epoch for part in read.first.values()),
        evicted={name: part.evicted for name, part in read.first.items() if part.evicted},
        unjudged=read.unjudged,
        ties=has_ties([row for line in shown for row in line.rows]),
        hints=[] if shown else hints(here.line, (part.values for part in read.first.values())),
    )


class _ReadLines(Struct, frozen=True):
    """Lines from where a page begins; ``first`` is the newest part of each journal, by party."""

    lines: list[JournalLine]
    first: Mapping[str, FoundExchanges]
    more: bool
    unjudged: int


async def _enough_lines(parties: Parties, here: JournalAddress) -> _ReadLines:
    """Read both journals until their lines fill a page, as often as `_READS` allows."""
    rows, lines, before = (
        list[MergedRow](),
        list[JournalLine](),
        {each.name: here.begins_at(each.name) for each in parties},
    )
    first, unjudged = dict[str, FoundExchanges](), 0
    for most in _READS:
        parts = await gather(*(party.find(here.line, most, before[party.name]) for party in parties))
        first = first or {party.name: part for party, part in zip(parties, parts, strict=True)}
        page, unjudged = merged(list(zip(parties, parts, strict=True))), sum(part.unjudged for part in parts)
        rows += await with_other_entries(parties.all, page.rows) if here.line else page.rows
        lines, before = list(folded(rows, here.unfolded)), page.before
        if not before or sum(line.height for line in lines) > ROWS:
            break
    return _ReadLines(lines, first, bool(before), unjudged)


def _lowest(lines: Sequence[JournalLine], starts: Mapping[str, int]) -> dict[str, int]:
    """Return the lowest shown number of each party; for a party without a row, the number where the page began."""
    lowest = dict(starts)
    for line in lines:
        for row in line.rows:
            lowest |= {party.name: min(entry.number, lowest[party.name]) for party, entry in row.found}
    return lowest


def _usual(page: JournalPage, here: JournalAddress) -> dict[str, Term]:
    """Return the searches that have a button, with one for the last request if the page shows one."""
    asked = (term for term in read_terms(here.line) if term.word == "request")
    last = next(asked, Term(page.last_request, "request"))
    return {**USUAL, **({"Last request": last} if last.value else {})}


def _address(line: str, before: Mapping[str, int] = {}, unfolded: Sequence[str] = ()) -> str:
    pages = [(f"before-{name.lower()}", str(number)) for name, number in before.items() if number]
    query = [*([("find", line)] if line else []), *pages, *(("unfold", key) for key in unfolded)]
    return f"{COCKPIT}?{urlencode(query)}" if query else COCKPIT
