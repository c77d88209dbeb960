"""A failing scenario made as small as it can be."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.model import Scenario, Step
from privman_scenarios.variables import check_variables
from privman_scenarios.vocabulary import Vocabulary


def shrink(vocabulary: Vocabulary, scenario: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """Return the scenario with each step and each argument left out without which it still fails."""
    while True:
        smaller = next(filter(fails, _smaller(vocabulary, scenario)), None)
        if smaller is None:
            return scenario
        scenario = smaller


def _smaller(vocabulary: Vocabulary, scenario: Scenario) -> Iterator[Scenario]:
    """Yield the scenario without one of its steps, the last first, then without one of its arguments."""
    steps = scenario.steps
    for index in reversed(range(len(steps) if len(steps) > 1 else 0)):
        yield from _usable(scenario, (*steps[:index], *steps[index + 1 :]))
    for index, step in enumerate(steps):
        for argument in vocabulary[step.verb].arguments:
            if argument.name in step.arguments and not argument.required:
                yield from _usable(scenario, (*steps[:index], _without(step, argument.name), *steps[index + 1 :]))


def _usable(scenario: Scenario, steps: tuple[Step, ...]) -> Iterator[Scenario]:
    """Yield the scenario with these steps, unless one uses what none before it saves."""
    try:
        check_variables(steps, scenario.file, scenario.own)
    except ScenarioFileError:
        return
    yield replace(scenario, steps=steps)


def _without(step: Step, name: str) -> Step:
    return replace(step, arguments={key: value for key, value in step.arguments.items() if key != name})
