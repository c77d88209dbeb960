"""Variations of a scenario: each message with each fault, a restart between steps, each order of a race."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice, pairwise, permutations, product
from math import factorial, prod
from random import Random
from typing import Any

from privman_contracts import PartyName
from privman_core.exchange import path_of
from privman_scenarios.language.model import SET_UP, Scenario, Step
from privman_scenarios.language.vocabulary import Vocabulary
from privman_scenarios.playing.observations import from_harness
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.trial import InvariantTrial, hold_of
from privman_scenarios.playing.world import World

_Exchange = dict[str, Any]
PARTIES: tuple[PartyName, ...] = ("servicenow", "console")


@dataclass(frozen=True, slots=True)
class Variation:
    """A scenario that is played in another way.

    Attributes:
        scenario: with a fault, a restart or an order among its steps.
        compared: how many of its steps, from the first, another scenario must share to show nothing new.
    """

    scenario: Scenario
    compared: int

    @property
    def key(self) -> Hashable:
        """The same for variations whose first steps are the same, at the same time and with the same identifiers."""
        scenario = self.scenario
        steps = [(each.verb, each.arguments, each.eventually) for each in scenario.steps[: self.compared]]
        return repr((scenario.seed, scenario.clock, scenario.environment, steps))


def distinct(variations: Iterable[Variation]) -> list[Scenario]:
    """Return the scenarios to be played: of variations with the same key, the first."""
    found: dict[Hashable, Scenario] = {}
    for each in variations:
        found.setdefault(each.key, each.scenario)
    return [*found.values()]


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message, and how a fault finds it.

    Attributes:
        party: who receives it.
        step: index of the step during which it flows.
        before: how many messages with the same method and path flow before it in that step.
        overtaken_after: seconds that it must be held to arrive after the console's next message; None for never.
    """

    party: PartyName
    method: str
    path: str
    step: int
    before: int
    overtaken_after: float | None = None

    def __str__(self) -> str:
        turn = f" (number {self.before + 1} of its step)" if self.before else ""
        return f"{self.method} {self.path} to {self.party}{turn}"


async def messages_of(vocabulary: Vocabulary, scenario: Scenario, world: World) -> list[SentMessage]:
    """Play the scenario, whatever becomes of its steps, and return what the parties sent each other and decided."""
    trial = InvariantTrial(vocabulary, Play(world, scenario), hold_of(scenario.played))
    messages: list[SentMessage] = []
    times: list[datetime] = []
    seen: Counter[str] = Counter()
    for index, step in enumerate(scenario.played):
        await trial.step(step)
        for party in PARTIES:
            url, received = await _received(world, party)
            found = list(_messages(party, index, received[seen[url] :]))
            seen[url] = len(received)
            messages.extend(message for message, _ in found)
            times.extend(at for _, at in found)
    return _with_overtaking(messages, times)


def without_expectations(vocabulary: Vocabulary, scenario: Scenario) -> Scenario:
    """Return the scenario with its set-up as a step, to be judged by the invariants.

    What only looks is left out, and so is a request that is to be refused: the invariants would be about nothing.
    So is the teardown, for each variation begins with new parties.
    """
    steps = tuple(
        _waiting(step)
        for step, following in zip(scenario.played, (*scenario.played[1:], None), strict=True)
        if (step.eventually or not vocabulary[step.verb].only_looks) and not _is_refused_request(step, following)
    )
    return replace(scenario, steps=steps, teardown=(), given=None, check="invariants")


def _waiting(step: Step) -> Step:
    """Return the step, or one that lets the time pass for which it may be waited for."""
    return Step("clock.advance", {"by": step.eventually}, step.line) if step.eventually else step


def _is_refused_request(step: Step, following: Step | None) -> bool:
    return step.verb == "console.ask" and following is not None and following.verb == "console.expect-refusal"


