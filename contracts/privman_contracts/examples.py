"""Examples of each message, as files that also the tests pick up."""

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import orjson

from privman_contracts.spelling import Schema
from privman_contracts.wire_names import WireNames


class Examples:
    """Valid examples in the spelling of one instance; the files have the packaged spelling."""

    def __init__(self, names: WireNames) -> None:
        self._names = names
        self._packaged = WireNames.load()

    def valid(self, message: str, schema: Schema) -> dict[str, Any]:
        """Return name to body of each valid example of the message."""
        files = sorted((_folder() / message).iterdir(), key=lambda file: file.name)
        bodies = ((file.name.removesuffix(".json"), orjson.loads(file.read_bytes())) for file in files)
        return {name: self._spell(body, schema) for name, body in bodies}

    def _spell(self, node: Any, schema: Schema) -> Any:  # noqa: ANN401 - any node of a JSON document
        if isinstance(node, dict):
            return dict(self._spell_keys(node, schema))
        if isinstance(node, list):
            return [self._spell(item, schema.get("items", {})) for item in node]
        if isinstance(node, str) and "contentSchema" in schema:
            return orjson.dumps(self._spell(orjson.loads(node), schema["contentSchema"])).decode()
        if isinstance(node, str) and "x-listed" in schema:
            words = self._respelled([schema["x-listed"]])
            return ",".join(words.get(word, word) for word in node.split(","))
        if isinstance(node, str):
            return self._respelled(schema.get("x-words", [])).get(node, node)
        return node

    def _spell_keys(self, node: dict[str, Any], schema: Schema) -> Iterator[tuple[str, Any]]:
        spellings = self._respelled([schema["x-names"]] if "x-names" in schema else [])
        for key, value in node.items():
            spelled = spellings.get(key, key)
            yield spelled, self._spell(value, schema.get("properties", {}).get(spelled, {}))

    def _respelled(self, groups: list[str]) -> dict[str, str]:
        """Return packaged spelling to this instance's, of all names in the groups."""
        return {
            str(packaged.value): str(self._names.find(packaged.path).value)
            for packaged in self._packaged
            if packaged.group in groups or packaged.path in groups
        }


def _folder() -> Traversable:
    return resources.files("privman_contracts") / "examples" / "valid"
