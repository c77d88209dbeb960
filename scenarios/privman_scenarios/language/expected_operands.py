"""Operators whose operands can never be compared, or always hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from privman_scenarios.language.expectation import (
    COMPARISONS,
    PatternError,
    compiled,
    is_operator,
    matches_every_text,
    number_in,
)

MOST_ITEMS = 100
"""Of a list below an operator."""
_ANSWERED_WITHOUT_NOT = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def operator_error(expected: object) -> str:
    """Return why an expectation can never be checked, such as a broken regular expression; empty if it can."""
    if isinstance(expected, list):
        return next(filter(None, map(operator_error, expected)), "")
    return _mapping_error(expected) if isinstance(expected, Mapping) else ""


def _mapping_error(expected: Mapping[str, Any]) -> str:
    if not expected:
        return "{} is a subset of everything, and expects nothing. Expected keys, or {absent: false}."
    if is_operator(expected):
        errors = (OPERANDS[name].error(operand) for name, operand in expected.items())
        if error := next(filter(None, errors), ""):
            return error
    return operator_error(list(expected.values()))


def _pattern_error(pattern: object) -> str:
    if not isinstance(pattern, str):
        return f"'matches' is {pattern!r}. Expected a regular expression."
    try:
        compiled(pattern)
    except PatternError as error:
        return f"invalid regular expression {pattern!r}: {error}."
    if matches_every_text(pattern):
        return f"{pattern!r} matches every text. Expected a pattern that some text lacks, or {{absent: false}}."
    return ""


def _part_error(part: object) -> str:
    if part in (None, "") or (isinstance(part, list) and not 0 < len(part) <= MOST_ITEMS):
        return f"'contains' is {part!r}. Expected a part of a text, an item of a list, or up to {MOST_ITEMS} items."
    return ""


def _choice_error(choices: object) -> str:
    is_usable = (
        isinstance(choices, list)
        and 1 < len(choices) <= MOST_ITEMS
        and all(type(each) in (str, int, float) for each in choices)
        and len({type(each) is str for each in choices}) == 1
        and len(set(choices)) == len(choices)
    )
    expected = f"Expected 2 to {MOST_ITEMS} different texts, or numbers."
    return "" if is_usable else f"'one-of' is {choices!r}. {expected}"


def _items_error(items: object) -> str:
    if isinstance(items, list) and 1 < len(items) <= MOST_ITEMS:
        return ""
    return f"'unordered' is {items!r}. Expected a list of 2 to {MOST_ITEMS} items."


def _comparison_error(name: str) -> Callable[[Any], str]:
    def error(bound: object) -> str:
        is_variable = isinstance(bound, str) and bound.startswith("${")
        return "" if is_variable or number_in(bound) is not None else f"{name!r} is {bound!r}. Expected a number."

    return error


def _absent_error(wanted: object) -> str:
    return "" if isinstance(wanted, bool) else f"'absent' is {wanted!r}. Expected true or false."


def _not_error(unwanted: object) -> str:
    if unwanted is None:
        return "'not' is null, which a value that is missing or empty is not either. Expected {absent: false}."
    if not isinstance(unwanted, Mapping) or not is_operator(unwanted):
        return ""
    name = next(iter(unwanted))
    if name in COMPARISONS:
        opposite = _ANSWERED_WITHOUT_NOT[name]
        return f"'not' with {name!r} is true for everything that is not a number. Expected {opposite!r} without 'not'."
    if name == "unordered":
        return "'not' with 'unordered' is true for every list of another length. Expected a list of items."
    return ""


def _no_error(_operand: object) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class ExpectedOperand:
    """What an operator takes.

    Attributes:
        doc: when the operator holds.
        schema: of the operand, as a JSON Schema.
        error: returns why the operand can never be compared, or always holds; empty if neither.
    """

    doc: str
    schema: Mapping[str, Any]
    error: Callable[[Any], str] = _no_error


EXPECTED: Mapping[str, Any] = {"$ref": "#/$defs/expected"}
_LIST = {"type": "array", "items": EXPECTED, "minItems": 2, "maxItems": MOST_ITEMS}
_BOUND = {"type": ["number", "string"]}
OPERANDS: Mapping[str, ExpectedOperand] = {
    "matches": ExpectedOperand(
        "The text has a match of this RE2 regular expression.", {"type": "string"}, _pattern_error
    ),
    "contains": ExpectedOperand("The text has this part, or the list has these items.", EXPECTED, _part_error),
    "one-of": ExpectedOperand(
        "It is one of these texts or numbers.",
        {**_LIST, "items": {"type": ["string", "number"]}, "uniqueItems": True},
        _choice_error,
    ),
    "unordered": ExpectedOperand("The list has these items, in any order.", _LIST, _items_error),
    **{
        name: ExpectedOperand(f"It is a number {words} this one.", _BOUND, _comparison_error(name))
        for name, words in {"<": "below", "<=": "up to", ">": "above", ">=": "from"}.items()
    },
    "absent": ExpectedOperand("It is not there, or empty; false: it is there.", {"type": "boolean"}, _absent_error),
    "json": ExpectedOperand("The text is JSON, and its value is this.", EXPECTED),
    "not": ExpectedOperand("This does not hold; a list: no item is one of these.", EXPECTED, _not_error),
}
