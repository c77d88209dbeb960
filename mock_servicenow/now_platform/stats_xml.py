"""Aggregates as XML: one element a key, repeated for lists (platform 1.10; the shape is inferred)."""

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_stats(result: object) -> bytes:
    """Return the answer whose JSON form has the result under ``result``."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{_element("response", {"result": result})}'.encode()


def _element(name: str, value: object) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        text = "".join(_element(key, item) for key, item in value.items())
    else:
        text = escape(_ILLEGAL.sub("", str(value)))
    return f"<{name}>{text}</{name}>" if text else f"<{name}/>"
