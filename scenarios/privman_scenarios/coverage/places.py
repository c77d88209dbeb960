"""The places of a message: what its schema tells of, and what stands there in messages that were seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from privman_contracts import Evidence

Schema = dict[str, Any]
ABSENT = object()


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a message.

    Attributes:
        path: such as ``$.metadata.PolicyId``, into JSON text as well.
        seen: what stood there, `ABSENT` where the object around it was there without it.
    """

    path: str
    schema: Schema
    required: bool
    seen: Sequence[Any]

    @property
    def evidence(self) -> Evidence:
        """How well the place is known."""
        evidence: Evidence = self.schema["x-evidence"]
        return evidence

    @property
    def present(self) -> list[Any]:
        """What stood there, where it was there."""
        return [value for value in self.seen if value is not ABSENT]


def places(schema: Schema, messages: Sequence[Any], where: str = "$") -> Iterator[Place]:
    """Yield each place of the schema with what stood there in the messages, but for those that say why none can be."""
    objects = [_folded(schema, message) for message in messages if isinstance(message, dict)]
    for name, inner in schema.get("properties", {}).items():
        if "x-unreached" in inner:
            continue
        seen = [each.get(name, ABSENT) for each in objects]
        place = Place(f"{where}.{name}", inner, name in schema.get("required", ()), seen)
        yield place
        yield from places(inner, place.present, place.path)
    if "contentSchema" in schema:
        yield from places(schema["contentSchema"], [_parsed(text) for text in messages], where)
    if "items" in schema:
        items = [item for message in messages if isinstance(message, list) for item in message]
        yield from places(schema["items"], items, f"{where}[]")


def _folded(schema: Schema, message: dict[str, Any]) -> dict[str, Any]:
    """Spell the keys as the contract does, where the receiver does not mind their case."""
    if not schema.get("x-ignore-case"):
        return message
    names = {name.lower(): name for name in schema["properties"]}
    return {names.get(key.lower(), key): value for key, value in message.items()}


def _parsed(text: object) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None
