"""Two exchanges field by field: their lines, headers, and the values of their bodies."""

from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

import orjson
from msgspec import Struct

from privman_core.cuts import cut
from privman_core.exchange import path_of
from privman_core.inputs import visible
from privman_core.json_texts import NOT_JSON, read_json

MOST_FIELDS = 2_000
"""Fields that are compared."""
_MOST_CHARACTERS = 512 * 1024
_LONGEST, _LONGEST_NAME, _LONGEST_STEP = 2_000, 300, 100  # characters of a value, a name and a key that are shown
_Field = tuple[str, str | None, str | None]


class ComparedField(Struct, frozen=True):
    """One field, long values cut; a side is None if its exchange lacks the field."""

    name: str
    first: str | None
    second: str | None
    same: bool


class ComparedExchanges(Struct, frozen=True):
    """Two exchanges; ``more`` says whether they have further fields that were not compared."""

    fields: list[ComparedField]
    more: bool = False

    @property
    def different(self) -> list[ComparedField]:
        """The fields that differ."""
        return [each for each in self.fields if not each.same]


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> ComparedExchanges:
    """Compare two exchanges as the control plane prints them; the number of fields and the shown text are bounded."""
    fields, room = list[ComparedField](), _MOST_CHARACTERS
    for name, one, other in _fields(first, second):
        if len(fields) == MOST_FIELDS or room <= 0:
            return ComparedExchanges(fields, more=True)
        shown = ComparedField(visible(cut(name, _LONGEST_NAME)), _cut(one), _cut(other), one == other)
        fields.append(shown)
        room -= len(shown.name) + len(shown.first or "") + len(shown.second or "")
    return ComparedExchanges(fields)


def _fields(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[_Field]:
    both = first, second
    yield from _paired(*(dict(_asked(each)) for each in both))
    yield from _bodies("request", *(each["request"]["body"] for each in both))
    yield from _paired(*(dict(_answered(each)) for each in both))
    yield from _bodies("answer", *(each["response"]["body"] for each in both))


def _paired(first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[_Field]:
    for name in dict.fromkeys((*first, *second)):
        yield name, first.get(name), second.get(name)


def _asked(printed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    url = printed["url"]
    yield "method", printed["method"]
    yield "path", path_of(url)
    yield from _named("query", parse_qsl(url.partition("?")[2], keep_blank_values=True))
    yield from _named("request header", printed["request"]["headers"], lowered=True)


def _answered(printed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "status", str(printed["status"] or printed["error"] or "no answer yet")
    yield "fault", printed["fault"]
    yield from _named("answer header", printed["response"]["headers"], lowered=True)


def _named(kind: str, pairs: list[Any], *, lowered: bool = False) -> Iterator[tuple[str, str]]:
    """Yield named values; the second of one name has its number."""
    seen: dict[str, int] = {}
    for name, value in pairs:
        key = name.lower() if lowered else name
        seen[key] = seen.get(key, 0) + 1
        yield f"{kind} {key}{f' ({seen[key]})' if seen[key] > 1 else ''}", value


def _bodies(side: str, first: str, second: str) -> Iterator[_Field]:
    """Yield the values of two bodies by their JSON paths; a body that is not JSON is one value."""
    one, other = read_json(first), read_json(second)
    yield from _values(f"{side} $", one, other)
    texts = [text if text and value is NOT_JSON else None for text, value in ((first, one), (second, other))]
    if texts != [None, None]:
        yield f"{side} body", texts[0], texts[1]


def _values(path: str, first: object, second: object) -> Iterator[_Field]:
    """Yield the values of two documents, one after the other and without recursion: no list of them is made."""
    waiting = [iter([(path, first, second)])]
    while waiting:
        place = next(waiting[-1], None)
        if place is None:
            waiting.pop()
            continue
        path, first, second = place
        texts = _leaf(first), _leaf(second)
        if texts != (None, None):
            yield path, *texts
        waiting.append(_members(path, first, second))


def _members(path: str, first: object, second: object) -> Iterator[tuple[str, object, object]]:
    """Yield the places in two values; a path that is too long is cut."""
    for key in chain(_keys(first), (each for each in _keys(second) if not _has(first, each))):
        yield cut(f"{path}{_step(key)}", _LONGEST_NAME), _member(first, key), _member(second, key)


def _keys(value: object) -> Collection[str | int]:
    if isinstance(value, dict):
        return value.keys()
    return range(len(value)) if isinstance(value, list) else ()


def _member(value: Any, key: str | int) -> object:  # noqa: ANN401 - any JSON
    return value[key] if _has(value, key) else NOT_JSON


def _has(value: object, key: str | int) -> bool:
    if isinstance(value, dict):
        return key in value
    return isinstance(value, list) and isinstance(key, int) and key < len(value)


def _step(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    name = cut(key, _LONGEST_STEP)
    return f".{name}" if key.isidentifier() else f"[{name!r}]"


def _leaf(value: object) -> str | None:
    """Return the JSON of a value that contains no other values; None for an object, an array, and for no value."""
    return None if value is NOT_JSON or _keys(value) else orjson.dumps(value).decode()


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _LONGEST:
        return None if text is None else visible(text)
    return f"{visible(text[:_LONGEST])}… ({len(text):,} characters)"
