"""Draft 2020-12 of JSON Schema with the few keywords that the contracts need otherwise."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal

import orjson
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from privman_contracts.spelling import Schema


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
    for key in document.keys() - schema.get("properties", {}).keys():
        if rule is False:
            yield ValidationError("unknown", path=[key])
        else:
            yield from validator.descend(document[key], rule, path=key)


def _pattern(validator: Draft202012Validator, pattern: str, text: object, schema: Schema) -> Iterator[ValidationError]:
    """Let ``$`` mean the end, as in the standard's regular expressions; Python's allows a line break before it."""
    del validator, schema
    if isinstance(text, str) and not _compiled(pattern).search(text):
        yield ValidationError("no match")


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
    },
)
