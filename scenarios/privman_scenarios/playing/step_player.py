"""Play one step: once where time is virtual, and where it is real for as long as patience and quiet time ask."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from math import ceil
from typing import Any, TypeVar

from privman_core.clock import Clock
from privman_scenarios.errors import ExpectationError, NotYetError
from privman_scenarios.language.expectation import COMPARISONS, holds, is_operator
from privman_scenarios.language.kinds import to_seconds
from privman_scenarios.language.known import names
from privman_scenarios.language.model import Arguments, Step
from privman_scenarios.language.vocabulary import Verb, Vocabulary
from privman_scenarios.playing.play import Play

_PENDING = names().word("request_status", "pending")
_NOTHING = (None, "", 0, "0")
_Seen = TypeVar("_Seen")


def forbids(verb: Verb, arguments: Arguments, *, decided: bool) -> bool:
    """Tell whether the step expects that something does not happen.

    It does if its verb says so, and with ``not``, ``absent: true``, a value or pattern that is empty or 0, a list
    (which is complete), a ``count``, a status of 404, and with the state that a request begins in. An answer that came
    before cannot change, so it is left out.

    Args:
        verb: of the step.
        arguments: of the step.
        decided: whether a step has acted after which a request may be decided; before, ``Pending`` says it has arrived.
    """
    if verb.excuses:
        return False
    if verb.forbids or "count" in arguments or arguments.get("status") == HTTPStatus.NOT_FOUND:
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


MOST_LOOKS = 10_000


async def look_in_virtual_time(verb: Verb, play: Play, arguments: Arguments, seconds: float) -> None:
    """Look again whenever something has fallen due, until it holds; raises ExpectationError once the time is up."""
    left, least = seconds, max(1, seconds / MOST_LOOKS)
    while True:
        try:
            return await verb.perform(play, arguments)
        except ExpectationError as error:
            if left <= 0:
                raise ExpectationError(error.expected, f"{error.got}, after {seconds:g} s", error.comparison) from None
        left -= await play.world.advance_until_due(least, left)


async def look_in_real_time(
    look: Callable[[], Awaitable[_Seen]],
    seconds: int,
    pause: Callable[[], Awaitable[object]],
    again: type[ExpectationError] = ExpectationError,
) -> _Seen:
    """Look once a second until it holds, the last time when all seconds are over; raises ExpectationError then.

    Args:
        look: raises ExpectationError while it does not hold.
        seconds: how many to wait.
        pause: waits for one second.
        again: the error after which to look again; any other one is raised at once.
    """
    for _ in range(seconds):
        try:
            return await look()
        except again:
            await pause()
    return await look()


class StepPlayer:
    """Plays the steps of one scenario.

    Args:
        clock: real time, for patience with real systems.

    Attributes:
        checks: how many expectations were compared.
    """

    def __init__(self, vocabulary: Vocabulary, play: Play, clock: Clock) -> None:
        self._vocabulary = vocabulary
        self._play = play
        self._clock = clock
        self.checks = 0

    async def play(self, step: Step, following: Step | None) -> int:
        """Play a step; returns for how many seconds it was watched that something does not happen.

        Args:
            step: the one to play.
            following: the next one, which may expect that this one is refused.

        Raises:
            ExpectationError: the step fails.
        """
        verb = self._vocabulary[step.verb]
        await self._play.mark(step)
        self._play.begin(step, acts=not verb.only_looks)
        seconds = to_seconds(step.eventually) if step.eventually else 0
        watched = await self._perform(verb, self._play.arguments_of(verb, step), seconds)
        if not verb.only_looks:
            await self._play.world.settle()
        self.checks += verb.checks
        excused = following is not None and self._vocabulary[following.verb].excuses
        trouble = self._play.take_trouble(following.verb.partition(".")[0] if following and excused else "")
        # Of steps that race, one may lose.
        if self._play.take_failure() if step.together else trouble:
            raise ExpectationError("the step to be accepted", trouble)
        return watched

    async def _perform(self, verb: Verb, arguments: Arguments, eventually: float) -> int:
        play = self._play
        if play.world.virtual and eventually:
            await look_in_virtual_time(verb, play, arguments, eventually)
            return 0
        seconds = 0 if play.world.virtual else ceil(eventually) or play.world.patience
        if play.world.virtual or not (verb.checks and verb.may_be_repeated(arguments)):
            play.decided = play.decided or not verb.prepares
            # What has acted is not taken again: the answer was the wrong one, and the next is to another question.
            await look_in_real_time(lambda: verb.perform(play, arguments), seconds, self._pause, NotYetError)
            play.waited = 0
            return 0
        await look_in_real_time(lambda: verb.perform(play, arguments), seconds, self._pause)
        return await self._watch(verb, arguments) if forbids(verb, arguments, decided=play.decided) else 0

    async def _watch(self, verb: Verb, arguments: Arguments) -> int:
        """Look until what must not happen has had its time since the last step that acted."""
        play = self._play
        while play.waited < play.world.quiet_time:
            await self._pause()
            try:
                await verb.perform(play, arguments)
            except ExpectationError as error:
                got = f"{error.got}, {play.waited} s after the last step that acted; earlier it held"
                raise ExpectationError(error.expected, got, error.comparison) from None
        return play.waited

    async def _pause(self) -> None:
        await self._clock.sleep(1)
        self._play.waited += 1
