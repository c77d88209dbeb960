"""JSON values as a scenario writes them, and the part of an answer that it can expect."""

import re
from collections.abc import Iterator
from typing import Any

from privman_core.json_texts import NOT_JSON, is_deep, read_json
from privman_core.masking import MASK

ID = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})(?![0-9A-Za-z])")
"""A sys_id or a GUID."""
_PLACE = re.compile(r"<([^\W\d][\w-]*)>")
_KEY = re.compile(r"[A-Za-z_]\w*")
_MOST_ITEMS, _LONGEST_TEXT = 20, 2_000


def json_of(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of a JSON text; the text itself if it is not JSON, or is nested too deeply."""
    found = read_json(text)
    return text if found is NOT_JSON or is_deep(found) else found


def object_of(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return an object, also one that a text holds; an empty one for any other value."""
    found = json_of(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def repeatable(value: Any, sent: set[str] | None) -> Any:  # noqa: ANN401 - any JSON
    """Return the part of an answer that is the same each time; None for none.

    A text without ids is kept if it is one of those ``sent``, or if ``sent`` is None.
    """
    if isinstance(value, dict):
        usual = {key: each for key, each in value.items() if _KEY.fullmatch(key) and not key.startswith("sys_")}
        found = {key: repeatable(each, sent) for key, each in usual.items()}
        return {key: each for key, each in found.items() if each is not None} or None
    if isinstance(value, list):
        items = [repeatable(each, sent) for each in value[:_MOST_ITEMS]]
        return items if items and None not in items and len(value) <= _MOST_ITEMS else None
    if not isinstance(value, str) or not value or len(value) > _LONGEST_TEXT:
        return None
    volatile = ID.search(value) or MASK in value or (sent is not None and value not in sent)
    return None if volatile else escaped(value)


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with each text and key as a scenario writes it."""
    if isinstance(value, dict):
        return {escaped_key(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return escaped(value) if isinstance(value, str) else value


def escaped(text: str) -> str:
    """Return a text as a scenario writes it, where ${name} is a variable, too."""
    return escaped_key(text).replace("${", "${dollar}{")


def escaped_key(text: str) -> str:
    """Return a key as a scenario writes it, where <name> is the place of an example's value."""
    return _PLACE.sub(r"<<\1>>", text)


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield each text of JSON."""
    return (text for _, text in places("", value))


def places(path: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    """Yield each text of JSON with the path by which a step refers to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            if _KEY.fullmatch(key):
                yield from places(f"{path}.{key}", each)
    elif isinstance(value, list):
        for number, each in enumerate(value[:_MOST_ITEMS]):
            yield from places(f"{path}.{number}", each)
