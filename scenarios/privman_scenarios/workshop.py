"""What a process needs to vary scenarios, each by itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from privman_core import interrupts
from privman_scenarios.coverage.exercised import Exercised
from privman_scenarios.errors import ExpectationError
from privman_scenarios.events import ContractsExercised, Event, Failure, JournalsRead, ScenarioEnded
from privman_scenarios.interleaving.holds import holds
from privman_scenarios.interleaving.orders import Bound, orders
from privman_scenarios.invariants.trial import try_out
from privman_scenarios.model import Scenario
from privman_scenarios.play import Play
from privman_scenarios.player import Player
from privman_scenarios.sweep.messages import Message, messages_of, without_expectations
from privman_scenarios.sweep.variations import variations
from privman_scenarios.transcript import transcript
from privman_scenarios.verbs import vocabulary


@dataclass(frozen=True, slots=True)
class Played:
    """What happened when a scenario was played.

    Attributes:
        events: the last one is its end.
        variations: what is to be played because it passed.
    """

    events: Sequence[Event]
    variations: Sequence[Scenario] = ()

    @property
    def ended(self) -> ScenarioEnded:
        """How it ended."""
        (ended,) = (event for event in self.events if isinstance(event, ScenarioEnded))
        return ended


@dataclass(frozen=True, slots=True)
class Workshop:
    """Plays scenarios and finds their variations; it can be sent to another process.

    Attributes:
        player: plays the scenarios; of their variations nobody is told the exchanges.
        sweep: whether each message of a scenario that passed meets each fault.
        bound: how many orders of what happens together are played; None for none.
        exercised: gives what reads contract coverage off the journals of variations; None where nobody wants it.
    """

    player: Player
    sweep: bool = False
    bound: Bound | None = None
    exercised: Callable[[], Exercised] | None = None

    def vary(self, scenario: Scenario) -> Played:
        """Play the scenario and find its variations if it passes."""
        played = Played(self.player(scenario))
        if played.ended.outcome != "passed":
            return played
        return replace(played, variations=tuple(interrupts.run(self._variations(scenario))))

    def play(self, scenario: Scenario) -> Played:
        """Play a variation; its journals are too many to be told."""
        return Played([*map(self._without_journal, replace(self.player, journals=bool(self.exercised))(scenario))])

    def _without_journal(self, event: Event) -> Event:
        if isinstance(event, JournalsRead) and self.exercised:
            return ContractsExercised(event.scenario, self.exercised()(event))
        return event

    def failure(self, scenario: Scenario) -> Failure | None:
        """Play a variation and return why it fails, None when it does not."""
        return self.play(scenario).ended.failure

    def transcript(self, scenario: Scenario) -> str:
        """Play a variation and return what went over the wire, as curl commands."""
        return interrupts.run(self._transcript(scenario))

    async def _variations(self, scenario: Scenario) -> list[Scenario]:
        bare = without_expectations(vocabulary(), scenario)
        try:
            return [*await self._swept(bare), *await self._interleaved(bare)]
        except ExpectationError:
            # Who cannot be watched cannot be judged either, which playing the scenario itself will tell.
            return [bare]

    async def _swept(self, scenario: Scenario) -> Iterator[Scenario]:
        return variations(scenario, await self._messages(scenario)) if self.sweep else iter(())

    async def _interleaved(self, scenario: Scenario) -> list[Scenario]:
        found: list[Scenario] = []
        for order in orders(scenario, self.bound) if self.bound else ():
            found.extend([order, *holds(order, await self._messages(order))])
        return found

    async def _messages(self, scenario: Scenario) -> list[Message]:
        async with self.player.worlds.open(scenario.seed, scenario.clock) as targets:
            return await messages_of(vocabulary(), scenario, targets)

    async def _transcript(self, scenario: Scenario) -> str:
        async with self.player.worlds.open(scenario.seed, scenario.clock) as targets:
            await try_out(vocabulary(), scenario, Play(targets, scenario.own))
            return await transcript(targets)
