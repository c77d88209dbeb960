"""Exchanges that a user has chosen: by their numbers, as ``servicenow-5``, or by a search line."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from msgspec import Struct

from privman_core.cockpit.addresses import exchange_name, exchange_page, line_like
from privman_core.cockpit.exchange_facts import (
    ExchangeDetail,
    ExchangeRow,
    FoundExchanges,
)
from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.merging import merged, with_other_entries
from privman_core.cockpit.parties import Parties
from privman_core.cockpit.search_line import written
from privman_core.cockpit.shown_party import PartyError, ShownParty
from privman_core.exchange import path_of
from privman_core.exchange_marks import is_shared
from privman_core.inputs import quoted
from privman_core.pages.site import PageError, Visit

MOST = 200
"""Exchanges that may be chosen."""
MOST_BYTES = 32 * 1024 * 1024
"""Bytes that the exchanges may have in all."""
_MOST_MIB = f"{MOST_BYTES >> 20} MiB"
_LIKE, _LEAST_SIZE = 50, 1_000
_NAMED = re.compile(r"([a-z]{1,20})-([0-9]{1,12})")
_Rows = dict[str, dict[int, ExchangeRow]]
_EXPECTED = "expected the party and the number, such as servicenow-5"


class Chosen(Struct, frozen=True):
    """One exchange in the journal of a party.

    Attributes:
        other: the party that has it in its journal, too; None if none is known.
        fault: the fault that struck it at either party; empty for none.
    """

    party: ShownParty
    detail: ExchangeDetail
    other: ShownParty | None = None
    fault: str = ""

    @property
    def number(self) -> int:
        """Its number in the journal of that party."""
        return self.detail.row.number

    @property
    def is_form(self) -> bool:
        """Whether a browser posted it, so that its journal has neither its fields nor the page that was answered."""
        return self.detail.row.direction == "in" and not self.detail.printed["request"]["headers"]

    @property
    def server(self) -> str:
        """Who answers it."""
        row = self.detail.row
        return self.party.name if row.direction == "in" else row.other_party

    @property
    def name(self) -> str:
        """Its name in an address, such as ``servicenow-5``."""
        return exchange_name(self.party.name, self.number)

    @property
    def address(self) -> str:
        """The address of its page."""
        return exchange_page(self.party.name, self.number)


class ChosenExchanges(Struct, frozen=True):
    """Exchanges, the oldest first, each once.

    Attributes:
        missing: has a sentence for each that was not found.
        unjudged: how many exchanges the search has yet to read.
    """

    all: list[Chosen]
    rows: list[MergedRow]
    missing: list[str]
    unjudged: int = 0


async def one_chosen(parties: Parties, visit: Visit) -> Chosen:
    """Return the exchange that the address of a page names; raises PageError if there is none."""
    name, number = visit.request.match_info["party"], int(visit.request.match_info["number"])
    party = parties.named(name)
    if party is None:
        raise PageError(HTTPStatus.NOT_FOUND, f"No journal of {name!r}", parties.reason or "No party has this name.")
    detail = await party.exchange(number)
    if detail is None:
        reason = "The journal does not have this exchange: it has not happened yet, or is no longer kept."
        raise PageError(HTTPStatus.NOT_FOUND, f"Exchange {number} not found", reason)
    return Chosen(party, detail)


async def named(parties: Parties, text: str) -> Chosen:
    """Return the exchange of a name such as ``servicenow-5``; raises PartyError if there is none."""
    found = _NAMED.fullmatch(text.strip().lower())
    if found is None:
        raise PartyError(f"{quoted(text)} is not the name of an exchange; {_EXPECTED}")
    party = parties.named(found[1])
    if party is None:
        raise PartyError(
            f"no party shown is {found[1]!r}; expected {' or '.join(each.name.lower() for each in parties)}"
        )
    detail = await party.exchange(int(found[2]))
    if detail is None:
        raise PartyError(f"{party.name} does not keep an exchange {found[2]}")
    return Chosen(party, detail)


async def previous_like(chosen: Chosen) -> str:
    """Return the name of the exchange before it with the same method and path; empty if there is none."""
    row, path = chosen.detail.row, path_of(chosen.detail.row.url)
    found = await chosen.party.find(line_like(path, method=row.method), _LIKE, row.number)
    same = (each for each in found.rows if path_of(each.url) == path and each.direction == row.direction)
    before = next(same, None)
    return "" if before is None else exchange_name(chosen.party.name, before.number)


async def choice(parties: Parties, names: Sequence[str], line: str | None) -> ChosenExchanges:
    """Return the exchanges of those names, or else the newest that match a search line; raises PartyError for the line.

    Without names and without a line it returns none; an empty line matches every exchange.
    """
    choosing = _Choosing(parties)
    if names:
        await choosing.take(list(dict.fromkeys(names)))
    elif line is not None:
        await choosing.find(line)
    await _add_other_entries(parties, choosing.rows)
    return await choosing.done()


class _Choosing:
    """The exchanges that have been chosen so far.

    Attributes:
        rows: the rows of each party, by its name and by their numbers.
    """

    def __init__(self, parties: Parties) -> None:
        self.rows: _Rows = {party.name: {} for party in parties}
        self._parties = parties
        self._known: dict[tuple[str, int], ExchangeDetail] = {}  # since large ones take long to print
        self._missing: list[str] = []
        self._unjudged = 0

    async def find(self, line: str) -> None:
        """Choose the newest of each party that match a search line."""
        for party in self._parties:
            found = await party.find(line, MOST)
            self.rows[party.name] = {row.number: row for row in found.rows}
            self._unjudged += found.unjudged
            self._missing += [f"all but the newest {MOST} that were found of {party.name}"] * found.more

    async def take(self, names: Sequence[str]) -> None:
        """Choose those of these names, as long as they are not too many or too large."""
        if len(names) > MOST:
            self._missing.append(f"{len(names) - MOST} of {len(names)} selected exchanges; {MOST} are possible")
        left = MOST_BYTES
        for name in names[:MOST]:
            if left < 0:
                self._missing.append(f"{name}, because those before it have more than {_MOST_MIB}")
                continue
            try:
                chosen = await named(self._parties, name)
            except PartyError as error:
                self._missing.append(str(error))
                continue
            self.rows[chosen.party.name][chosen.number] = chosen.detail.row
            self._known[chosen.party.name, chosen.number] = chosen.detail
            left -= size_of(chosen.detail)

    async def done(self) -> ChosenExchanges:
        """Return what was chosen, as the senders have it."""
        rows = merged(_found(self._parties, self.rows)).rows
        details, left = list[tuple[MergedRow, ExchangeDetail | None]](), MOST_BYTES
        for row in rows:
            detail = await self._detail(row)
            left -= 0 if detail is None else size_of(detail)
            if left < 0:
                older = f"{len(rows) - len(details)} older exchanges"
                self._missing.append(f"{older}, because all have more than {_MOST_MIB}")
                break
            details.append((row, detail))
        # Without one that has just left the journal.
        chosen = [
            Chosen(row.sender_entry.party, detail, row.answerer_entry.party if row.is_pair else None, row.fault)
            for row, detail in reversed(details)
            if detail is not None
        ]
        return ChosenExchanges(chosen, rows[::-1], self._missing, self._unjudged)

    async def _detail(self, row: MergedRow) -> ExchangeDetail | None:
        party, number = row.sender_entry.party, row.sender_row.number
        return self._known.get((party.name, number)) or await party.exchange(number)


def _newest_first(rows: Mapping[int, ExchangeRow]) -> list[ExchangeRow]:
    return sorted(rows.values(), key=lambda row: row.number, reverse=True)


def size_of(detail: ExchangeDetail) -> int:
    """Return about how many bytes an exchange has."""
    printed = detail.printed
    bodies = len(printed["request"]["body"]) + len(printed["response"]["body"])
    return _LEAST_SIZE + len(printed["url"]) + bodies


async def _add_other_entries(parties: Parties, rows: _Rows) -> None:
    """Add the other party's entries of the same exchanges: two journals can be put in one order only with both."""
    _add(rows, await with_other_entries(parties.all, merged(_found(parties, rows)).rows))
    if any(_has_only_likeness(party, parties, rows) for party in parties):
        between = [await _newest_between(party, parties) for party in parties]
        _add(rows, [each for each in merged(between).rows if _is_chosen(each, rows)])