def _messages(party: PartyName, step: int, received: Sequence[_Exchange]) -> Iterator[tuple[SentMessage, datetime]]:
    flown: list[tuple[str, str]] = []
    for exchange in received:
        method, path = exchange["method"], path_of(exchange["url"])
        if exchange["fault"]:
            continue
        if _is_swept(exchange, path):
            message = SentMessage(party, method, path, step, flown.count((method, path)))
            yield message, datetime.fromisoformat(exchange["at"])
        flown.append((method, path))


def _is_swept(exchange: _Exchange, path: str) -> bool:
    """Tell whether a message is the parties' own, or an approver's decision; not the harness's own errands."""
    return not from_harness(exchange) or (exchange["method"] != "GET" and "/table/sys_" not in path)


def _with_overtaking(messages: Sequence[SentMessage], times: Sequence[datetime]) -> list[SentMessage]:
    console = [index for index, message in enumerate(messages) if message.party == "console"]
    overtaken = {
        earlier: max(0.0, (times[later] - times[earlier]).total_seconds()) + 1 for earlier, later in pairwise(console)
    }
    return [replace(message, overtaken_after=overtaken.get(index)) for index, message in enumerate(messages)]


async def _received(world: World, party: PartyName) -> tuple[str, list[_Exchange]]:
    """Return the address of the party that is spoken to, and what it received."""
    end = world.servicenow if party == "servicenow" else world.console
    return end.url, [exchange for exchange in await end.control.journal() if exchange["direction"] == "in"]


_Fault = Mapping[str, Any]
# Within the patience of either sender.
LATE = 20
_UNAUTHENTICATED = (
    '{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}'
)
_EITHER: Mapping[str, _Fault] = {
    "lost before": {"kind": "reset"},
    "lost after commit": {"kind": "answer-lost"},
    "duplicated": {"kind": "duplicated"},
    "late": {"kind": "slow", "options": {"seconds": LATE}},
    "malformed": {"kind": "malformed"},
}
_SERVICENOW: Mapping[str, _Fault] = {
    **_EITHER,
    "401": {
        "kind": "status",
        "options": {"status": 401, "headers": {"Content-Type": "application/json"}, "body": _UNAUTHENTICATED},
    },
    "429": {"kind": "rate-limited"},
    "503": {"kind": "maintenance"},
    "hibernation": {"kind": "hibernating"},
}
_CONSOLE: Mapping[str, _Fault] = {
    **_EITHER,
    **{str(status): {"kind": "status", "options": {"status": status}} for status in (401, 429, 503)},
}


def faults_of(message: SentMessage) -> Iterator[tuple[str, _Fault]]:
    """Yield each fault that may befall the message, with its name.

    Only the console can receive messages in another order: whoever sends to ServiceNow waits for each answer.
    """
    yield from (_SERVICENOW if message.party == "servicenow" else _CONSOLE).items()
    if message.overtaken_after is not None:
        yield "reordered", {"kind": "slow", "options": {"seconds": message.overtaken_after}}


def swept(scenario: Scenario, messages: Sequence[SentMessage]) -> Iterator[Variation]:
    """Yield the scenario, one without expectations, with one fault armed right before its message's step.

    Then with one party restarted between two steps. Of a message that repeats within a step, as a console's polling
    does, the first and the last meet faults: those between differ from them in nothing but their number.
    Variations are compared up to the step that follows on the one in which the fault strikes, or on the restart; those
    whose fault strikes in the set-up, up to that.
    """
    for message in _outer_repeats(messages):
        for name, fault in faults_of(message):
            yield _with_fault(scenario, message, name, fault)
    for index in range(1, len(scenario.steps)):
        for party in PARTIES:
            yield _with_restart(scenario, party, index)


def _outer_repeats(messages: Sequence[SentMessage]) -> Iterator[SentMessage]:
    last = {(each.party, each.method, each.path, each.step): each.before for each in messages}
    for each in messages:
        if each.before in {0, last[each.party, each.method, each.path, each.step]}:
            yield each


