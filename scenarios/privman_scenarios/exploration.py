"""Scenarios, and then the variations of those that passed."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from privman_core.clock import Clock
from privman_scenarios.events import (
    ContractsExercised,
    Event,
    Listener,
    RunEnded,
    RunGrew,
    RunStarted,
    ScenarioEnded,
    VariationHeld,
)
from privman_scenarios.model import Scenario
from privman_scenarios.processes import spread
from privman_scenarios.workshop import Played, Workshop


class Exploration:
    """Plays scenarios and their variations in parallel, and tells of them in order.

    Args:
        clock: real time, for how long the run took.
        jobs: how many processes play at most.

    Attributes:
        found: the variations that failed.
        varied: how many variations were played.
    """

    def __init__(self, workshop: Workshop, listeners: Sequence[Listener], clock: Clock, jobs: int) -> None:
        self._workshop = workshop
        self._listeners = listeners
        self._clock = clock
        self._jobs = jobs
        self.found: list[ScenarioEnded] = []
        self.varied = 0

    def run(self, scenarios: Sequence[Scenario], seed: int, generated: Sequence[Scenario] = ()) -> RunEnded:
        """Play them all and return how it ended; what did not pass is not varied.

        Args:
            scenarios: to be played first, each as it was written.
            seed: of the run.
            generated: scenarios to be played after the variations, and told of like them.
        """
        began = self._clock.now()
        self._tell(RunStarted(len(scenarios), seed))
        ended, variations = self._play(scenarios)
        variations.extend(generated)
        self._tell(RunGrew(len(variations)))
        ended.extend(self._vary(variations))
        end = RunEnded.of(ended, self._since(began))
        self._tell(end)
        return end

    def _play(self, scenarios: Sequence[Scenario]) -> tuple[list[ScenarioEnded], list[Scenario]]:
        ended: list[ScenarioEnded] = []
        variations: list[Scenario] = []
        for played in spread(self._workshop.vary, scenarios, self._jobs):
            self._tell(*played.events)
            ended.append(played.ended)
            variations.extend(played.variations)
        return ended, variations

    def _vary(self, variations: Sequence[Scenario]) -> Iterable[ScenarioEnded]:
        for played in spread(self._workshop.play, variations, self._jobs):
            self._tell_of_variation(played)
            yield played.ended

    def _tell_of_variation(self, played: Played) -> None:
        outcome = played.ended.outcome
        self.varied += outcome in ("passed", "failed")
        if outcome == "passed":
            exercised = [event for event in played.events if isinstance(event, ContractsExercised)]
            self._tell(*exercised, VariationHeld(played.ended.scenario))
            return
        self._tell(*played.events)
        if outcome == "failed":
            self.found.append(played.ended)

    def _since(self, began: datetime) -> float:
        return (self._clock.now() - began).total_seconds()

    def _tell(self, *events: Event) -> None:
        for event in events:
            for listener in self._listeners:
                listener(event)