def _add(rows: _Rows, some: Iterable[MergedRow]) -> None:
    for each in some:
        for entry in each.entries:
            rows[entry.party.name][entry.row.number] = entry.row


def _is_chosen(row: MergedRow, rows: _Rows) -> bool:
    return any(entry.row.number in rows[entry.party.name] for entry in row.entries)


def _found(parties: Parties, rows: _Rows) -> list[tuple[ShownParty, FoundExchanges]]:
    return [(party, FoundExchanges(_newest_first(rows[party.name]))) for party in parties]


def _has_only_likeness(party: ShownParty, parties: Parties, rows: _Rows) -> bool:
    """Return whether the other party may have one of a party's rows in its journal, but without a mark."""
    others = {each.name for each in parties if each is not party}
    return any(row.other_party in others and not is_shared(row.mark) for row in rows[party.name].values())


async def _newest_between(party: ShownParty, parties: Parties) -> tuple[ShownParty, FoundExchanges]:
    """Return the newest exchanges of a party with the other one: those with the same method and path are paired."""
    other = next(each for each in parties if each is not party)
    return party, await party.find(written(party=other.name), MOST)


def base_of(chosen: Chosen, visit: Visit) -> str:
    """Return the address of the party that has an exchange, as the browser finds it."""
    return chosen.party.url or str(visit.request.url.origin())
