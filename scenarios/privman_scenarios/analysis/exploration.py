"""Play scenarios, then the variations of those that passed."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from privman_core import interrupts
from privman_core.clock import Clock
from privman_scenarios.analysis.coverage import ContractsExercised, Exercised
from privman_scenarios.analysis.variations import (
    Bound,
    SentMessage,
    Variation,
    distinct,
    holds,
    messages_of,
    orders,
    swept,
    without_expectations,
)
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language.model import Scenario
from privman_scenarios.language.snapshot_checks import goes_back
from privman_scenarios.playing.events import (
    Event,
    Failure,
    JournalsRead,
    Listener,
    RunEnded,
    RunGrew,
    RunStarted,
    ScenarioEnded,
    VariationHeld,
)
from privman_scenarios.playing.observations import from_harness
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.processes import Player, spread
from privman_scenarios.playing.trial import try_out
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world import World

_LOGON = {
    "servicenow": ' -u "$SERVICENOW_USER:$SERVICENOW_PASSWORD"',
    "console": ' -H "Authorization: Bearer $TOKEN"',
}


async def transcript(world: World) -> str:
    """Return a curl command for each message that either party received, secrets masked; the same in every run.

    The parties' names stand for their addresses, which differ by run. What the harness only looked up is left out.
    """
    parties = {name.replace(" ", "-"): party for name, party in world.parties.items()}
    lines = [
        _curl(name, exchange)
        for name, party in parties.items()
        for exchange in await party.control.journal()
        if exchange["direction"] == "in" and not (exchange["method"] == "GET" and from_harness(exchange))
    ]
    text = "\n".join(lines)
    for name, party in parties.items():
        text = text.replace(urlsplit(party.url).netloc, name)
    return text


def _curl(name: str, exchange: Mapping[str, Any]) -> str:
    outcome = exchange["status"] or exchange["error"]
    fault = f" ({exchange['fault']})" if exchange["fault"] else ""
    body = exchange["request"]["body"]
    data = f" -H 'Content-Type: application/json' --data {_quoted(body)}" if body else ""
    logon = "" if exchange["url"].endswith("/logon/token") else _LOGON[name.partition("-")[0]]
    url = _quoted(f"http://{name}{exchange['url']}")
    return f"# {exchange['at']} {name}: {outcome}{fault}\ncurl -X {exchange['method']} {url}{logon}{data}"


def _quoted(text: str) -> str:
    """Return the text as a shell reads it, on one line."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + text.encode("unicode_escape").decode().replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True)
class PlayedScenario:
    """The events of a played scenario.

    Attributes:
        events: the last one is its end.
        variations: what is to be played because it passed.
    """

    events: Sequence[Event]
    variations: Sequence[Variation] = ()

    @property
    def ended(self) -> ScenarioEnded:
        """The event of its end."""
        (ended,) = (event for event in self.events if isinstance(event, ScenarioEnded))
        return ended


@dataclass(frozen=True, slots=True)
class VariationRunner:
    """Plays scenarios and finds their variations; it can be sent to another process.

    Attributes:
        player: plays the scenarios; events of their variations carry no exchanges.
        sweep: whether each message of a scenario that passed meets each fault.
        bound: how many orders of what happens together are played; None for none.
        exercised: gives what reads contract coverage off the journals of variations; None where nobody wants it.
    """

    player: Player
    sweep: bool = False
    bound: Bound | None = None
    exercised: Callable[[], Exercised] | None = None

    def vary(self, scenario: Scenario) -> PlayedScenario:
        """Play the scenario and find its variations if it passes."""
        played = PlayedScenario(self.player(scenario))
        if played.ended.outcome != "passed" or goes_back(scenario):
            return played
        return replace(played, variations=tuple(interrupts.run(self._variations(scenario))))

    def play(self, scenario: Scenario) -> PlayedScenario:
        """Play a variation; its events carry no journals, which would be too many."""
        return PlayedScenario(
            [*map(self._without_journal, replace(self.player, journals=bool(self.exercised))(scenario))]
        )

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

    async def _variations(self, scenario: Scenario) -> list[Variation]:
        bare = without_expectations(vocabulary(), scenario)
        try:
            return [*await self._swept(bare), *map(_whole, await self._interleaved(bare))]
        except ExpectationError:
            # Who cannot be watched cannot be judged either, which playing the scenario itself will tell.
            return [_whole(bare)]

    async def _swept(self, scenario: Scenario) -> Iterator[Variation]:
        return swept(scenario, await self._messages(scenario)) if self.sweep else iter(())

    async def _interleaved(self, scenario: Scenario) -> list[Scenario]:
        found: list[Scenario] = []
        for order in orders(scenario, self.bound) if self.bound else ():
            found.extend([order, *holds(order, await self._messages(order))])
        return found

    async def _messages(self, scenario: Scenario) -> list[SentMessage]:
        async with self.player.worlds.open(scenario.seed, scenario.clock) as world:
            return await messages_of(vocabulary(), scenario, world)

    async def _transcript(self, scenario: Scenario) -> str:
        async with self.player.worlds.open(scenario.seed, scenario.clock) as world:
            await try_out(vocabulary(), scenario, Play(world, scenario))
            return await transcript(world)


def _whole(scenario: Scenario) -> Variation:
    return Variation(scenario, len(scenario.steps))


class Exploration:
    """Plays scenarios and their variations in parallel, and tells of them in order.

    Args:
        clock: real time, for how long the run took.
        jobs: how many processes play at most.

    Attributes:
        found: the variations that failed.
        varied: how many variations were played.
        repeated: how many were left out, as they would have repeated one of those.
    """

    def __init__(self, runner: VariationRunner, listeners: Sequence[Listener], clock: Clock, jobs: int) -> None:
        self._runner = runner
        self._listeners = listeners
        self._clock = clock
        self._jobs = jobs
        self.found: list[ScenarioEnded] = []
        self.varied = 0
        self.repeated = 0

    def run(
        self, scenarios: Sequence[Scenario], seed: int, generated: Sequence[Scenario] = (), *, to_failure: bool = False
    ) -> RunEnded:
        """Play them all and return how it ended; what did not pass is not varied.

        Args:
            scenarios: to be played first, each as it was written.
            seed: of the run.
            generated: scenarios to be played and reported after the variations.
            to_failure: whether the first failure ends the run.
        """
        began = self._clock.now()
        self._tell(RunStarted(len(scenarios), seed))
        ended: list[ScenarioEnded] = []
        found: list[Variation] = []
        for played in self._play(scenarios):
            ended.append(played.ended)
            found.extend(played.variations)
            if to_failure and played.ended.failure:
                break
        else:
            variations = distinct(found)
            self.repeated = len(found) - len(variations)
            variations.extend(generated)
            self._tell(RunGrew(len(variations)))
            ended.extend(self._vary(variations, to_failure=to_failure))
        end = RunEnded.of(ended, self._since(began))
        self._tell(end)
        return end

    def _play(self, scenarios: Sequence[Scenario]) -> Iterator[PlayedScenario]:
        for played in spread(self._runner.vary, scenarios, self._jobs):
            self._tell(*played.events)
            yield played

    def _vary(self, variations: Sequence[Scenario], *, to_failure: bool) -> Iterator[ScenarioEnded]:
        for played in spread(self._runner.play, variations, self._jobs):
            self._tell_of_variation(played)
            yield played.ended
            if to_failure and played.ended.failure:
                return

    def _tell_of_variation(self, played: PlayedScenario) -> None:
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
