"""The schema of each message, read from the package and spelled as on the wire."""

from importlib.resources.abc import Traversable
from typing import Any

from privman_contracts import yaml_file
from privman_contracts.spelling import Schema, spell
from privman_contracts.wire_names import WireNames

COMMON = "common"


def load(names: WireNames, folder: Traversable = yaml_file.PACKAGED) -> dict[str, Schema]:
    """Return message name to its JSON Schema (2020-12), without references and in the wire's spelling."""
    files = sorted((folder / "schemas").iterdir(), key=lambda file: file.name)
    raw: dict[str, Schema] = {file.name.removesuffix(".yaml"): yaml_file.load(file) for file in files}
    return {message: spell(_inline(schema, raw), names) for message, schema in raw.items() if message != COMMON}


def _inline(node: Any, raw: dict[str, Schema]) -> Any:  # noqa: ANN401 - any node of a schema
    """Put what each ``$ref`` names in its place: validation then looks nothing up, and no schema is recursive."""
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
