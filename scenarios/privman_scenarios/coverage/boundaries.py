"""The edges of what a contract allows at a place."""

import re
from collections.abc import Callable, Iterator

from privman_scenarios.coverage.places import ABSENT, Place, Schema

Reached = Callable[[object], bool]


def boundaries(place: Place, *, may_be_left_out: bool) -> Iterator[tuple[str, Reached]]:
    """Yield each edge in words, and what tells whether a value stands at it.

    A secret has none, because journals mask it.
    """
    schema = place.schema
    if may_be_left_out and not place.required:
        yield f"{place.path} left out", lambda value: value is ABSENT
    if schema.get("x-secret"):
        return
    for allowed in schema.get("enum", ()):
        yield f"{place.path} = {_shown(allowed)}", _is(allowed)
    if "minLength" in schema:
        yield f"{place.path} of length {schema['minLength']}", _has_length(schema["minLength"])
    elif _may_be_empty(schema):
        yield f"{place.path} empty", _is("")


def _may_be_empty(schema: Schema) -> bool:
    is_text = "string" in schema.get("type", ()) and "contentSchema" not in schema
    return is_text and re.search(schema.get("pattern", ""), "") is not None


def _is(allowed: object) -> Reached:
    # True is no 1 here.
    return lambda value: type(value) is type(allowed) and value == allowed


def _has_length(length: int) -> Reached:
    return lambda value: isinstance(value, str) and len(value) == length


def _shown(allowed: object) -> str:
    return repr(allowed) if isinstance(allowed, bool) else str(allowed)
