"""JSON that stands as text in a column."""

import json
from typing import Any


def json_object(text: str) -> dict[str, Any] | None:
    """Return the object in the text; None if it is not JSON or not an object.

    Halves of surrogate pairs, which JSON can escape and nobody can send or store, become question marks.
    """
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_json(value: object) -> str:
    """Return the compact JSON of a value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
