"""Play scenarios, and report typed events."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice, zip_longest
from typing import Protocol

from privman_core.clock import Clock
from privman_scenarios.errors import ExpectationError, NotSavedError
from privman_scenarios.language.model import Scenario, Step
from privman_scenarios.language.rule_conditions import why_not
from privman_scenarios.language.unused import warnings
from privman_scenarios.language.vocabulary import Vocabulary
from privman_scenarios.playing.events import (
    Event,
    Failure,
    JournalsRead,
    Listener,
    Outcome,
    RunEnded,
    RunStarted,
    ScenarioEnded,
    ScenarioStarted,
    StepFailed,
    StepFinding,
    StepPassed,
)
from privman_scenarios.playing.invariants import INVARIANTS
from privman_scenarios.playing.observed_names import MOST, observations
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.step_player import StepPlayer
from privman_scenarios.playing.trial import TRIAL_NEEDS, try_out
from privman_scenarios.playing.world import PartyFinding, World, find_all


class Worlds(Protocol):
    """A source of worlds."""

    def open(self, seed: int | None = None, start: datetime | None = None, /) -> AbstractAsyncContextManager[World]:
        """Return both parties in the state at start; raises TargetUnreachableError.

        Args:
            seed: of the identifiers; None for that of the run.
            start: when virtual time begins; None for the usual moment.
        """


class Engine:
    """Plays scenarios one after the other.

    Args:
        clock: real time, for how long things took and for patience with real systems.
        strict: whether what ServiceNow swallowed fails a scenario.
        journals: whether a listener wants the exchanges of each scenario; reading them takes some milliseconds.
    """

    def __init__(  # noqa: PLR0913 - the last two are switches
        self,
        vocabulary: Vocabulary,
        worlds: Worlds,
        listeners: Sequence[Listener],
        clock: Clock,
        *,
        strict: bool = False,
        journals: bool = False,
    ) -> None:
        self._vocabulary = vocabulary
        self._worlds = worlds
        self._listeners = listeners
        self._clock = clock
        self._strict = strict
        self._journals = journals

    async def run(self, scenarios: Sequence[Scenario], seed: int, *, to_failure: bool = False) -> RunEnded:
        """Play them all, or up to the first failure, and return how it ended."""
        self._tell(RunStarted(len(scenarios), seed))
        began = self._clock.now()
        played: list[ScenarioEnded] = []
        for scenario in scenarios:
            played.append(await self.play(scenario))
            if to_failure and played[-1].failure:
                break
        ended = RunEnded.of(played, self._since(began))
        self._tell(ended)
        return ended

    async def play(self, scenario: Scenario) -> ScenarioEnded:
        """Play one scenario in a world of its own and return how it ended."""
        self._tell(ScenarioStarted(scenario))
        began = self._clock.now()
        async with self._worlds.open(scenario.seed, scenario.clock) as world:
            if reason := why_not(scenario.when, world.servicenow.names):
                ended = ScenarioEnded(scenario, "inapplicable", self._since(began), reason)
            elif reason := self._why_skipped(scenario, world):
                ended = ScenarioEnded(scenario, "skipped", self._since(began), reason)
            else:
                play = Play(world, scenario)
                steps = StepPlayer(self._vocabulary, play, self._clock)
                failure, findings, of_steps = await self._outcome(scenario, play, steps)
                await self._tell_journals(scenario, play)
                outcome: Outcome = "failed" if failure else "passed"
                ended = ScenarioEnded(
                    scenario, outcome, self._since(began), "", failure, findings, steps.checks, of_steps
                )
        self._tell(ended)
        return ended

    async def _tell_journals(self, scenario: Scenario, play: Play) -> None:
        if not self._journals:
            return
        # A journal that cannot be read has failed the scenario already, when its findings were looked for.
        with suppress(ExpectationError):
            self._tell(JournalsRead(scenario, await play.world.all_journals(), frozenset(play.expected)))

    async def _outcome(
        self, scenario: Scenario, play: Play, steps: StepPlayer
    ) -> tuple[Failure | None, tuple[str, ...], tuple[StepFinding, ...]]:
        try:
            failures = await self._failures(scenario, play, steps)
        except BaseException:  # an interrupt, too: what a real system has kept must not stay because of it
            await self._tear_down(scenario, play, steps, failed=True)
            raise
        failures += await self._tear_down(scenario, play, steps, failed=bool(failures))
        findings: list[PartyFinding] = []
        if scenario.check == "steps":
            findings, further = await self._judged_findings(scenario, play)
            failures += [] if failures else further
        of_steps = _of_steps(scenario, play, findings)
        failures = _explained(scenario, failures, of_steps)
        whole = replace(failures[0], further=tuple(failures[1:])) if failures else None
        if whole:
            self._tell(StepFailed(scenario, whole))
        return whole, (*warnings(scenario, self._vocabulary), *map(str, findings)), of_steps

    async def _failures(self, scenario: Scenario, play: Play, steps: StepPlayer) -> list[Failure]:
        """Play up to the first failure that is not soft, and return all."""
        if scenario.check == "invariants":
            steps.checks += len(INVARIANTS)
            return await _seen(await try_out(self._vocabulary, scenario, play), play)
        failures: list[Failure] = []
        for step, following in zip_longest(scenario.played, scenario.played[1:]):
            try:
                await self._play_step(scenario, step, following, steps)
            except ExpectationError as error:
                failures += await _seen(self._failure_of(scenario, step, error, play), play)
                if not step.soft:
                    return failures
        return failures or await _seen(await _idle_fault(scenario, play), play)

    def _failure_of(self, scenario: Scenario, step: Step, error: ExpectationError, play: Play) -> Failure:
        """Return the failure with the observed names that it depends on."""
        names, comparison = play.world.servicenow.names, error.comparison
        seen = observations(step, self._vocabulary[step.verb], comparison, names) if comparison else ()
        return replace(_failure_of(scenario, step, error), observations=tuple(islice(seen, MOST)))

    async def _play_step(self, scenario: Scenario, step: Step, following: Step | None, steps: StepPlayer) -> None:
        watched = await steps.play(step, following)
        self._tell(StepPassed(scenario, step, watched))

    async def _tear_down(self, scenario: Scenario, play: Play, steps: StepPlayer, *, failed: bool) -> list[Failure]:
        """Play every step of the teardown and return which fail; what failed steps have not saved fails none.

        Where only invariants are judged, steps that act may fail here, too.
        """
        failures: list[Failure] = []
        play.take_trouble()
        for step, following in zip_longest(scenario.teardown, scenario.teardown[1:]):
            try:
                await self._play_step(scenario, step, following, steps)
            except ExpectationError as error:
                is_excused = failed and isinstance(error, NotSavedError)
                may_fail = scenario.check == "invariants" and not self._vocabulary[step.verb].only_looks
                failures += [] if is_excused or may_fail else [_failure_of(scenario, step, error)]
        return failures

    async def _judged_findings(self, scenario: Scenario, play: Play) -> tuple[list[PartyFinding], list[Failure]]:
        """Return the findings that no step asked for, and why a scenario fails whose steps all held."""
        try:
            findings = await _unasked_findings(play)
        except ExpectationError as error:
            unread = Failure("findings", scenario.file, scenario.line, error.expected, error.got)
            return [], await _seen(unread, play)
        failures = self._afterwards(scenario, play, findings)
        return findings, [*await _seen(next(iter(failures), None), play), *failures[1:]]

    def _afterwards(self, scenario: Scenario, play: Play, findings: Sequence[PartyFinding]) -> list[Failure]:
        """Return why a scenario fails whose steps all held: a failure for each line that has findings."""
        red: dict[tuple[str, int], list[PartyFinding]] = defaultdict(list)
        for each in findings:
            if self._strict or each.kind == "violation":
                step = play.step_of(each)
                place = (scenario.file_of(step), step.line) if step else (scenario.file, scenario.line)
                red[place].append(each)
        if red:
            return [_unexpected(place, found) for place, found in red.items()]
        if not any(self._vocabulary[step.verb].checks for step in scenario.steps):
            return [Failure("steps", scenario.file, scenario.line, "a step that expects something", "none")]
        return []

    def _why_skipped(self, scenario: Scenario, world: World) -> str:
        for need in sorted(TRIAL_NEEDS if scenario.check == "invariants" else ()):
            if need in world.lacking:
                return f"the invariants need {need}: {world.lacking[need]}"
        for step in scenario.all_steps:
            for need in sorted(self._vocabulary[step.verb].needs_of(step.arguments)):
                if need in world.lacking:
                    return f"{scenario.named(step)} needs {need}: {world.lacking[need]}"
        return ""

    def _since(self, began: datetime) -> float:
        return (self._clock.now() - began).total_seconds()

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


def _failure_of(scenario: Scenario, step: Step, error: ExpectationError) -> Failure:
    return Failure(step.verb, scenario.file_of(step), step.line, error.expected, error.got, comparison=error.comparison)


async def _seen(failure: Failure | None, play: Play) -> list[Failure]:
    """Return the failure with the last exchanges in it, if there is one."""
    return [replace(failure, exchanges=await _last_exchanges(play.world))] if failure else []


async def _idle_fault(scenario: Scenario, play: Play) -> Failure | None:
    """Return why a scenario fails that was to show what comes of a fault which has never struck."""
    try:
        found = await play.idle_fault()
    except ExpectationError as error:
        return Failure("findings", scenario.file, scenario.line, error.expected, error.got)
    if found is None:
        return None
    armed, idle = found
    expected = f"{armed.words} to strike (or 'optional: true')"
    got = f"{idle.done} that it fits"
    return Failure(armed.step.verb, scenario.file_of(armed.step), armed.step.line, expected, got)


def _unexpected(place: tuple[str, int], found: Sequence[PartyFinding]) -> Failure:
    steps = dict.fromkeys(f"'{each.party}.expect-finding: {each.rule}'" for each in found)
    expected = f"no finding that no step expects; a later step {' and '.join(steps)} would expect it"
    return Failure("findings", *place, expected, "; ".join(map(str, found)))


async def _unasked_findings(play: Play) -> list[PartyFinding]:
    found = [*play.found, *await find_all(play.world)]
    return [each for each in found if each not in play.acknowledged]


def _of_steps(scenario: Scenario, play: Play, findings: Sequence[PartyFinding]) -> tuple[StepFinding, ...]:
    placed = ((each, play.step_of(each)) for each in findings)
    return tuple(StepFinding(step, scenario.file_of(step), str(each)) for each, step in placed if step)


def _explained(scenario: Scenario, failures: Sequence[Failure], findings: Sequence[StepFinding]) -> list[Failure]:
    """Return the failures of steps, each with the findings until then that no earlier one has."""
    order = {(each.verb, scenario.file_of(each), each.line): number for number, each in enumerate(scenario.all_steps)}
    left = list(findings)
    explained: list[Failure] = []
    for failure in failures:
        until = order.get((failure.step, failure.file, failure.line), -1)
        own = [each for each in left if order[each.step.verb, each.file, each.step.line] <= until]
        left = [each for each in left if each not in own]
        explained.append(replace(failure, findings=tuple(map(str, own))))
    return explained


async def _last_exchanges(world: World) -> tuple[str, ...]:
    try:
        return tuple(await world.last_exchanges())
    except ExpectationError as error:
        return (str(error),)
