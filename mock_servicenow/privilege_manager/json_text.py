"""JSON that stands as text in a column."""

import json
from typing import Any


def json_object(text: str) -> dict[str, Any] | None:
    """Return the object that the text holds; None where it is no JSON, or JSON of another kind."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
