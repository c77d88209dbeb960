"""Checks of what a scenario expects not to be there: a misspelt text never is, so an earlier step must name it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from privman_scenarios import known
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.model import Scenario, Step
from privman_scenarios.variables import VARIABLE
from privman_scenarios.words import Own


def check_absences(scenario: Scenario) -> None:
    """Raise ScenarioFileError for the first text that must be absent and that neither a step nor the product names."""
    said: list[str] = []
    for step in scenario.played:
        for text in _absent(step):
            if not _is_named(text, said, scenario.own):
                message = (
                    f"{step.verb}: no step before names {text!r}, so that its absence proves nothing. "
                    "Expected a text of an earlier step, or one that is listed under 'own: words'."
                )
                raise ScenarioFileError(scenario.file, step.line, message)
        said.extend(_texts(step.arguments))


def _absent(step: Step) -> Iterator[str]:
    """Yield the texts that the step expects nowhere."""
    if step.arguments.get("count") == 0:
        yield from _texts(step.arguments.get("where", {}))
    if ".expect-" in step.verb or step.verb.endswith(".call"):
        yield from _below_not(step.arguments)


def _below_not(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    if isinstance(value, Mapping) and set(value) == {"not"}:
        yield from _texts(value["not"])
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _below_not(each)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    """Yield each text in a value but for patterns, which match more than they name."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(each) if key != "matches" else ()
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _is_named(text: str, said: Iterable[str], own: Own) -> bool:
    words = (*known.every_word(), *(word for kind in own.values() for word in kind))
    return not text or VARIABLE.search(text) is not None or text in words or any(text in each for each in said)
