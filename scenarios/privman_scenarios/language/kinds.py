"""Kinds of arguments: which values each takes, as a check, in words and as a JSON Schema."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from privman_core.cuts import cut
from privman_core.near_words import advice
from privman_scenarios.language.expected_operands import EXPECTED, operator_error

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
# No control plane lets time jump further.
MOST_SECONDS = 10 * 366 * 86_400
_COUNTED = re.compile(r"(\d+(?:\.\d+)?) (second|minute|hour|day)s?")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a duration has no time zone
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d)")


def to_seconds(span: str) -> float:
    """Return the length of the span in seconds, at most ten years; raises ValueError for anything else."""
    seconds = _span_seconds(span)
    if seconds > MOST_SECONDS:
        raise ValueError(f"{cut(span, 40)!r} is too long. Expected at most ten years.")
    return seconds


def _span_seconds(span: str) -> float:
    if counted := _COUNTED.fullmatch(span):
        return float(counted[1]) * _SECONDS[counted[2]]
    if clock := _CLOCK.fullmatch(span):
        hours, minutes, seconds = map(float, clock.groups())
        return hours * 3600 + minutes * 60 + seconds
    raise ValueError(f"invalid span of time {span!r}. Expected '50 seconds', '2 hours' or '16:30:00'.")


def duration_seconds(text: str) -> float | None:
    """Return the length of a ServiceNow duration, ``08:00:00`` or ``1970-01-01 08:00:00``; None for other text."""
    if not text:
        return 0
    try:
        return to_seconds(text) if " " not in text else (datetime.fromisoformat(text) - _EPOCH).total_seconds()
    except (ValueError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of argument.

    Attributes:
        words: what is expected, for messages.
        schema: the same as a JSON Schema.
        fault_of: returns why a value is none, empty when it is one.
        expects: whether it is compared with what the product shows, operators and all.
        is_text: whether a number that a ``${name}`` stands for is a text here.
    """

    words: str
    schema: Mapping[str, Any]
    fault_of: Callable[[Any], str]
    expects: bool = False
    is_text: bool = False


def _plain(words: str, schema: Mapping[str, Any], is_one: Callable[[Any], bool]) -> Kind:
    return Kind(words, schema, lambda value: "" if is_one(value) else f"Expected {words}.")


def _text(words: str, schema: Mapping[str, Any], is_one: Callable[[Any], bool]) -> Kind:
    return replace(_plain(words, schema, is_one), is_text=True)


def _fault_of_span(value: object) -> str:
    if not isinstance(value, str):
        return "Expected '50 seconds', '2 hours' or '16:30:00'."
    try:
        to_seconds(value)
    except ValueError as error:
        return str(error)
    return ""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_rule(value: object) -> bool:
    return isinstance(value, str) and value.startswith("${rule.")


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_mappings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _fault_of_spans(value: object) -> str:
    if not isinstance(value, list):
        return "Expected a list of spans of time."
    return next(filter(None, map(_fault_of_span, value)), "")


def rows_of_texts(required: str, optional: Iterable[str]) -> Kind:
    """Return the kind that holds a list of mappings with texts under these keys."""
    keys = [required, *optional]

    def is_one(row: object) -> bool:
        return isinstance(row, dict) and required in row and set(row) <= set(keys) and _are_texts(list(row.values()))

    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": [required],
        "properties": {key: {"type": "string"} for key in keys},
    }
    return _plain(
        f"a list of mappings with texts under {required!r} and perhaps {', '.join(optional)}; at least one",
        {"type": "array", "items": schema, "minItems": 1},
        lambda value: isinstance(value, list) and bool(value) and all(map(is_one, value)),
    )


def one_of(words: Iterable[str]) -> Kind:
    """Return the kind that holds one of these words."""
    choices = list(words)
    return Kind(
        f"one of {', '.join(choices)}",
        {"enum": choices},
        lambda value: "" if value in choices else advice(str(value), choices),
    )


def suggesting(kind: Kind, words: Iterable[str]) -> Kind:
    """Return the kind, for which editors suggest these words."""
    return replace(kind, schema={"anyOf": [{"enum": list(words)}, kind.schema]})


TEXT = _text(
    "text (in quotes where YAML reads something else)", {"type": "string"}, lambda value: isinstance(value, str)
)
REQUEST = replace(TEXT)
"""The name of a request: an earlier step must have given it."""
CREATED_USER = replace(TEXT)
"""A user of ServiceNow whom an earlier step must have created."""
SOME_TEXT = _text(
    "text that is not empty", {"type": "string", "minLength": 1}, lambda value: isinstance(value, str) and bool(value)
)
TEXT_OR_NULL = _text(
    "text, or null for none", {"type": ["string", "null"]}, lambda value: value is None or isinstance(value, str)
)
FLAG = _plain("true or false", {"type": "boolean"}, lambda value: isinstance(value, bool))
COUNT = _plain("a whole number from 0", {"type": "integer", "minimum": 0}, _is_count)
STATUS = _plain(
    "a status such as 404, or '${rule.unknown_request_status}' and the like",
    {
        "anyOf": [
            {"type": "integer", "minimum": 100, "maximum": 599},
            {"type": "string", "pattern": r"^\$\{rule\.\w+\}$"},
        ]
    },
    lambda value: _is_rule(value) or (_is_count(value) and 100 <= value <= 599),  # noqa: PLR2004 - statuses of HTTP
)
TURNS = _plain(
    "a whole number from 1, or null for every time",
    {"type": ["integer", "null"], "minimum": 1},
    lambda value: value is None or (value != 0 and _is_count(value)),
)
VALUES = _plain("a mapping", {"type": "object"}, lambda value: isinstance(value, dict))
ROWS = Kind(
    "a list of mappings",
    {"type": "array", "items": {"type": "object", "minProperties": 1, "additionalProperties": EXPECTED}},
    lambda value: operator_error(value) if _are_mappings(value) else "Expected a list of mappings.",
    expects=True,
)
HEADERS = _plain(
    "a mapping of names to text",
    {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
    lambda value: isinstance(value, dict) and all(type(each) in (str, int) for each in value.values()),
)
TEXTS = _plain("a list of texts", {"type": "array", "items": {"type": "string"}}, _are_texts)
REQUESTS = _plain(
    "a list of at least two names of requests",
    {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
    lambda value: _are_texts(value) and len(set(value)) == len(value) > 1,
)
"""Names of requests: earlier steps must have given them."""
JSON = Kind("anything", {}, lambda _value: "")
ANYTHING = Kind("anything", EXPECTED, operator_error, expects=True)
EXPECTED_VALUES = Kind(
    "a mapping that is not empty",
    {"type": "object", "minProperties": 1, "additionalProperties": EXPECTED},
    lambda value: (
        operator_error(value) if isinstance(value, dict) and value else "Expected a mapping that is not empty."
    ),
    expects=True,
)
SPAN = Kind(
    "a span of time",
    {"type": "string", "pattern": r"^(\d+(\.\d+)? (second|minute|hour|day)s?|\d+:[0-5]\d:[0-5]\d)$"},
    _fault_of_span,
)
SPANS = Kind("a list of spans of time", {"type": "array", "items": SPAN.schema}, _fault_of_spans)
