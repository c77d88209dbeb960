"""JSON that somebody else wrote, of any depth: reading and indenting it never raises."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

NOT_JSON: Final = object()
"""What a text that is no JSON says."""
_DEEPEST = 60
_STEP = "  "
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]\s*+[\]}]|[\[{\]},:]|[^\s"\[\]{},:]++')


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
    return _shortened(lined(text, longest), longest)


def lined(text: str, longest: int) -> str:
    """Return a text of JSON with a line for each value; numbers, escapes and repeated keys stay as they are written.

    A text that is longer, deep, or no JSON stays as it is.
    """
    value = read_json(text) if len(text) <= longest else NOT_JSON
    return text if value is NOT_JSON or is_deep(value) else "".join(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    depth = 0
    for found in _PIECE.finditer(text):
        piece = found[0]
        if piece in "[{":
            depth += 1
            yield f"{piece}\n{_STEP * depth}"
        elif piece in "]}":
            depth -= 1
            yield f"\n{_STEP * depth}{piece}"
        elif piece == ",":
            yield f",\n{_STEP * depth}"
        elif piece == ":":
            yield ": "
        else:
            yield f"{piece[0]}{piece[-1]}" if piece[0] in "[{" else piece


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\n… (the first {longest:,} of {len(text):,} characters)"
