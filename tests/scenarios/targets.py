"""Scenarios of the catalog, played on targets."""

from collections.abc import Sequence

from privman_core.clock import UNLISTED, Label, RealClock
from privman_scenarios.language.loader import Loader, catalog_files
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import Event, ScenarioEnded
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder


class Hurried(RealClock):
    """A clock on which waiting takes no time."""

    async def sleep(self, seconds: float, _label: Label = UNLISTED) -> None:
        """Return at once."""


def packaged(stem: str) -> str:
    """Return the file of the catalog with this name."""
    [path] = [path for path in catalog_files() if path.stem == stem]
    return str(path)


def scenarios(*files: str) -> list[Scenario]:
    """Return the scenarios of these files of the catalog."""
    return Loader(vocabulary()).load([path for path in catalog_files() if path.stem in files])


async def play(worlds: WorldBuilder, played: Sequence[Scenario], clock: RealClock | None = None) -> list[ScenarioEnded]:
    """Play the scenarios and return how each ended."""
    events: list[Event] = []
    await Engine(vocabulary(), worlds, [events.append], clock or Hurried()).run(played, 0)
    return [event for event in events if isinstance(event, ScenarioEnded)]
