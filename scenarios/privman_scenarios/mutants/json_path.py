"""Places in JSON, such as ``result.metadata.PolicyId``; the way goes on inside of lists and of JSON text."""

from collections.abc import Callable
from typing import Any

import orjson

JsonObject = dict[str, Any]
Act = Callable[[JsonObject, str], object]


def change(value: Any, path: str, act: Act) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return the value after ``act`` was done to each object that has, or could have, the last word of the path."""
    if isinstance(value, list):
        return [change(item, path, act) for item in value]
    if isinstance(value, str):
        return _in_text(value, path, act)
    if isinstance(value, dict):
        first, _, rest = path.partition(".")
        if not rest:
            act(value, first)
        elif first in value:
            value[first] = change(value[first], rest, act)
    return value


def find(value: Any, path: str) -> list[Any]:  # noqa: ANN401 - JSON holds anything
    """Return what stands at the path, in each item of each list on the way."""
    found: list[Any] = []

    def take(parent: JsonObject, key: str) -> None:
        if key in parent:
            found.append(parent[key])

    change(value, path, take)
    return found


def _in_text(text: str, path: str, act: Act) -> str:
    try:
        inner = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return orjson.dumps(change(inner, path, act)).decode()
