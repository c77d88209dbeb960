"""Keeps the exchanges of a run: what fakes journal, and what is asked of systems that keep no journal."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from privman_scenarios.engine import Worlds
from privman_scenarios.errors import ExpectationError
from privman_scenarios.events import Event, ScenarioStarted
from privman_scenarios.http_api import Call
from privman_scenarios.recordings.recorded import Headers, Recorded
from privman_scenarios.targets import Targets
from privman_testbench.clock import Clock


class Recorder:
    """Worlds that keep the exchanges of what is played in them; also a listener, so that it knows what is played.

    Attributes:
        exchanges: what was kept, scenario by scenario.
    """

    def __init__(self, worlds: Worlds, clock: Clock) -> None:
        self._worlds = worlds
        self._clock = clock
        self._page = ""
        self.exchanges: list[Recorded] = []

    def __call__(self, event: Event) -> None:
        """Take note of which scenario is played."""
        if isinstance(event, ScenarioStarted):
            self._page = event.scenario.name

    @asynccontextmanager
    async def open(self, seed: int | None = None, start: datetime | None = None) -> AsyncIterator[Targets]:
        """Return both parties; when they are left, what passed between them is kept."""
        kept: list[Recorded] = []
        async with self._worlds.open(seed, start) as targets:
            for party in (targets.servicenow, targets.console):
                if not party.has_control:
                    party.api.listeners.append(lambda call: kept.append(self._asked(call)))
            try:
                yield targets
            finally:
                # A journal that cannot be read has failed the scenario already.
                with suppress(ExpectationError):
                    kept += await _journaled(targets)
                kept.sort(key=lambda exchange: exchange.at)
                self.exchanges += [replace(exchange, page=self._page) for exchange in kept]

    def _asked(self, call: Call) -> Recorded:
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
        )


async def _journaled(targets: Targets) -> list[Recorded]:
    """Return the exchanges in the journals of both parties, each once, but for those that an armed fault struck."""
    parties, journals = targets.parties, await targets.journals()
    silent = tuple(party.url for name, party in parties.items() if name not in journals)
    return [
        _recorded(entry, parties[name].url)
        for name, journal in journals.items()
        for entry in journal
        if not entry["fault"] and (entry["direction"] == "in" or entry["url"].startswith(silent))
    ]


def _recorded(entry: Mapping[str, Any], own_url: str) -> Recorded:
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
    )


def _headers(pairs: Iterable[Sequence[str]]) -> Headers:
    return tuple((name, value) for name, value in pairs)
