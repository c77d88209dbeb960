"""Draft 2020-12 of JSON Schema with the few keywords that the contracts need otherwise."""

import json
import re
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Literal

import orjson
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from privman_contracts import wording
from privman_contracts.spelling import Schema

# Messages of errors that need other words.
TWICE, DOUBT = "twice", "doubt"
_DATE_TIME = re.compile(r"\d{4}-.*")
# How alike a misspelt key is.
_MISSPELT = 0.8
_MOST_DOUBTED = 100  # keys of one object: each is compared with all that are known


def _content_schema(
    validator: Draft202012Validator, inner: Schema, text: object, schema: Schema
) -> Iterator[ValidationError]:
    """Demand JSON of a string and check what it holds; the standard makes both optional."""
    del schema
    if not isinstance(text, str):
        return
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield ValidationError("not JSON")
    else:
        yield from (ValidationError(TWICE, path=[key]) for key in keys_given_twice(text))
        yield from validator.descend(document, inner)


def _required(
    validator: Draft202012Validator, keys: list[str], document: object, schema: Schema
) -> Iterator[ValidationError]:
    """Place the error on the missing key rather than on the object."""
    del validator
    if not isinstance(document, dict):
        return
    for key in keys:
        if key not in document:
            yield ValidationError("missing", path=[key], schema=schema["properties"][key])


def _additional(
    validator: Draft202012Validator, rule: Schema | Literal[False], document: object, schema: Schema
) -> Iterator[ValidationError]:
    """Place the error on the key that is too much."""
    if not isinstance(document, dict):
        return
    for key in _others(document, schema.get("properties", {})):
        if rule is False:
            yield ValidationError("unknown", path=[key])
        else:
            yield from validator.descend(document[key], rule, path=key)


def _pattern(validator: Draft202012Validator, pattern: str, text: object, schema: Schema) -> Iterator[ValidationError]:
    """Let ``$`` mean the end, as in the standard's regular expressions; Python's allows a line break before it."""
    del validator, schema
    if isinstance(text, str) and not _compiled(pattern).search(text):
        yield ValidationError("no match")


def _calendar(
    validator: Draft202012Validator, wanted: object, text: object, schema: Schema
) -> Iterator[ValidationError]:
    """Demand a day that there is, of what looks like a date and a time."""
    del validator, wanted
    if isinstance(text, str) and _DATE_TIME.fullmatch(text) and _compiled(schema["pattern"]).search(text):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            yield ValidationError("no such day")


def _doubt(validator: Draft202012Validator, doubt: Schema, text: object, schema: Schema) -> Iterator[ValidationError]:
    """Doubt a text that is allowed as far as anybody knows, and hardly meant."""
    del validator, schema
    if isinstance(text, str) and _compiled(doubt["pattern"]).search(text):
        yield ValidationError(DOUBT)


def _others(document: dict[str, object], known: Container[str]) -> list[str]:
    """Return the keys that are not among the known ones, in their order."""
    return [key for key in document if key not in known]


def _doubt_keys(
    validator: Draft202012Validator, wanted: object, document: object, schema: Schema
) -> Iterator[ValidationError]:
    """Doubt a key that is none of the contract's, and looks like one of them."""
    del validator, wanted
    if not isinstance(document, dict):
        return
    known = schema["properties"].keys()
    for key in _others(document, known)[:_MOST_DOUBTED]:
        if wording.nearest(key, known, _MISSPELT):
            yield ValidationError(DOUBT, path=[key])


def keys_given_twice(text: str | bytes) -> list[str]:
    """Return the keys that an object in JSON has more than once, wherever it is; none for what is no JSON."""
    twice: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        counts = Counter(key for key, _ in pairs)
        twice.extend(key for key, count in counts.items() if count > 1)

    with suppress(ValueError, RecursionError):
        json.loads(text, object_pairs_hook=look)
    return twice


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


ContractValidator = extend(  # type: ignore[no-untyped-call]  # its stub has no types
    Draft202012Validator,
    {
        "contentSchema": _content_schema,
        "required": _required,
        "additionalProperties": _additional,
        "pattern": _pattern,
        "x-calendar": _calendar,
        "x-doubt": _doubt,
        "x-doubt-keys": _doubt_keys,
    },
)
