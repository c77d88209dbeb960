"""Two exchanges field by field: their lines, headers, and the values of their bodies."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from msgspec import Struct

MOST_FIELDS = 2_000
"""Fields of one exchange that are compared."""
_LONGEST = 2_000
"""Characters of a value that are shown."""


class ComparedField(Struct, frozen=True):
    """One field; a side is None if its exchange lacks the field."""

    name: str
    first: str | None
    second: str | None

    @property
    def same(self) -> bool:
        """Whether both have the same."""
        return self.first == self.second


class ComparedExchanges(Struct, frozen=True):
    """Two exchanges; ``left_out`` says how many fields are too many to compare."""

    fields: list[ComparedField]
    left_out: int = 0

    @property
    def different(self) -> list[ComparedField]:
        """The fields that differ."""
        return [each for each in self.fields if not each.same]


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> ComparedExchanges:
    """Compare two exchanges as the control plane prints them."""
    left, right = dict(_fields(first)), dict(_fields(second))
    names = list(dict.fromkeys((*left, *right)))
    fields = [ComparedField(name, _cut(left.get(name)), _cut(right.get(name))) for name in names[:MOST_FIELDS]]
    return ComparedExchanges(fields, max(len(names) - MOST_FIELDS, 0))


def _fields(printed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    address = printed["url"].partition("?")
    yield "method", printed["method"]
    yield "path", urlsplit(address[0]).path if "://" in address[0] else address[0]
    yield from _named("query", parse_qsl(address[2], keep_blank_values=True))
    yield from _named("request header", printed["request"]["headers"], lowered=True)
    yield from _body("request", printed["request"]["body"])
    yield "status", str(printed["status"] or printed["error"] or "no answer yet")
    yield "fault", printed["fault"]
    yield from _named("answer header", printed["response"]["headers"], lowered=True)
    yield from _body("answer", printed["response"]["body"])


def _named(kind: str, pairs: list[Any], *, lowered: bool = False) -> Iterator[tuple[str, str]]:
    """Yield named values; the second of one name has its number."""
    seen: dict[str, int] = {}
    for name, value in pairs:
        key = name.lower() if lowered else name
        seen[key] = seen.get(key, 0) + 1
        yield f"{kind} {key}{f' ({seen[key]})' if seen[key] > 1 else ''}", value


def _body(side: str, body: str) -> Iterator[tuple[str, str]]:
    """Yield the values of a body by their JSON paths; all of it if it is not JSON, nothing of none."""
    if not body:
        return
    try:
        yield from _leaves(f"{side} $", orjson.loads(body))
    except orjson.JSONDecodeError:
        yield f"{side} body", body


def _leaves(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the values below one of JSON, which orjson reads at most 1,024 deep; without recursion."""
    waiting = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting += [
                (f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]", each)
                for key, each in reversed(value.items())
            ]
        elif isinstance(value, list) and value:
            waiting += [(f"{path}[{place}]", value[place]) for place in reversed(range(len(value)))]
        else:
            yield path, orjson.dumps(value).decode()


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text):,} characters)"
