"""The messages of a scenario, in order."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from privman_scenarios.invariants.evidence import from_harness
from privman_scenarios.invariants.trial import Trial, hold_of
from privman_scenarios.model import Scenario, Step
from privman_scenarios.play import Play
from privman_scenarios.targets import Targets
from privman_scenarios.verbs.shared import PartyName
from privman_scenarios.vocabulary import Vocabulary

Exchange = dict[str, Any]
PARTIES: tuple[PartyName, ...] = ("servicenow", "console")


@dataclass(frozen=True, slots=True)
class Message:
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


async def messages_of(vocabulary: Vocabulary, scenario: Scenario, targets: Targets) -> list[Message]:
    """Play the scenario, whatever becomes of its steps, and return what the parties sent each other and decided."""
    trial = Trial(vocabulary, Play(targets, scenario.own), hold_of(scenario.played))
    messages: list[Message] = []
    times: list[datetime] = []
    seen: Counter[str] = Counter()
    for index, step in enumerate(scenario.played):
        await trial.step(step)
        for party in PARTIES:
            url, received = await _received(targets, party)
            found = list(_messages(party, index, received[seen[url] :]))
            seen[url] = len(received)
            messages.extend(message for message, _ in found)
            times.extend(at for _, at in found)
    return _with_overtaking(messages, times)


def without_expectations(vocabulary: Vocabulary, scenario: Scenario) -> Scenario:
    """Return the scenario with its set-up as a step, to be judged by the invariants.

    What only looks is left out, and so is a request that is to be refused: the invariants would be about nothing.
    """
    steps = tuple(
        step
        for step, following in zip(scenario.played, (*scenario.played[1:], None), strict=True)
        if not vocabulary[step.verb].only_looks and not _is_refused_request(step, following)
    )
    return replace(scenario, steps=steps, given=None, check="invariants")


def _is_refused_request(step: Step, following: Step | None) -> bool:
    return step.verb == "console.ask" and following is not None and following.verb == "console.expect-refusal"


def _messages(party: PartyName, step: int, received: Sequence[Exchange]) -> Iterator[tuple[Message, datetime]]:
    flown: list[tuple[str, str]] = []
    for exchange in received:
        method, path = exchange["method"], urlsplit(exchange["url"]).path
        if exchange["fault"]:
            continue
        if _is_swept(exchange, path):
            message = Message(party, method, path, step, flown.count((method, path)))
            yield message, datetime.fromisoformat(exchange["at"])
        flown.append((method, path))


def _is_swept(exchange: Exchange, path: str) -> bool:
    """Tell whether a message is the parties' own, or an approver's decision; not the harness's own errands."""
    return not from_harness(exchange) or (exchange["method"] != "GET" and "/table/sys_" not in path)


def _with_overtaking(messages: Sequence[Message], times: Sequence[datetime]) -> list[Message]:
    console = [index for index, message in enumerate(messages) if message.party == "console"]
    overtaken = {
        earlier: max(0.0, (times[later] - times[earlier]).total_seconds()) + 1 for earlier, later in pairwise(console)
    }
    return [replace(message, overtaken_after=overtaken.get(index)) for index, message in enumerate(messages)]


async def _received(targets: Targets, party: PartyName) -> tuple[str, list[Exchange]]:
    """Return the address of the party that is spoken to, and what it received."""
    end = targets.servicenow if party == "servicenow" else targets.console
    return end.url, [exchange for exchange in await end.control.journal() if exchange["direction"] == "in"]
