"""Checks of what a scenario expects not to be there: a misspelt text never is, so an earlier step must name it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from privman_scenarios import known, message_places
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.model import Scenario, Step
from privman_scenarios.patterns import is_found, says
from privman_scenarios.servicenow import DEFAULT_APPROVER
from privman_scenarios.variables import LONG_TEXT, NEW_GUID, NEW_GUID_IN_CAPITALS, VARIABLE
from privman_scenarios.words import Own

# Who acts where a step names nobody.
_USERS = (DEFAULT_APPROVER, "admin")


def check_absences(scenario: Scenario) -> None:
    """Raise ScenarioFileError for the first text that must be absent and that neither a step nor the product names."""
    said: list[str] = []
    for step in scenario.played:
        if flaw := next(_flaws(step, said, scenario.own), ""):
            raise ScenarioFileError(scenario.file, step.line, f"{step.verb}: {flaw}")
        said.extend(_texts(step.arguments))


def _flaws(step: Step, said: Sequence[str], own: Own) -> Iterator[str]:
    for text in _absent(step):
        if not _is_named(text, said, own):
            yield (
                f"no step before names {text!r}, so that its absence proves nothing. "
                "Expected a text of an earlier step, or one that is listed under 'own: words'."
            )
    for pattern in _absent_patterns(step):
        if not _matches_one(pattern, said, own):
            yield (
                f"{pattern!r} matches no text of a step before, so that its absence proves nothing. "
                "Expected it to match such a text, or one that is listed under 'own: words'."
            )


def _absent(step: Step) -> Iterator[str]:
    """Yield the texts that the step expects nowhere."""
    if step.arguments.get("count") == 0:
        yield from _texts(step.arguments.get("where", {}))
    for unwanted in _unwanted(step):
        yield from _texts(unwanted)


def _absent_patterns(step: Step) -> Iterator[str]:
    """Yield the patterns that the step expects to match nothing."""
    for unwanted in _unwanted(step):
        yield from _patterns(unwanted)


def _unwanted(step: Step) -> Iterator[Any]:
    """Yield each thing that the step expects not to be."""
    if ".expect-" in step.verb or step.verb.endswith(".call"):
        yield from _below_not(step.arguments)


def _below_not(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any argument
    if isinstance(value, Mapping) and set(value) == {"not"}:
        yield value["not"]
    else:
        for each in _within(value):
            yield from _below_not(each)


def _within(value: Any) -> Iterable[Any]:  # noqa: ANN401 - any argument
    """Return what a mapping or a list holds; nothing of any other value."""
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


def _patterns(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    if isinstance(value, Mapping) and set(value) == {"matches"}:
        yield value["matches"]
    else:
        for each in _within(value):
            yield from _patterns(each)


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


def _is_named(text: str, said: Sequence[str], own: Own) -> bool:
    if _varies(text):
        return all(any(f"${{{name}}}" in each for each in said) for name in _drawn(text))
    return not text or _is_number(text) or text in _words(own) or any(says(each, text) for each in said)


def _drawn(text: str) -> Iterator[str]:
    """Yield the variables in a text of which nobody has the value before a step uses them."""
    for name in VARIABLE.findall(text):
        if name in (NEW_GUID, NEW_GUID_IN_CAPITALS) or LONG_TEXT.fullmatch(name):
            yield name


def _is_number(text: str) -> bool:
    """Tell whether it is a number as the products print one: "0500" never comes."""
    return text.isdecimal() and text == str(int(text))


def _matches_one(pattern: str, said: Iterable[str], own: Own) -> bool:
    return _varies(pattern) or any(is_found(pattern, text) for text in (*_words(own), *said))


def _varies(text: str) -> bool:
    return VARIABLE.search(text) is not None


def _words(own: Own) -> Sequence[str]:
    return (
        *known.every_word(),
        *message_places.every_key(),
        *_USERS,
        *(word for kind in own.values() for word in kind),
    )
