"""Items of the console that a scenario creates and no other step names, as a linter finds unused variables."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from privman_scenarios.language.expectation import says
from privman_scenarios.language.model import Scenario, Step
from privman_scenarios.language.vocabulary import Vocabulary

# A webhook sends every request, whether a step names it or not.
_USED_UNNAMED = frozenset({"webhook"})


def warnings(scenario: Scenario, vocabulary: Vocabulary) -> Iterator[str]:
    """Yield a line for each step that creates what no other step names, unless the next one expects a refusal."""
    steps = scenario.all_steps
    for step, following in zip_longest(steps, steps[1:]):
        verb = vocabulary[step.verb]
        if not verb.creates or (following and vocabulary[following.verb].excuses):
            continue
        made = [(kind, name) for kind, name in verb.makes(step.arguments) if kind not in _USED_UNNAMED]
        if made and not any(_is_named(name, step, steps) for _, name in made):
            items = " and ".join(f"the {kind} {name!r}" for kind, name in made)
            yield f"{scenario.file_of(step)}:{step.line}: {step.verb}: no other step uses {items}"


def _is_named(name: str, creating: Step, steps: Sequence[Step]) -> bool:
    others = (step for step in steps if step is not creating)
    return any(says(text, name) for step in others for text in _texts(step.arguments))


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
