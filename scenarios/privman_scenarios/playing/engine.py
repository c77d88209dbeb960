"""Play scenarios, and report typed events."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from itertools import zip_longest
from typing import Any, Protocol

from privman_core.clock import Clock
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language.expectation import COMPARISONS, holds, is_operator
from privman_scenarios.language.known import names
from privman_scenarios.language.model import Arguments, Scenario, Step
from privman_scenarios.language.rule_conditions import why_not
from privman_scenarios.language.unused import warnings
from privman_scenarios.language.vocabulary import Verb, Vocabulary
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
    StepPassed,
)
from privman_scenarios.playing.invariants import INVARIANTS
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.trial import TRIAL_NEEDS, try_out
from privman_scenarios.playing.world import PartyFinding, World, find_all

_PENDING = names().word("request_status", "pending")
_NOTHING = (None, "", 0, "0")


def forbids(verb: Verb, arguments: Arguments, *, decided: bool) -> bool:
    """Tell whether the step expects that something does not happen.

    It does with ``not``, ``absent: true``, a value or pattern that is empty or 0, a list (which is complete), a
    ``count``, a status of 404, and with the state that a request begins in. An answer that came before cannot change,
    so it is left out.

    Args:
        verb: of the step.
        arguments: of the step.
        decided: whether a step has acted after which a request may be decided; before, ``Pending`` says it has arrived.
    """
    if verb.excuses:
        return False
    if "count" in arguments or arguments.get("status") == HTTPStatus.NOT_FOUND:
        return True
    expected = [arguments.get(each.name, True) for each in verb.arguments if each.kind.expects]
    return any(_forbids(each) or (decided and _holds_pending(each)) for each in expected)


_OF_TEXTS = frozenset({"matches", "contains", "one-of"})
_LIMITING = ("<", "<=")


def _is_of_texts(expected: Mapping[str, Any]) -> bool:
    return is_operator(expected) and set(expected) <= _OF_TEXTS


def _forbids(expected: object) -> bool:
    if isinstance(expected, Mapping):
        if _is_of_texts(expected):
            return holds(expected, "") or holds(expected, 0)
        if set(expected) <= set(COMPARISONS):
            return any(each in expected for each in _LIMITING)
        return "not" in expected or expected.get("absent") is True or any(map(_forbids, expected.values()))
    return isinstance(expected, list) or (expected in _NOTHING and expected is not False)


def _holds_pending(expected: object) -> bool:
    if isinstance(expected, Mapping):
        if _is_of_texts(expected):
            return holds(expected, _PENDING)
        return any(map(_holds_pending, expected.values()))
    return expected == _PENDING


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
        async with self._worlds.open(scenario.seed, scenario.clock) as world:
            if reason := why_not(scenario.when, world.servicenow.names):
                ended = ScenarioEnded(scenario, "inapplicable", self._since(began), reason)
            elif reason := self._why_skipped(scenario, world):
                ended = ScenarioEnded(scenario, "skipped", self._since(began), reason)
            else:
                play = Play(world, scenario)
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
            self._tell(JournalsRead(scenario, await play.world.journals(), frozenset(play.expected)))

    async def _outcome(self, scenario: Scenario, play: Play) -> tuple[Failure | None, tuple[str, ...]]:
        findings: list[PartyFinding] = []
        if scenario.check == "invariants":
            failure = await try_out(self._vocabulary, scenario, play)
            self._checks += len(INVARIANTS)
        else:
            failure, findings = await self._play_through(scenario, play)
        if failure is not None:
            failure = replace(failure, exchanges=await _last_exchanges(play.world))
            self._tell(StepFailed(scenario, failure))
        return failure, (*warnings(scenario, self._vocabulary), *map(str, findings))

    async def _play_through(self, scenario: Scenario, play: Play) -> tuple[Failure | None, list[PartyFinding]]:
        failure = await self._play_steps(scenario, play)
        findings: list[PartyFinding] = []
        try:
            failure = failure or await _idle_fault(scenario, play)
            findings = await _unasked_findings(play)
        except ExpectationError as error:
            failure = failure or Failure("findings", scenario.file, scenario.line, error.expected, error.got)
        return failure or self._afterwards(scenario, findings), findings

    async def _play_steps(self, scenario: Scenario, play: Play) -> Failure | None:
        for step, following in zip_longest(scenario.played, scenario.played[1:]):
            try:
                watched = await self._play_step(step, following, play)
            except ExpectationError as error:
                return Failure(
                    step.verb, scenario.file, step.line, error.expected, error.got, comparison=error.comparison
                )
            self._tell(StepPassed(scenario, step, watched))
        return None

    async def _play_step(self, step: Step, following: Step | None, play: Play) -> int:
        verb = self._vocabulary[step.verb]
        play.begin(step, acts=not verb.only_looks)
        watched = await self._perform(verb, play, play.arguments_of(verb, step))
        if not verb.only_looks:
            await play.world.settle()
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
        if play.world.virtual or not (verb.checks and verb.may_be_repeated(arguments)):
            play.waited, play.decided = 0, play.decided or not verb.prepares
            await verb.perform(play, arguments)
            return 0
        await self._wait_for(verb, play, arguments)
        return await self._watch(verb, play, arguments) if forbids(verb, arguments, decided=play.decided) else 0

    async def _wait_for(self, verb: Verb, play: Play, arguments: Arguments) -> None:
        """Look until what is expected is there, for at most as long as the patience lasts."""
        for _ in range(play.world.patience):
            try:
                return await verb.perform(play, arguments)
            except ExpectationError:
                await self._pause(play)
        return await verb.perform(play, arguments)

    async def _watch(self, verb: Verb, play: Play, arguments: Arguments) -> int:
        """Look until what must not happen has had its time since the last step that acted."""
        while play.waited < play.world.quiet_time:
            await self._pause(play)
            try:
                await verb.perform(play, arguments)
            except ExpectationError as error:
                got = f"{error.got}, {play.waited} s after the last step that acted; earlier it held"
                raise ExpectationError(error.expected, got, error.comparison) from None
        return play.waited

    async def _pause(self, play: Play) -> None:
        await self._clock.sleep(1)
        play.waited += 1

    def _afterwards(self, scenario: Scenario, findings: Sequence[PartyFinding]) -> Failure | None:
        """Return why a scenario fails whose steps all held."""
        red = [str(finding) for finding in findings if self._strict or finding.kind == "violation"]
        if red:
            return Failure(
                "findings", scenario.file, scenario.line, "no finding that no step asked for", "; ".join(red)
            )
        if not any(self._vocabulary[step.verb].checks for step in scenario.steps):
            return Failure("steps", scenario.file, scenario.line, "a step that expects something", "none")
        return None

    def _why_skipped(self, scenario: Scenario, world: World) -> str:
        for need in sorted(TRIAL_NEEDS if scenario.check == "invariants" else ()):
            if need in world.lacking:
                return f"the invariants need {need}: {world.lacking[need]}"
        for step in scenario.played:
            for need in sorted(self._vocabulary[step.verb].needs_of(step.arguments)):
                if need in world.lacking:
                    return f"{step.verb} in line {step.line} needs {need}: {world.lacking[need]}"
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


async def _unasked_findings(play: Play) -> list[PartyFinding]:
    found = await find_all(play.world)
    return [each for each in found if each not in play.acknowledged]


async def _last_exchanges(world: World) -> tuple[str, ...]:
    try:
        return tuple(await world.last_exchanges())
    except ExpectationError as error:
        return (str(error),)
