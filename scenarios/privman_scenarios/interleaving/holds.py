"""What happens together, with a message of the one held while the others go on."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from privman_scenarios.model import Scenario, Step
from privman_scenarios.sweep.messages import Message

HELD = "1 second"


def holds(scenario: Scenario, messages: Iterable[Message]) -> Iterator[Scenario]:
    """Yield an order once for each message to the console that can be held until the steps beside it have been taken.

    Whoever sends to ServiceNow waits for the answer, so a held message would only be another order of the steps.
    """
    for message in messages:
        step = scenario.steps[message.step]
        last = max((index for index, each in enumerate(scenario.steps) if each.together == step.together), default=0)
        if message.party == "console" and step.together and message.step < last:
            yield _with_hold(scenario, message, last + 1)


def _with_hold(scenario: Scenario, message: Message, end: int) -> Scenario:
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
