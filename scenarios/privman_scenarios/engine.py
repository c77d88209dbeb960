"""Plays scenarios and tells what happens in typed events."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest
from typing import Protocol

from privman_core.clock import Clock
from privman_scenarios.conditions import why_not
from privman_scenarios.errors import ExpectationError
from privman_scenarios.events import (
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
    StepPassed,
)
from privman_scenarios.findings import Finding, find_all
from privman_scenarios.invariants.rules import INVARIANTS
from privman_scenarios.invariants.trial import TRIAL_NEEDS, try_out
from privman_scenarios.model import Arguments, Scenario, Step
from privman_scenarios.play import Play
from privman_scenarios.quiet import PREPARING, forbids
from privman_scenarios.targets import Targets
from privman_scenarios.vocabulary import Verb, Vocabulary


class Worlds(Protocol):
    """Where scenarios get their two parties from."""

    def open(self, seed: int | None = None, start: datetime | None = None, /) -> AbstractAsyncContextManager[Targets]:
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
        self._checks = 0

    async def run(self, scenarios: Sequence[Scenario], seed: int) -> RunEnded:
        """Play them all and return how it ended."""
        self._tell(RunStarted(len(scenarios), seed))
        began = self._clock.now()
        ended = RunEnded.of([await self.play(scenario) for scenario in scenarios], self._since(began))
        self._tell(ended)
        return ended

    async def play(self, scenario: Scenario) -> ScenarioEnded:
        """Play one scenario in a world of its own and return how it ended."""
        self._tell(ScenarioStarted(scenario))
        began = self._clock.now()
        self._checks = 0
        async with self._worlds.open(scenario.seed, scenario.clock) as targets:
            if reason := why_not(scenario.when, targets.servicenow.names):
                ended = ScenarioEnded(scenario, "inapplicable", self._since(began), reason)
            elif reason := self._why_skipped(scenario, targets):
                ended = ScenarioEnded(scenario, "skipped", self._since(began), reason)
            else:
                play = Play(targets, scenario.own)
                failure, findings = await self._outcome(scenario, play)
                await self._tell_journals(scenario, play)
                outcome: Outcome = "failed" if failure else "passed"
                ended = ScenarioEnded(scenario, outcome, self._since(began), "", failure, findings, self._checks)
        self._tell(ended)
        return ended

    async def _tell_journals(self, scenario: Scenario, play: Play) -> None:
        if not self._journals:
            return
        # A journal that cannot be read has failed the scenario already, when its findings were looked for.
        with suppress(ExpectationError):
            self._tell(JournalsRead(scenario, await play.targets.journals(), frozenset(play.expected)))

    async def _outcome(self, scenario: Scenario, play: Play) -> tuple[Failure | None, tuple[str, ...]]:
        findings: list[Finding] = []
        if scenario.check == "invariants":
            failure = await try_out(self._vocabulary, scenario, play)
            self._checks += len(INVARIANTS)
        else:
            failure, findings = await self._play_through(scenario, play)
        if failure is not None:
            failure = replace(failure, exchanges=await _last_exchanges(play.targets))
            self._tell(StepFailed(scenario, failure))
        return failure, tuple(str(finding) for finding in findings)

    async def _play_through(self, scenario: Scenario, play: Play) -> tuple[Failure | None, list[Finding]]:
        failure = await self._play_steps(scenario, play)
        findings: list[Finding] = []
        try:
            failure = failure or await _idle_fault(scenario, play)
            findings = await _unasked_findings(play)
        except ExpectationError as error:
            failure = failure or Failure("findings", scenario.file, scenario.line, error.expected, error.came)
        return failure or self._afterwards(scenario, findings), findings

    async def _play_steps(self, scenario: Scenario, play: Play) -> Failure | None:
        for step, following in zip_longest(scenario.played, scenario.played[1:]):
            try:
                watched = await self._play_step(step, following, play)
            except ExpectationError as error:
                return Failure(
                    step.verb, scenario.file, step.line, error.expected, error.came, comparison=error.comparison
                )
            self._tell(StepPassed(scenario, step, watched))
        return None

    async def _play_step(self, step: Step, following: Step | None, play: Play) -> int:
        verb = self._vocabulary[step.verb]
        play.begin(step, acts=not verb.only_looks)
        watched = await self._perform(verb, play, verb.resolved(step, play))
        if not verb.only_looks:
            await play.targets.settle()
        self._checks += verb.checks
        excused = following is not None and self._vocabulary[following.verb].excuses
        trouble = play.take_trouble(following.verb.partition(".")[0] if following and excused else "")
        # Of steps that race, one may lose.
        if play.take_failure() if step.together else trouble:
            raise ExpectationError("the step to be accepted", trouble)
        return watched

    async def _perform(self, verb: Verb, play: Play, arguments: Arguments) -> int:
        """Play a step; returns for how many seconds it was watched that something does not happen."""
        # What acts is never taken again: its first answer was the wrong one, and the second is to another question.
        if play.targets.virtual or not (verb.checks and verb.may_be_repeated(arguments)):
            play.waited, play.decided = 0, play.decided or verb.name not in PREPARING
            await verb.play(play, arguments)
            return 0
        await self._wait_for(verb, play, arguments)
        return await self._watch(verb, play, arguments) if forbids(verb, arguments, decided=play.decided) else 0

    async def _wait_for(self, verb: Verb, play: Play, arguments: Arguments) -> None:
        """Look until what is expected is there, at most as long as the targets have patience."""
        for _ in range(play.targets.patience):
            try:
                return await verb.play(play, arguments)
            except ExpectationError:
                await self._pause(play)
        return await verb.play(play, arguments)

    async def _watch(self, verb: Verb, play: Play, arguments: Arguments) -> int:
        """Look until what must not happen has had its time since the last step that acted."""
        while play.waited < play.targets.quiet_time:
            await self._pause(play)
            try:
                await verb.play(play, arguments)
            except ExpectationError as error:
                came = f"{error.came}, {play.waited} s after the last step that acted; earlier it held"
                raise ExpectationError(error.expected, came, error.comparison) from None
        return play.waited

    async def _pause(self, play: Play) -> None:
        await self._clock.sleep(1)
        play.waited += 1

    def _afterwards(self, scenario: Scenario, findings: Sequence[Finding]) -> Failure | None:
        """Return why a scenario fails whose steps all held."""
        red = [str(finding) for finding in findings if self._strict or finding.kind == "violation"]
        if red:
            return Failure(
                "findings", scenario.file, scenario.line, "no finding that no step asked for", "; ".join(red)
            )
        if not any(self._vocabulary[step.verb].checks for step in scenario.steps):
            return Failure("steps", scenario.file, scenario.line, "a step that expects something", "none")
        return None

    def _why_skipped(self, scenario: Scenario, targets: Targets) -> str:
        for need in sorted(TRIAL_NEEDS if scenario.check == "invariants" else ()):
            if need in targets.lacking:
                return f"the invariants need a {need}: {targets.lacking[need]}"
        for step in scenario.played:
            for need in sorted(self._vocabulary[step.verb].needs_of(step.arguments)):
                if need in targets.lacking:
                    return f"{step.verb} in line {step.line} needs a {need}: {targets.lacking[need]}"
        return ""

    def _since(self, began: datetime) -> float:
        return (self._clock.now() - began).total_seconds()

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


async def _idle_fault(scenario: Scenario, play: Play) -> Failure | None:
    """Return why a scenario fails that was to show what comes of a fault which has never struck."""
    idle = await play.idle_fault()
    if idle is None:
        return None
    expected = f"{idle.words} to strike (or 'optional: true')"
    return Failure(
        idle.step.verb, scenario.file, idle.step.line, expected, "no request that it fits, or fewer than its 'times'"
    )


async def _unasked_findings(play: Play) -> list[Finding]:
    found = await find_all(play.targets)
    return [each for each in found if each not in play.acknowledged]


async def _last_exchanges(targets: Targets) -> tuple[str, ...]:
    try:
        return tuple(await targets.last_exchanges())
    except ExpectationError as error:
        return (str(error),)
