"""Record the exchanges of a run: from the journals of fakes, and the calls to systems that keep none."""

from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from privman_core.clock import Clock
from privman_scenarios.analysis.party_addresses import PartyAddresses
from privman_scenarios.analysis.recorded import SIDES, Headers, Recorded, Side
from privman_scenarios.errors import ExpectationError
from privman_scenarios.playing.engine import Worlds
from privman_scenarios.playing.events import Event, ScenarioStarted
from privman_scenarios.playing.http_api import PartyCall
from privman_scenarios.playing.merged_journals import is_of_people
from privman_scenarios.playing.world import World

Request = tuple[str, str, str]


class Recorder:
    """Worlds that keep the exchanges of what is played in them; also a listener, so that it knows what is played.

    Attributes:
        exchanges: what was kept, scenario by scenario.
    """

    def __init__(self, worlds: Worlds, clock: Clock) -> None:
        self._worlds = worlds
        self._clock = clock
        self._page = ""
        self._dictionary_asked = False
        self._listening = False
        self._kept: list[Recorded] = []
        self.exchanges: list[Recorded] = []

    def __call__(self, event: Event) -> None:
        """Record which scenario is played."""
        if isinstance(event, ScenarioStarted):
            self._page = event.scenario.name

    @asynccontextmanager
    async def open(self, seed: int | None = None, start: datetime | None = None) -> AsyncIterator[World]:
        """Return both parties; when they are left, what passed between them is kept."""
        self._kept, self._listening = [], True
        try:
            async with self._worlds.open(seed, start) as world:
                for party in (world.servicenow, world.console):
                    if not party.has_control and self.heard not in party.api.listeners:
                        party.api.listeners.append(self.heard)
                try:
                    yield world
                finally:
                    await self._read(world)
        finally:
            self._end()

    def heard(self, call: PartyCall) -> None:
        """Keep what was asked of a system without a journal, also before the world is open."""
        if self._listening:
            self._kept.append(self._asked(call))

    async def _read(self, world: World) -> None:
        # A journal that cannot be read has failed the scenario already.
        with suppress(ExpectationError):
            self._kept += await _journaled(world)
        await self._ask_dictionary(world)
        self._kept = [*map(_started_here(world).replaced, self._kept)]
        self._end()

    def _end(self) -> None:
        """Keep what passed until now; what is asked to clean up belongs to no scenario."""
        self._listening = False
        self._kept.sort(key=lambda exchange: exchange.at)
        self.exchanges += [replace(exchange, page=self._page) for exchange in self._kept]
        self._kept = []

    async def _ask_dictionary(self, world: World) -> None:
        """Ask a real instance once what it calls the app's tables and columns, which is kept as any other exchange."""
        if not world.servicenow.has_control and not self._dictionary_asked:
            self._dictionary_asked = True
            await world.servicenow.ask_dictionary()

    def _asked(self, call: PartyCall) -> Recorded:
        answer = call.answer
        return Recorded(
            at=self._clock.now(),
            method=answer.method,
            url=call.url,
            request_headers=tuple(call.headers.items()),
            request=call.body,
            status=answer.status,
            response_headers=tuple(answer.headers.items()),
            response=answer.body,
            ours=frozenset({"request"}),
        )


async def _journaled(world: World) -> list[Recorded]:
    """Return the exchanges in the journals of both parties, each once, but for those that an armed fault struck."""
    parties, journals = world.parties, await world.all_journals()
    silent = tuple(party.url for name, party in parties.items() if name not in journals)
    by_fakes = {_request(entry) for journal in journals.values() for entry in journal if entry["direction"] == "out"}
    return [
        _recorded(entry, parties[name].url, _ours(entry, by_fakes))
        for name, journal in journals.items()
        for entry in journal
        if not entry["fault"] and (entry["direction"] == "in" or entry["url"].startswith(silent))
    ]


def _ours(entry: Mapping[str, Any], by_fakes: Container[Request]) -> frozenset[Side]:
    """Return the sides of a fake's exchange that a fake or the run has said."""
    if entry["direction"] == "out":
        return frozenset({"request"})
    return frozenset(SIDES) if is_of_people(entry) or _request(entry) in by_fakes else frozenset({"response"})


def _request(entry: Mapping[str, Any]) -> Request:
    """Return what the journals of both parties have in common."""
    return entry["method"], urlsplit(entry["url"]).path, entry["request"]["body"]


def _started_here(world: World) -> PartyAddresses:
    """Return the parties of this process: their ports differ from run to run, and nobody has chosen them."""
    return PartyAddresses(
        {name: party.url for name, party in world.parties.items() if party.has_control and party.control.watch}
    )


def _recorded(entry: Mapping[str, Any], own_url: str, ours: frozenset[Side]) -> Recorded:
    request, response = entry["request"], entry["response"]
    return Recorded(
        at=datetime.fromisoformat(entry["at"]),
        method=entry["method"],
        url=entry["url"] if entry["direction"] == "out" else f"{own_url}{entry['url']}",
        request_headers=_headers(request["headers"]),
        request=request["body"].encode(),
        status=entry["status"],
        response_headers=_headers(response["headers"]),
        response=response["body"].encode(),
        ours=ours,
    )


def _headers(pairs: Iterable[Sequence[str]]) -> Headers:
    return tuple((name, value) for name, value in pairs)
