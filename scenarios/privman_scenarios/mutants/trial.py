"""Does any scenario notice a mutant?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from privman_core import interrupts
from privman_core.clock import RealClock
from privman_scenarios.engine import Engine
from privman_scenarios.events import Failure, ScenarioEnded
from privman_scenarios.model import Scenario
from privman_scenarios.mutants.mutant import Mutant
from privman_scenarios.mutants.worlds import TamperedWorlds
from privman_scenarios.verbs import vocabulary
from privman_scenarios.world import WorldBuilder


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        failure: of the first scenario that failed; None when the mutant survived.
    """

    mutant: Mutant
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Trials:
    """Plays scenarios between proxies, with a mutant in them or without; can be sent to another process."""

    scenarios: Sequence[Scenario]
    seed: int

    def failure_without_mutant(self, scenario: Scenario) -> str:
        """Return why the scenario fails though nothing is broken; empty when it holds."""
        ended = self._play(scenario, None)
        return ended.failure.message if ended.failure else ""

    def verdict(self, mutant: Mutant) -> Verdict:
        """Play scenarios against the mutant until one fails, those that are expected to notice it first."""
        for scenario in sorted(self.scenarios, key=lambda each: Path(each.file).stem != mutant.noticed_by):
            ended = self._play(scenario, mutant)
            if ended.failure:
                return Verdict(mutant, ended.failure)
        return Verdict(mutant)

    def _play(self, scenario: Scenario, mutant: Mutant | None) -> ScenarioEnded:
        worlds = TamperedWorlds(WorldBuilder(self.seed), mutant)
        return interrupts.run(Engine(vocabulary(), worlds, [], RealClock()).play(scenario))
