"""Plays a story on both fakes, in this process."""

from privman_core import interrupts
from privman_core.clock import RealClock
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import ScenarioEnded
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

WORLDS = WorldBuilder(0)


def play_stories(text: str, file: str = "story.yaml") -> list[ScenarioEnded]:
    """Play each scenario in the text, as if it stood in that file, and return how it ended."""
    scenarios = Loader(vocabulary()).parse(text, file)
    engine = Engine(vocabulary(), WORLDS, [], RealClock())
    return [interrupts.run(engine.play(scenario)) for scenario in scenarios]


def why_failed(text: str) -> str:
    """Play the only scenario in the text and return why it failed, with file and line; empty if it passed."""
    (ended,) = play_stories(text)
    return ended.failure.message if ended.failure else ""
