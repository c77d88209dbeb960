"""Exchanges that somebody has chosen: by their numbers, as ``servicenow-5``, or by a search line."""

import re
from collections.abc import Sequence
from http import HTTPStatus

from msgspec import Struct

from privman_core.cockpit.both_ends import Ends
from privman_core.cockpit.ends import End, EndError
from privman_core.cockpit.facts import ExchangeDetail, ExchangeRow, ExchangeToSave, FoundExchanges, PrintedMessage
from privman_core.cockpit.merged_rows import MergedRow, merged
from privman_core.cockpit.repeats_of_requests import target_of
from privman_core.cockpit.search import path_of
from privman_core.control import COCKPIT
from privman_core.http_archive import ArchivedExchange
from privman_core.inputs import quoted
from privman_core.pages.site import PageError, Visit

MOST = 200
"""Exchanges that may be chosen."""
_LIKE = 50
_NAMED = re.compile(r"([a-z]{1,20})-([0-9]{1,12})")
_EXPECTED = "expected the end and the number, such as servicenow-5"


class Chosen(Struct, frozen=True):
    """One exchange in the journal of an end.

    Attributes:
        other: the end that has it in its journal, too; None if nobody knows of one.
        fault: the fault that struck it at either end; empty for none.
    """

    end: End
    detail: ExchangeDetail
    other: End | None = None
    fault: str = ""

    @property
    def number(self) -> int:
        """Its number in the journal of that end."""
        return self.detail.row.number

    @property
    def is_form(self) -> bool:
        """Whether a browser posted it, so that its journal has neither its fields nor the page that was answered."""
        return self.detail.row.direction == "in" and not self.detail.printed["request"]["headers"]

    @property
    def name(self) -> str:
        """Its name in an address, such as ``servicenow-5``."""
        return f"{self.end.name.lower()}-{self.number}"

    @property
    def address(self) -> str:
        """The address of its page."""
        return f"{COCKPIT}/exchanges/{self.end.name.lower()}/{self.number}"


class ChosenExchanges(Struct, frozen=True):
    """Exchanges, the oldest first, each once; ``missing`` says of each that was not found why."""

    all: list[Chosen]
    rows: list[MergedRow]
    missing: list[str]


async def one_chosen(ends: Ends, visit: Visit) -> Chosen:
    """Return the exchange that the address of a page names; raises PageError if there is none."""
    name, number = visit.request.match_info["end"], int(visit.request.match_info["number"])
    end = ends.named(name)
    if end is None:
        raise PageError(HTTPStatus.NOT_FOUND, f"No journal of {name!r}", ends.reason or "No end has this name.")
    detail = await end.exchange(number)
    if detail is None:
        reason = "The journal does not have this exchange: it has not happened yet, or is no longer kept."
        raise PageError(HTTPStatus.NOT_FOUND, f"Exchange {number} not found", reason)
    return Chosen(end, detail)


async def named(ends: Ends, text: str) -> Chosen:
    """Return the exchange of a name such as ``servicenow-5``; raises EndError if there is none."""
    found = _NAMED.fullmatch(text.strip().lower())
    if found is None:
        raise EndError(f"{quoted(text)} is not the name of an exchange; {_EXPECTED}")
    end = ends.named(found[1])
    if end is None:
        raise EndError(f"no end shown is {found[1]!r}; expected {' or '.join(each.name.lower() for each in ends)}")
    detail = await end.exchange(int(found[2]))
    if detail is None:
        raise EndError(f"{end.name} does not keep an exchange {found[2]}")
    return Chosen(end, detail)


async def previous_like(chosen: Chosen) -> str:
    """Return the name of the exchange before it with the same method and path; empty if there is none."""
    row, path = chosen.detail.row, path_of(chosen.detail.row.url)
    found = await chosen.end.find(f'method:{row.method} path:"{path[-200:]}"', _LIKE, row.number)
    same = (each for each in found.rows if path_of(each.url) == path and each.direction == row.direction)
    before = next(same, None)
    return "" if before is None else f"{chosen.end.name.lower()}-{before.number}"


