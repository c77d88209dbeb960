"""Scenarios played in this process or in several, with the same outcome and in the same order."""

from collections.abc import Sequence
from dataclasses import dataclass

from privman_core import interrupts
from privman_core.clock import Clock, RealClock
from privman_scenarios.engine import Engine, Worlds
from privman_scenarios.events import Event, Listener, RunEnded, RunStarted, ScenarioEnded
from privman_scenarios.model import Scenario
from privman_scenarios.processes import spread
from privman_scenarios.verbs import vocabulary


@dataclass(frozen=True, slots=True)
class Player:
    """Plays one scenario; can be sent to another process.

    Attributes:
        strict: whether what ServiceNow swallowed fails a scenario.
        journals: whether a listener wants the exchanges of each scenario.
    """

    worlds: Worlds
    strict: bool = False
    journals: bool = False

    def __call__(self, scenario: Scenario) -> list[Event]:
        """Return what happened."""
        told: list[Event] = []
        interrupts.run(self.engine([told.append]).play(scenario))
        return told

    def engine(self, listeners: Sequence[Listener]) -> Engine:
        """Return an engine that plays as this player does."""
        return Engine(vocabulary(), self.worlds, listeners, RealClock(), strict=self.strict, journals=self.journals)


class Run:
    """Plays scenarios in several processes.

    Args:
        clock: real time, for how long the run took.
        jobs: how many processes there are at most.
    """

    def __init__(self, player: Player, listeners: Sequence[Listener], clock: Clock, jobs: int) -> None:
        self._player = player
        self._listeners = listeners
        self._clock = clock
        self._jobs = jobs

    def play(self, scenarios: Sequence[Scenario], seed: int) -> RunEnded:
        """Play them all, tell of each in order, and return how it ended; raises TargetUnreachableError."""
        began = self._clock.now()
        self._tell(RunStarted(len(scenarios), seed))
        ended: list[ScenarioEnded] = []
        for events in spread(self._player, scenarios, self._jobs):
            for event in events:
                self._tell(event)
            ended.extend(event for event in events if isinstance(event, ScenarioEnded))
        end = RunEnded.of(ended, (self._clock.now() - began).total_seconds())
        self._tell(end)
        return end

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
