"""Schemas as written, in canonical names, become schemas of the wire."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any

from privman_contracts.wire_names import WireNames

Schema = dict[str, Any]


def spell(node: Any, names: WireNames) -> Any:  # noqa: ANN401 - any node of a schema
    """Return the schema with its properties and words as they are spelled on the wire.

    ``x-names`` names the group of the properties beside it, which also brings their evidence; ``x-words`` lists
    the groups, or the single words, that a value may be one of; ``x-listed`` names the group of which a value lists
    some, each once, joined by commas.
    """
    if isinstance(node, list):
        return [spell(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    spelled: Schema = {key: spell(value, names) for key, value in node.items()}
    if "x-words" in node:
        spelled["enum"] = [word for group in node["x-words"] for word in _words(group, names)]
    if "x-listed" in node:
        spelled["enum"] = list(_lists(_words(node["x-listed"], names)))
    if "x-names" in node:
        _rename(spelled, node["x-names"], names)
    return spelled


def _words(group: str, names: WireNames) -> list[str]:
    """Return what ``words.response``, or only ``words.response.deny``, is on the wire."""
    single = group.count(".") > 1
    return [str(names.find(group).value)] if single else list(names.group(group).values())


def _lists(words: list[str]) -> Iterator[str]:
    for length in range(len(words), 0, -1):
        yield from (",".join(chosen) for chosen in permutations(words, length))


def _rename(schema: Schema, group: str, names: WireNames) -> None:
    spellings = names.group(group)
    schema["properties"] = {
        spellings.get(key, key): _marked(value, f"{group}.{key}", names) if key in spellings else value
        for key, value in schema["properties"].items()
    }
    if "required" in schema:
        schema["required"] = [spellings.get(key, key) for key in schema["required"]]


def _marked(schema: Schema, path: str, names: WireNames) -> Schema:
    return {**schema, "x-evidence": names.find(path).evidence}
