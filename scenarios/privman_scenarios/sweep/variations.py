"""A scenario once for each message and each fault."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from privman_scenarios.model import Scenario, Step
from privman_scenarios.sweep.faults import Fault, faults_of
from privman_scenarios.sweep.messages import Message


def variations(scenario: Scenario, messages: Iterable[Message]) -> Iterator[Scenario]:
    """Yield the scenario, one without expectations, with one fault armed right before its message's step."""
    for message in messages:
        for name, fault in faults_of(message):
            yield _with_fault(scenario, message, name, fault)


def _with_fault(scenario: Scenario, message: Message, name: str, fault: Fault) -> Scenario:
    arguments = {**fault, "method": message.method, "path": message.path}
    if message.before:
        arguments["skip"] = message.before
    armed = Step(f"{message.party}.fault", arguments, scenario.line)
    steps = (*scenario.steps[: message.step], armed, *scenario.steps[message.step :])
    return replace(scenario, title=f"{scenario.name}; {name}: {message}", steps=steps, example={})
