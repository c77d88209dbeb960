"""Errors of a JSON Schema in words for people."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from privman_core.cuts import cut
from privman_core.inputs import escape_controls

_LONGEST, _LONGEST_STEP = 80, 100
# A name and password in an address, which may hold an @ itself.
_USER_INFO = re.compile(r"//[^/\s\"]*@")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}

_EXPECTED: dict[str, Callable[[Any], str]] = {
    "contentMediaType": lambda _: "JSON text",
    "minLength": lambda _: "text that is not empty",
    "enum": lambda values: " or ".join(map(_json, values)),
    "const": _json,
    "type": lambda types: " or ".join(_TYPES[word] for word in ([types] if isinstance(types, str) else types)),
}


def place(path: Iterable[str | int]) -> str:
    """Return a JSON path, such as ``$.result[0].metadata``."""
    return "$" + "".join(map(step, path))


def step(key: str | int) -> str:
    """Return the step of a JSON path into an item or a property; a long name is cut."""
    return f"[{key}]" if isinstance(key, int) else f".{cut(key, _LONGEST_STEP)}"


def name(where: str) -> str:
    """Return what people call a JSON path: ``metadata.PolicyId``, or ``the body``."""
    return where.removeprefix("$").removeprefix(".") or "the body"


def expected(schema: dict[str, Any]) -> str:
    """Return what the schema wants, such as ``a GUID`` or ``"Approve" or "Deny"``."""
    wanted = (word(schema[keyword]) for keyword, word in _EXPECTED.items() if keyword in schema)
    return str(schema.get("x-expected") or next(wanted, "a value"))


def value_in_words(value: object) -> str:
    """Return ``has value …``, cut to fit a line; for an object or a list only its type."""
    return f"{'is' if isinstance(value, dict | list) else 'has value'} {shown(value)}"


def shown(value: object, longest: int = _LONGEST) -> str:
    """Return the value as JSON, cut; for an object or a list only its type."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return escape_controls(cut(_USER_INFO.sub("//***@", _json(value)), longest))
