"""The schema of each message in the wire's spelling, and a body beside its schema."""

from collections.abc import Iterator
from functools import cache
from importlib.resources.abc import Traversable
from itertools import permutations
from typing import Any

import orjson
from msgspec import Struct

from privman_contracts import wording
from privman_contracts.evidence import Part
from privman_contracts.files import PACKAGED, load_yaml
from privman_contracts.wire_names import WireNames

Schema = dict[str, Any]


def spell(node: Any, names: WireNames) -> Any:  # noqa: ANN401 - any node of a schema
    """Return the schema with its properties and words as they are spelled on the wire.

    ``x-names`` names the group of the properties beside it, which also brings evidence and source; ``x-words`` lists
    the groups, or the single words, that a value may be one of; ``x-listed`` names the group of which a value lists
    some, each once, joined by commas; ``x-rule`` names an inferred rule, and has keywords for each value of it.
    """
    if isinstance(node, list):
        return [spell(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    node = _ruled(node, names)
    spelled: Schema = {key: spell(value, names) for key, value in node.items()}
    if "x-words" in node:
        spelled["enum"] = [word for group in node["x-words"] for word in _words(group, names)]
    if "x-listed" in node:
        spelled["enum"] = list(_lists(_words(node["x-listed"], names)))
    if "x-names" in node:
        _rename(spelled, node["x-names"], names)
    return spelled


def _ruled(node: Schema, names: WireNames) -> Schema:
    """Return the node with the keywords that the value of its inferred rule adds."""
    if "x-rule" not in node:
        return node
    rule: Schema = node["x-rule"]
    return {**{key: value for key, value in node.items() if key != "x-rule"}, **rule[names.choice(rule["name"])]}


def rules_in(schema: Any) -> Iterator[str]:  # noqa: ANN401 - any node of a schema
    """Yield the inferred rules on which a schema in canonical names depends."""
    if isinstance(schema, dict) and "x-rule" in schema:
        yield schema["x-rule"]["name"]
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for node in inner:
        yield from rules_in(node)


def _words(group: str, names: WireNames) -> list[str]:
    """Return the spellings of a group such as ``words.response``, or of one word such as ``words.response.deny``."""
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
    name = names.find(path)
    return {**schema, "x-evidence": name.evidence, "x-source": name.cited}


COMMON = "common"


def load_schemas(folder: Traversable = PACKAGED) -> dict[str, Schema]:
    """Return message name to its JSON Schema (2020-12), without references and in canonical names, see `spell`."""
    return _packaged() if folder == PACKAGED else _in_set(folder)


@cache
def _packaged() -> dict[str, Schema]:
    return _in_set(PACKAGED)


def _in_set(folder: Traversable) -> dict[str, Schema]:
    files = sorted((folder / "schemas").iterdir(), key=lambda file: file.name)
    raw: dict[str, Schema] = {file.name.removesuffix(".yaml"): load_yaml(file) for file in files}
    return {message: _inline(schema, raw) for message, schema in raw.items() if message != COMMON}


def _inline(node: Any, raw: dict[str, Schema]) -> Any:  # noqa: ANN401 - any node of a schema
    """Replace each ``$ref`` by what it names, so that validation looks nothing up; no schema is recursive."""
    if isinstance(node, list):
        return [_inline(item, raw) for item in node]
    if not isinstance(node, dict):
        return node
    beside = {key: _inline(value, raw) for key, value in node.items() if key != "$ref"}
    if "$ref" not in node:
        return beside
    target: Schema = _inline(_find(node["$ref"], raw), raw)
    properties = {**target.get("properties", {}), **beside.get("properties", {})}
    return {**target, **beside, **({"properties": properties} if properties else {})}


def _find(reference: str, raw: dict[str, Schema]) -> Schema:
    """Return what ``other.yaml`` or ``common.yaml#/$defs/guid`` names; a bare fragment is one of ``common``."""
    file, _, pointer = reference.partition("#/$defs/")
    schema = raw[file.removesuffix(".yaml") or COMMON]
    found: Schema = schema["$defs"][pointer] if pointer else schema
    return {key: value for key, value in found.items() if key != "$schema"}


class ValueAt(Struct, frozen=True):
    """One value of a body.

    Attributes:
        where: JSON path, into JSON text as well; ``[]`` stands for any item of a list.
        schema: what the value must be.
    """

    where: str
    value: Any
    schema: Schema


def walk(value: Any, schema: Schema, where: str = "$") -> Iterator[ValueAt]:  # noqa: ANN401 - any JSON
    """Yield the value and the values in it, also inside JSON text, as deep as the schema describes them.

    Of an object that the schema describes, every value is yielded; of any other object none.
    """
    yield ValueAt(where, value, schema)
    if isinstance(value, str) and "contentSchema" in schema:
        yield from walk(_parsed(value), schema["contentSchema"], where)
    elif isinstance(value, list) and "items" in schema:
        items = f"{where}[]"
        for item in value:
            yield from walk(item, schema["items"], items)
    elif isinstance(value, dict) and schema:
        for key, item in value.items():
            name, inner = property_of(schema, key)
            yield from walk(item, inner, f"{where}{wording.step(name)}")


def _parsed(text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def folded(value: Any, schema: Schema) -> Any:  # noqa: ANN401 - any JSON
    """Return the value with its keys spelled as in the schema, if the receiver ignores their case."""
    if isinstance(value, list) and "items" in schema:
        return [folded(item, schema["items"]) for item in value]
    if not isinstance(value, dict) or not schema.get("x-ignore-case"):
        return value
    named = ((property_of(schema, key), item) for key, item in value.items())
    return {name: folded(item, inner) for (name, inner), item in named}


def property_of(schema: Schema, key: str) -> tuple[str, Schema]:
    """Return the name of a property in the schema and its schema, or else the schema of further properties."""
    properties: dict[str, Schema] = schema.get("properties", {})
    folded = {name.lower(): name for name in properties} if schema.get("x-ignore-case") else {}
    name = folded.get(key.lower(), key)
    further = schema.get("additionalProperties", {})
    return name, properties.get(name, further if isinstance(further, dict) else {})


def parts_of_message(message: str, schema: Schema) -> Iterator[Part]:
    """Yield the body itself if it has a mark, and each property, also inside JSON text."""
    if "x-evidence" in schema:
        yield _part(message, "$", message, schema, schema["x-source"])
    yield from _parts_below(message, "$", schema, schema["x-source"])


def _parts_below(message: str, where: str, schema: Schema, source: str) -> Iterator[Part]:
    source = schema.get("x-source", source)
    for name, value in schema.get("properties", {}).items():
        yield _part(message, f"{where}.{name}", name, value, source)
        yield from _parts_below(message, f"{where}.{name}", value, source)
    for keyword, step in (("contentSchema", ""), ("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(schema.get(keyword), dict):
            yield from _parts_below(message, f"{where}{step}", schema[keyword], source)


def _part(message: str, path: str, name: str, schema: Schema, source: str) -> Part:
    source = schema.get("x-source", source)
    return Part(message, path, schema["x-evidence"], name, source, secret=schema.get("x-secret", False))
