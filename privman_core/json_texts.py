"""JSON that somebody else wrote, of any depth: reading and indenting it never raises."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

NOT_JSON: Final = object()
"""What a text that is no JSON says."""
_DEEPEST = 60


def read_json(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return what a text of JSON says; `NOT_JSON` for one that says nothing, or is nested some 1,000 levels deep."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return NOT_JSON


def is_deep(value: object) -> bool:
    """Return whether JSON is nested deeper than any message, so that it is neither indented nor walked by recursion."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [item for each in level if isinstance(each, dict | list) for item in _items(each)]
    return bool(level)


def _items(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def indented(text: str, longest: int) -> str:
    """Return a text with its JSON indented, or as it is where it is no JSON, or deep; shortened to that length."""
    value = read_json(text) if len(text) <= longest else NOT_JSON
    if value is NOT_JSON or is_deep(value):
        return _shortened(text, longest)
    return _shortened(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), longest)


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\n… (the first {longest:,} of {len(text):,} characters)"
