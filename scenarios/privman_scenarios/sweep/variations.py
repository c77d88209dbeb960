"""A scenario once for each message and each fault, and once for each restart between two of its steps."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from privman_scenarios.model import Scenario, Step
from privman_scenarios.sweep.faults import Fault, faults_of
from privman_scenarios.sweep.messages import PARTIES, Message
from privman_scenarios.verbs.shared import PartyName


def variations(scenario: Scenario, messages: Iterable[Message]) -> Iterator[Scenario]:
    """Yield the scenario, one without expectations, with one fault armed right before its message's step.

    Then with one party restarted between two steps.
    """
    for message in messages:
        for name, fault in faults_of(message):
            yield _with_fault(scenario, message, name, fault)
    for index in range(1, len(scenario.steps)):
        for party in PARTIES:
            yield _with_restart(scenario, party, index)


def _with_fault(scenario: Scenario, message: Message, name: str, fault: Fault) -> Scenario:
    arguments = {**fault, "method": message.method, "path": message.path}
    if message.before:
        arguments["skip"] = message.before
    armed = Step(f"{message.party}.fault", arguments, scenario.line)
    steps = (*scenario.steps[: message.step], armed, *scenario.steps[message.step :])
    return replace(scenario, title=f"{scenario.name}; {name}: {message}", steps=steps, example={})


def _with_restart(scenario: Scenario, party: PartyName, index: int) -> Scenario:
    following = scenario.steps[index]
    steps = (*scenario.steps[:index], Step(f"{party}.restart", {}, scenario.line), *scenario.steps[index:])
    title = f"{scenario.name}; restart of {party}: before {following.verb} (step {index + 1})"
    return replace(scenario, title=title, steps=steps, example={})