async def choice(ends: Ends, names: Sequence[str], line: str | None) -> ChosenExchanges:
    """Return the exchanges of those names, or else the newest that a search line fits; raises EndError for the line.

    Without names and without a line it returns none; an empty line fits every exchange.
    """
    missing: list[str] = []
    known: dict[tuple[str, int], ExchangeDetail] = {}  # since large ones take long to print
    rows: dict[str, dict[int, ExchangeRow]] = {end.name: {} for end in ends}
    for end in ends if line is not None and not names else ():
        found = await end.find(line or "", MOST)
        rows[end.name] = {row.number: row for row in found.rows}
        missing += [f"all but the newest {MOST} that were found of {end.name}"] * found.more
    different = list(dict.fromkeys(names))
    missing += [f"{len(different) - MOST} of {len(different)} selected exchanges; {MOST} are possible"] * (
        len(different) > MOST
    )
    for name in different[:MOST]:
        try:
            chosen_one = await named(ends, name)
            rows[chosen_one.end.name][chosen_one.number] = chosen_one.detail.row
            known[chosen_one.end.name, chosen_one.number] = chosen_one.detail
        except EndError as error:
            missing.append(str(error))
    await _add_other_sides(ends, rows)
    newest_first = {name: sorted(some.values(), key=lambda row: -row.number) for name, some in rows.items()}
    one_list = merged([(end, FoundExchanges(newest_first[end.name])) for end in ends]).rows[::-1]
    senders = [(each, *each.sides[0]) for each in one_list]
    details = [
        (each, known.get((end.name, row.number)) or await end.exchange(row.number)) for each, end, row in senders
    ]
    # As its sender has it; one that has just left the journal is left out.
    chosen = [
        Chosen(each.sides[0][0], detail, each.sides[-1][0] if each.other else None, each.fault)
        for each, detail in details
        if detail is not None
    ]
    return ChosenExchanges(chosen, one_list, missing)


async def _add_other_sides(ends: Ends, rows: dict[str, dict[int, ExchangeRow]]) -> None:
    """Add what the other end has of the same exchanges: only in step are two journals in one order."""
    pairs = _Pairs(ends)
    for end in ends:
        for row in tuple(rows[end.name].values()):
            for side, its_row in await pairs.sides(end, row):
                rows[side.name][its_row.number] = its_row


class _Pairs:
    """Finds the exchanges that both ends have, though only one of them was chosen."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._known: dict[tuple[str, str], list[MergedRow]] = {}

    async def sides(self, end: End, row: ExchangeRow) -> list[tuple[End, ExchangeRow]]:
        """Return what the ends have of an exchange; nothing if the search does not find it again."""
        for each in await self._like(row.method, path_of(row.url)):
            if any(side is end and its_row.number == row.number for side, its_row in each.sides):
                return each.sides
        return []

    async def _like(self, method: str, path: str) -> list[MergedRow]:
        if len(self._ends.all) == 1:
            return []
        if (method, path) not in self._known:
            line = f'method:{method} path:"{path[-200:]}"'
            self._known[method, path] = merged([(end, await end.find(line, MOST)) for end in self._ends]).rows
        return self._known[method, path]


def seen(chosen: Chosen, ends: Ends) -> ExchangeToSave:
    """Return an exchange as a scenario is made from it."""
    row, printed = chosen.detail.row, chosen.detail.printed
    headers = printed["request"]["headers"]
    by_party = chosen.other is not None or row.direction == "out"
    return ExchangeToSave(
        at=row.at,
        server=server_of(chosen),
        method=row.method,
        target=target_of(row.url),
        request=printed["request"]["body"],
        status=row.status,
        answer=printed["response"]["body"],
        fault=chosen.fault,
        authorized=any(name.lower() == "authorization" for name, _ in headers),
        by_party=by_party if by_party or len(ends.all) > 1 else bool(row.mark) or None,
        form=chosen.is_form,
        about=row.about,
    )


def archived(chosen: Chosen, base: str) -> ArchivedExchange:
    """Return an exchange as an archive has it; ``base`` is the address of the end that has it."""
    row, printed = chosen.detail.row, chosen.detail.printed
    ours = {"in": ["response"], "out": ["request"]}[row.direction]
    return ArchivedExchange(
        at=row.at,
        method=row.method,
        url=row.url if row.direction == "out" else f"{base}{row.url}",
        request_headers=_pairs_of(printed["request"]),
        request=printed["request"]["body"],
        status=row.status,
        response_headers=_pairs_of(printed["response"]),
        response=printed["response"]["body"],
        further={"_ours": ours if chosen.other is None else ["request", "response"]},
    )


def server_of(chosen: Chosen) -> str:
    """Return the name of who answers an exchange."""
    row = chosen.detail.row
    return chosen.end.name if row.direction == "in" else row.party


def base_of(chosen: Chosen, visit: Visit) -> str:
    """Return the address of the end that has an exchange, as the browser finds it."""
    return chosen.end.url or str(visit.request.url.origin())


def _pairs_of(message: PrintedMessage) -> list[tuple[str, str]]:
    return [(str(name), value) for name, value in message["headers"]]
