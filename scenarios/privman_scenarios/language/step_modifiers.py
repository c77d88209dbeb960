"""Keys beside the verb of a step: how long its expectation is waited for, and whether a failure ends the scenario."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from privman_scenarios.language.kinds import SPAN, to_seconds
from privman_scenarios.language.model import Arguments
from privman_scenarios.language.vocabulary import Verb

MOST_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class StepModifier:
    """One key beside a verb.

    Attributes:
        doc: one sentence, shown by editors.
        schema: of its value, as a JSON Schema.
        fault_of: returns why a value is none, empty when it is one.
        flaw_of: returns why a step cannot have it; empty when it can.
    """

    doc: str
    schema: Mapping[str, Any]
    fault_of: Callable[[Any], str]
    flaw_of: Callable[[Verb, Arguments], str]


def _fault_of_bound(value: object) -> str:
    if fault := SPAN.fault_of(value):
        return fault
    return "" if 0 < to_seconds(str(value)) <= MOST_SECONDS else "Expected more than 0 seconds and at most 7 days."


def _flaw_of_acting(verb: Verb, arguments: Arguments) -> str:
    if verb.may_be_repeated(arguments):
        return ""
    return f"{verb.name} acts. Expected it beside an expectation, or a call that only reads."


def _flaw_of_past(verb: Verb, arguments: Arguments) -> str:
    if verb.excuses:
        return f"{verb.name} looks at an answer that came before, which cannot change."
    return _flaw_of_acting(verb, arguments)


MODIFIERS: Mapping[str, StepModifier] = {
    "eventually": StepModifier(
        "Look again until it holds, for at most this span of time.", SPAN.schema, _fault_of_bound, _flaw_of_past
    ),
    "soft": StepModifier(
        "Go on after a failure; the scenario fails at its end.",
        {"const": True},
        lambda value: "" if value is True else "Expected true.",
        _flaw_of_acting,
    ),
}
