"""Same seed, same journals."""

import json
import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from privman_core.clock import RealClock
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world import World
from privman_scenarios.playing.world_builder import WorldBuilder

from .targets import scenarios


class Remembering:
    """Worlds that keep the journals of what was played in them."""

    def __init__(self, seed: int) -> None:
        # Sent to another process and back, worlds are the same.
        self._worlds: WorldBuilder = pickle.loads(pickle.dumps(WorldBuilder(seed)))  # noqa: S301 - our own
        self.journals = ""

    @asynccontextmanager
    async def open(self, seed: int | None = None, start: datetime | None = None) -> AsyncIterator[World]:
        """Return a world, and keep its journals when it closes."""
        async with self._worlds.open(seed, start) as world:
            yield world
            self.journals += await journal_text(world)


async def journal_text(world: World) -> str:
    """Return both journals, an exchange a line; the parties' names stand for their addresses, which differ by run."""
    parties = {"servicenow": world.servicenow, "console": world.console}
    journals = await world.journals()
    text = "".join(f"{name} {_line(exchange)}\n" for name, journal in journals.items() for exchange in journal)
    for name, party in parties.items():
        text = text.replace(party.url.partition("://")[2], name)
    return text


def _line(exchange: Mapping[str, Any]) -> str:
    answer = exchange["response"]
    kept = [header for header in answer["headers"] if not _varies(header[0], answer["headers"])]
    return json.dumps({**exchange, "response": {**answer, "headers": kept}}, ensure_ascii=False)


def _varies(name: str, headers: list[list[str]]) -> bool:
    """Tell whether a header says how well this run's ports compress."""
    compressed = any(other.lower() == "content-encoding" for other, _ in headers)
    return name.lower() == "content-length" and compressed


async def journals(played: list[Scenario], seed: int) -> str:
    """Return the journals of playing the scenarios."""
    worlds = Remembering(seed)
    engine = Engine(vocabulary(), worlds, [], RealClock())
    await engine.run(played, seed)
    return worlds.journals


@pytest.mark.long
@pytest.mark.parametrize("file", ["approve", "race-of-two-approvers", "retry-maximum", "setup-survives-hibernation"])
async def test_the_same_seed_gives_the_same_journals(file: str) -> None:
    """Byte for byte, twice in a row; another seed gives other identifiers."""
    first = await journals(scenarios(file), 7)
    assert first == await journals(scenarios(file), 7)
    assert first != await journals(scenarios(file), 8)


@pytest.mark.long
async def test_a_scenario_may_bring_its_own_seed_and_clock() -> None:
    """Then it goes the same way whatever the run's seed, and its time begins when it says."""
    (scenario,) = scenarios("deny")
    pinned = [replace(scenario, seed=3, clock=datetime(2031, 5, 6, 7, 8, tzinfo=UTC))]
    first = await journals(pinned, 7)
    assert first == await journals(pinned, 8)
    assert "2031-05-06T07:08:00" in first
