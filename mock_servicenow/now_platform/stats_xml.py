"""Aggregates as XML: one element a key, repeated for lists (platform 1.10; the shape is inferred)."""

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

_ILLEGAL = re.compile("[\0-\b\v\f\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # few: a set of all others takes 8 ms to compile


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
