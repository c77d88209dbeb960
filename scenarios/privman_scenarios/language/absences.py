"""Checks of what a scenario expects to be absent: a misspelt text is always absent, so an earlier step must have it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language import known, message_places
from privman_scenarios.language.expectation import OPERATORS, is_found, says
from privman_scenarios.language.known import DEFAULT_APPROVER, INTEGRATION_USER
from privman_scenarios.language.model import Own, Scenario, Step
from privman_scenarios.language.variables import NEW_GUID, NEW_GUID_IN_CAPITALS, VARIABLE, Saved, kind_of
from privman_scenarios.language.vocabulary import Vocabulary

GENERATED = (NEW_GUID, NEW_GUID_IN_CAPITALS)
# Who acts where a step names nobody.
_USERS = (DEFAULT_APPROVER, INTEGRATION_USER, "admin")


Kind = Literal["a GUID", "a sys_id", "an address", "a number"]
_KINDS: Mapping[str, Kind] = {"guid": "a GUID", "address": "an address", "number": "a number"}


def _fields() -> Iterator[tuple[str, tuple[Kind, str | None]]]:
    yield "sys_id", ("a sys_id", None)
    yield "endpoint_url", ("an address", None)  # of a webhook, as the console's control plane has it
    for word, holds in known.HOLDS.items():
        if holds in _KINDS:
            yield word, (_KINDS[holds], None)
        elif holds in known.TABLES:
            yield word, ("a sys_id", holds)


FIELDS: Mapping[str, tuple[Kind, str | None]] = dict(_fields())
"""Fields that hold an identifier, address or number; for a sys_id its table, None for that of the step."""


def check_absences(scenario: Scenario, vocabulary: Vocabulary) -> None:
    """Raise ScenarioFileError for the first text that must be absent and that neither a step nor the product names."""
    said: list[str] = []
    saved = Saved(vocabulary, environment=scenario.environment)
    for step in scenario.all_steps:
        if flaw := next(_flaws(step, vocabulary[step.verb].table, said, scenario.words, saved), ""):
            raise ScenarioFileError(scenario.file_of(step), step.line, f"{step.verb}: {flaw}")
        said.extend(_texts(step.arguments))
        saved.add(step)


def _flaws(step: Step, table: str, said: Sequence[str], own: Own, saved: Saved) -> Iterator[str]:
    for field, text in _absent(step):
        if not _is_named(text, said, own, saved) and not _is_saved_value_of(
            table or step.arguments.get("table", ""), field, text, saved
        ):
            yield (
                f"no earlier step names {text!r}, so its absence proves nothing. "
                "Expected a text of an earlier step, or one that is listed under 'own: words'."
            )
    for pattern in _absent_patterns(step):
        if not _matches_one(str(saved.fill(pattern)), map(str, map(saved.fill, said)), own):
            yield (
                f"{pattern!r} matches no text of an earlier step, so its absence proves nothing. "
                "Expected it to match such a text, or one that is listed under 'own: words'."
            )


def _absent(step: Step) -> Iterator[tuple[str, str]]:
    """Yield the texts that the step expects nowhere, each with the field that it would be in."""
    if step.arguments.get("count") == 0:
        yield from _texts_of(step.arguments.get("where", {}))
    for field, unwanted in _unwanted(step):
        yield from _texts_of(unwanted, field)


def _is_saved_value_of(table_of_step: str, field: str, text: str, saved: Saved) -> bool:
    """Tell whether a text is a saved value of the kind that the field holds, and so needs no step that names it."""
    found = VARIABLE.fullmatch(text)
    if found is None or found[1] in GENERATED or field not in FIELDS:
        return False
    kind, table = FIELDS[field]
    if kind != kind_of(found[1]):
        return False
    table = table or table_of_step
    return kind != "a sys_id" or saved.fill(text) == known.SYS_IDS.get(table, saved.fill(text))


def _absent_patterns(step: Step) -> Iterator[str]:
    """Yield the patterns that the step expects to match nothing."""
    for _, unwanted in _unwanted(step):
        yield from _patterns(unwanted)


def _unwanted(step: Step) -> Iterator[tuple[str, Any]]:
    """Yield each value below ``not``, with its field."""
    if ".expect-" in step.verb or step.verb.endswith(".call"):
        yield from _negated({name: each for name, each in step.arguments.items() if name != "json"})  # it is sent


def _negated(value: Any, field: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any argument
    if isinstance(value, Mapping) and set(value) == {"not"}:
        yield field, value["not"]
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _negated(each, field if key in OPERATORS else key)
    elif isinstance(value, list):
        for each in value:
            yield from _negated(each, field)


def _within(value: Any) -> Iterable[Any]:  # noqa: ANN401 - any argument
    """Return what a mapping or a list holds; nothing of any other value."""
    held = value.values() if isinstance(value, Mapping) else value
    return held if isinstance(held, Iterable) and not isinstance(held, str) else ()


def _patterns(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    if isinstance(value, Mapping) and set(value) == {"matches"}:
        yield value["matches"]
    elif isinstance(value, Mapping) and set(value) == {"contains"} and isinstance(value["contains"], str):
        yield re.escape(value["contains"])
    else:
        for each in _within(value):
            yield from _patterns(each)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    """Yield each text in a value except patterns, which match more than they name."""
    return (text for _, text in _texts_of(value))


def _texts_of(value: Any, field: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any argument
    """Yield each text, except patterns and parts of texts, with its field."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts_of(each, field if key in OPERATORS else key) if not _is_partial(key, each) else ()
    elif isinstance(value, list):
        for each in value:
            yield from _texts_of(each, field)


def _is_partial(key: str, value: object) -> bool:
    return key == "matches" or (key == "contains" and isinstance(value, str))


def _is_named(text: str, said: Sequence[str], own: Own, saved: Saved) -> bool:
    if names := VARIABLE.findall(text):
        return all(saved.is_captured(name) or any(f"${{{name}}}" in each for each in said) for name in names)
    return not text or _is_number(text) or text in _words(own) or any(says(each, text) for each in said)


def _is_number(text: str) -> bool:
    """Tell whether it is a number as the products print one, never with leading zeros."""
    return text.isdecimal() and text == str(int(text))


def _matches_one(pattern: str, said: Iterable[str], own: Own) -> bool:
    return any(is_found(pattern, text) for text in (*_words(own), *said))


def _words(own: Own) -> Sequence[str]:
    return (
        *known.every_word(),
        *message_places.every_key(),
        *_USERS,
        *(word for kind in own.values() for word in kind),
    )
