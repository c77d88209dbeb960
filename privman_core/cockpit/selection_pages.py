"""The cockpit's pages of chosen exchanges: as a scenario, as an archive, and two of them compared."""

from collections.abc import Mapping
from http import HTTPStatus
from itertools import takewhile
from urllib.parse import urlencode

from aiohttp import web

from privman_core.cockpit.chosen_exchanges import (
    Chosen,
    ChosenExchanges,
    base_of,
    choice,
    named,
    size_of,
)
from privman_core.cockpit.compared_exchanges import ComparedExchanges, compare
from privman_core.cockpit.parties import Parties, PartyFinder
from privman_core.cockpit.product import Product
from privman_core.cockpit.saved_exchanges import archived, to_save
from privman_core.cockpit.shown_party import PartyError
from privman_core.cockpit.time_words import date_time
from privman_core.control import COCKPIT, is_foreign_page
from privman_core.exchange import path_of
from privman_core.http_archive import to_har
from privman_core.journal import aside_of
from privman_core.pages.rendering import see, to_file
from privman_core.pages.site import PageError, Visit

NO_SCENARIO = (
    "No step of a scenario asks for these exchanges: the two parties send them of their own accord, or a browser posted"
    " them as forms."
)
_LED_HERE = "A page of another site led here. Nothing was searched."
COMPARE, SELECTION = f"{COCKPIT}/compare", f"{COCKPIT}/selection"
_LEADS: Mapping[str, str] = {"compare": COMPARE, "har": f"{SELECTION}/exchanges.har"}
"""Where the buttons of the journal lead; any other leads to the selection."""


class SelectionPages:
    """Shows what can be made of the chosen exchanges.

    Args:
        product: writes scenarios.
    """

    def __init__(self, parties: PartyFinder, product: Product) -> None:
        self._parties = parties
        self._product = product

    async def show(self, visit: Visit) -> web.Response:
        """Show the exchanges ``x``, or without these all that match the search line ``find``, and the scenario of them.

        ``do`` is the button that was pressed in the journal.
        """
        if is_foreign_page(visit.request):
            raise PageError(HTTPStatus.FORBIDDEN, "Not from another site", _LED_HERE, visit.request.path_qs)
        query = _query(visit)
        if leads := _LEADS.get(visit.query.get("do", "")):
            return see(f"{leads}?{query}")
        parties, line, error = await self._parties.find(), visit.query.get("find", "").strip(), ""
        found = ChosenExchanges([], [], [])
        try:
            found = await self._choice(parties, visit)
        except PartyError as refusal:
            error = str(refusal)
        scenario = await self._scenario(found, parties)
        return await visit.page(
            "cockpit/selection.html",
            400 if error else 200,
            title="Selection",
            parties=parties,
            line=line,
            error=error,
            found=found,
            scenario=scenario,
            remarks=_remarks(scenario),
            no_scenario=NO_SCENARIO,
            query=query,
            compare=f"{COMPARE}?{urlencode([('x', each.name) for each in found.all])}",
        )

    async def scenario(self, visit: Visit) -> web.Response:
        """Answer the scenario as a file, or show the selection if the search has not ended."""
        parties = await self._parties.find()
        found = await self._choice(parties, visit)
        if found.unjudged:
            return see(f"{SELECTION}?{_query(visit)}")
        text = await self._scenario(found, parties) or f"# {NO_SCENARIO}\n"
        return to_file("saved.yaml", text.encode(), "application/yaml")

    async def archive(self, visit: Visit) -> web.Response:
        """Answer the exchanges as an HTTP Archive, or show the selection if the search has not ended."""
        found = await self._choice(await self._parties.find(), visit)
        if found.unjudged:
            return see(f"{SELECTION}?{_query(visit)}")
        some = [archived(each, base_of(each, visit)) for each in found.all]
        body = await aside_of(_size(found.all), lambda: to_har(some, "privman-cockpit"))
        return to_file("exchanges.har", body, "application/json")

    async def compare(self, visit: Visit) -> web.Response:
        """Show two exchanges ``x`` field by field, the older one first: what differs, or everything with ``all``."""
        parties, names = await self._parties.find(), [*_names(visit), "", ""][:2]
        errors, two = ["", ""], list[Chosen]()
        for place, name in enumerate(names if any(names) else ()):
            try:
                two.append(await named(parties, name))
            except PartyError as error:
                errors[place] = str(error)
        if len(two) == len(names):
            two.sort(key=lambda each: (each.detail.row.at, each.number))
            names = [each.name for each in two]
        compared = await _compared(two) if len(two) > 1 else None
        return await visit.page(
            "cockpit/compare.html",
            400 if any(errors) else 200,
            title="Compare",
            parties=parties,
            names=names,
            errors=errors,
            two=two,
            compared=compared,
            everything=bool(visit.query.get("all")),
            address=f"{COMPARE}?{urlencode([('x', name) for name in names])}",
        )

    async def _choice(self, parties: Parties, visit: Visit) -> ChosenExchanges:
        return await choice(parties, _names(visit), visit.query.get("find"))

    async def _scenario(self, found: ChosenExchanges, parties: Parties) -> str:
        some = found.all
        if not some:
            return ""
        return await aside_of(
            _size(some), lambda: self._product.scenario(_title(some), [to_save(each, parties) for each in some])
        )


async def _compared(two: list[Chosen]) -> ComparedExchanges:
    return await aside_of(_size(two), lambda: compare(*(each.detail.printed for each in two)))


def _size(some: list[Chosen]) -> int:
    """Return about how many bytes some exchanges have."""
    return sum(size_of(each.detail) for each in some)


def _names(visit: Visit) -> list[str]:
    """Return the names of the exchanges that were ticked; a folded line has those of several."""
    return [name for value in visit.query.getall("x", []) for name in value.split()]


def _query(visit: Visit) -> str:
    """Return the query that chooses the same exchanges on another page."""
    line = visit.query.get("find")
    return urlencode([("x", name) for name in _names(visit)] or [("find", line)] * (line is not None))


def _remarks(scenario: str) -> list[str]:
    """Return the comments at the top of a scenario: what it needs and leaves out."""
    lines = takewhile(lambda line: line.startswith("# "), scenario.splitlines())
    return [line.removeprefix("# ") for line in lines]


def _title(some: list[Chosen]) -> str:
    row = some[0].detail.row
    if len(some) == 1:
        path = path_of(row.url).replace("<", "").replace(">", "")
        return f"{row.method} {path} is answered with {row.status or 'nothing'}"
    return f"{len(some)} exchanges from {date_time(row.at)} to {date_time(some[-1].detail.row.at)}"