def _with_fault(scenario: Scenario, message: SentMessage, name: str, fault: _Fault) -> Variation:
    arguments = {**fault, "method": message.method, "path": message.path}
    if message.before:
        arguments["skip"] = message.before
    armed = Step(f"{message.party}.fault", arguments, scenario.line)
    steps = (*scenario.steps[: message.step], armed, *scenario.steps[message.step :])
    varied = replace(scenario, title=f"{scenario.name}; {name}: {message}", steps=steps, example={})
    # Nearly every scenario begins with the same set-up, and each goes on in its own way.
    follows = scenario.steps[message.step].verb != SET_UP
    return Variation(varied, message.step + 2 + follows)


def _with_restart(scenario: Scenario, party: PartyName, index: int) -> Variation:
    following = scenario.steps[index]
    steps = (*scenario.steps[:index], Step(f"{party}.restart", {}, scenario.line), *scenario.steps[index:])
    title = f"{scenario.name}; restart of {party}: before {following.verb} (step {index + 1})"
    return Variation(replace(scenario, title=title, steps=steps, example={}), index + 2)


Order = tuple[tuple[Step, ...], ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """The most orders of a scenario to play, and the seed that chooses them where there are more."""

    orders: int
    seed: int


def orders(scenario: Scenario, bound: Bound) -> Iterator[Scenario]:
    """Yield the scenario once for each order, as written first; one without a ``together`` is not yielded."""
    stretches = [tuple(steps) for _, steps in groupby(scenario.steps, key=lambda step: step.together)]
    if not any(stretch[0].together for stretch in stretches):
        return
    for order in _bounded(stretches, bound):
        steps = tuple(step for stretch in order for step in stretch)
        yield replace(scenario, title=f"{scenario.name}; {_race_in_words(steps)}", steps=steps, example={})


def _bounded(stretches: Sequence[tuple[Step, ...]], bound: Bound) -> Iterator[Order]:
    ways = [_ways(stretch) for stretch in stretches]
    if prod(ways) <= bound.orders:
        yield from product(*(permutations(stretch) if stretch[0].together else (stretch,) for stretch in stretches))
        return
    # As written first; a mapping keeps what is drawn twice once, and in the order in which it was drawn.
    drawn = dict.fromkeys([tuple(tuple(range(len(stretch))) for stretch in stretches)])
    random = Random(bound.seed)  # noqa: S311 - repeatable by design
    while len(drawn) < bound.orders:
        drawn.setdefault(tuple(_shuffled(stretch, random) for stretch in stretches))
    for order in islice(drawn, bound.orders):
        yield tuple(tuple(stretch[turn] for turn in turns) for stretch, turns in zip(stretches, order, strict=True))


def _ways(stretch: Sequence[Step]) -> int:
    return factorial(len(stretch)) if stretch[0].together else 1


def _shuffled(stretch: Sequence[Step], random: Random) -> tuple[int, ...]:
    turns = range(len(stretch))
    return tuple(random.sample(turns, len(turns))) if stretch[0].together else tuple(turns)


def _race_in_words(steps: Sequence[Step]) -> str:
    return ", ".join(step.verb for step in steps if step.together)


HELD = "1 second"


def holds(scenario: Scenario, messages: Iterable[SentMessage]) -> Iterator[Scenario]:
    """Yield an order once for each message to the console that can be held until the steps beside it have been taken.

    Whoever sends to ServiceNow waits for the answer, so a held message would only be another order of the steps.
    """
    for message in messages:
        step = scenario.steps[message.step]
        last = max((index for index, each in enumerate(scenario.steps) if each.together == step.together), default=0)
        if message.party == "console" and step.together and message.step < last:
            yield _with_hold(scenario, message, last + 1)


def _with_hold(scenario: Scenario, message: SentMessage, end: int) -> Scenario:
    steps, line = scenario.steps, scenario.steps[message.step].line
    fault: dict[str, Any] = {"kind": "slow", "method": message.method, "path": message.path, "options": {"seconds": 1}}
    if message.before:
        fault["skip"] = message.before
    held = (
        *steps[: message.step],
        Step("console.fault", fault, line),
        *steps[message.step : end],
        Step("clock.advance", {"by": HELD}, line),
        *steps[end:],
    )
    return replace(scenario, title=f"{scenario.title}; {message} is held", steps=held)
