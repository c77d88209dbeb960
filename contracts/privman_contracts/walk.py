"""A body beside the schema of its message, place by place."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from privman_contracts.spelling import Schema


@dataclass(frozen=True, slots=True)
class Place:
    """One value of a body.

    Attributes:
        where: JSON path, into JSON text as well; ``[]`` stands for any item of a list.
        schema: what the value must be.
    """

    where: str
    value: Any
    schema: Schema


def walk(value: Any, schema: Schema, where: str = "$") -> Iterator[Place]:  # noqa: ANN401 - any JSON
    """Yield the value and every value in it that the schema tells of, inside of JSON text as well."""
    yield Place(where, value, schema)
    if isinstance(value, str) and "contentSchema" in schema:
        yield from walk(_inner(value), schema["contentSchema"], where)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item, schema.get("items", {}), f"{where}[]")
    elif isinstance(value, dict):
        for key, item in value.items():
            name, inner = _property(schema, key)
            yield from walk(item, inner, f"{where}.{name}")


def _inner(text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _property(schema: Schema, key: str) -> tuple[str, Schema]:
    """Return the property's name in the schema, and its schema; that of further properties for another."""
    properties: dict[str, Schema] = schema.get("properties", {})
    folded = {name.lower(): name for name in properties} if schema.get("x-ignore-case") else {}
    name = folded.get(key.lower(), key)
    further = schema.get("additionalProperties", {})
    return name, properties.get(name, further if isinstance(further, dict) else {})
