"""Stories over both integrations, and what changes between them: for a team that moves from SOAP to the webhook."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from itertools import zip_longest
from pathlib import Path
from typing import Any

from privman_core.clock import RealClock
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language.loader import Loader
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.control_plane import Journal
from privman_scenarios.playing.merged_journals import is_of_people
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.step_player import StepPlayer
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world import Numbers, World
from privman_scenarios.playing.world_builder import WorldBuilder

_PREPARES = "console.create-request-items"
_REQUESTED_ITEMS = "sc_req_item"
INTEGRATIONS = ("webhook", "soap")


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a story over one integration.

    Attributes:
        state: of the request in the console, with comment and duration.
        waited: virtual seconds from the decision in ServiceNow until the console had it; None for neither.
        to_servicenow: calls of the console from the request on.
        to_console: the same of ServiceNow.
        records: what ServiceNow has of the request, one text for each record.
        impossible: why a step of the story does not exist over this integration; empty where all do.
    """

    state: str
    comment: str
    duration: str
    waited: float | None
    to_servicenow: int
    to_console: int
    records: tuple[str, ...]
    impossible: str = ""


@dataclass(frozen=True, slots=True)
class Parity:
    """One story over both integrations."""

    title: str
    webhook: Ending
    soap: Ending

    @property
    def differs(self) -> bool:
        """Whether the same steps end in another state or with another comment."""
        if self.webhook.impossible or self.soap.impossible:
            return False
        return (self.webhook.state, self.webhook.comment) != (self.soap.state, self.soap.comment)


def stories() -> list[tuple[Scenario, Scenario]]:
    """Return each packaged story over the webhook and over SOAP."""
    file = Path(str(resources.files("privman_scenarios.analysis") / "parity-stories.yaml"))
    loaded = Loader(vocabulary()).load([file])
    return list(zip(loaded[::2], loaded[1::2], strict=True))


async def compare(webhook: Scenario, soap: Scenario, seed: int) -> Parity:
    """Play a story over both integrations, in worlds of its own."""
    return Parity(webhook.title, await _play(webhook, seed), await _play(soap, seed))


async def _play(scenario: Scenario, seed: int) -> Ending:
    async with WorldBuilder(seed).open() as world:
        play = Play(world, scenario)
        steps = StepPlayer(vocabulary(), play, RealClock())
        begun: Numbers = {}
        impossible = ""
        for step, following in zip_longest(scenario.played, scenario.played[1:]):
            try:
                await steps.play(step, following)
            except ExpectationError as error:
                impossible = f"{step.verb}: expected {error.expected}; got {error.got}"
            if step.verb == _PREPARES:
                begun = await world.numbers()
        return await _ending(world, begun, impossible)


async def _ending(world: World, begun: Numbers, impossible: str) -> Ending:
    (approval,) = await world.console.approvals()
    journals = {name: _later(journal, begun[name]) for name, journal in (await world.journals()).items()}
    return Ending(
        approval["state"],
        approval["comment"],
        approval["duration"],
        _waited(journals["servicenow"], approval),
        sum(_is_of_party(each) for each in journals["servicenow"]),
        sum(_is_of_party(each) for each in journals["console"]),
        tuple([each async for each in _records(world)]),
        impossible,
    )


def _later(journal: Journal, number: int) -> Journal:
    return [each for each in journal if each["number"] > number]


def _is_of_party(exchange: Mapping[str, Any]) -> bool:
    """Tell whether a party received it from the other one."""
    return exchange["direction"] == "in" and not is_of_people(exchange)


def _waited(journal: Journal, approval: Mapping[str, Any]) -> float | None:
    decided = [each["at"] for each in journal if each["method"] == "PATCH" and is_of_people(each)]
    if not decided or not approval["decided_at"]:
        return None
    return (datetime.fromisoformat(approval["decided_at"]) - datetime.fromisoformat(decided[0])).total_seconds()


async def _records(world: World) -> AsyncIterator[str]:
    for row in await world.servicenow.find("request"):
        yield row["status"]
    for row in await world.servicenow.find(_REQUESTED_ITEMS):
        yield row["approval"] if row["active"] == "true" else f"{row['approval']}, closed"


COLUMNS = (
    "story",
    "over",
    "ends",
    "after",
    "console calls",
    "ServiceNow calls",
    "comment",
    "duration",
    "in ServiceNow",
)


def rows(parity: Parity) -> Iterator[tuple[str, ...]]:
    """Yield a row of `COLUMNS` for each integration."""
    for name, ending in zip(INTEGRATIONS, (parity.webhook, parity.soap), strict=True):
        yield (
            parity.title if name == INTEGRATIONS[0] else "",
            name,
            "not possible" if ending.impossible else ending.state,
            "" if ending.waited is None else f"{ending.waited:g} s",
            str(ending.to_servicenow),
            str(ending.to_console),
            ending.comment,
            ending.duration,
            " | ".join(ending.records),
        )
