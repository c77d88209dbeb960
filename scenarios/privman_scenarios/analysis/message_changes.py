"""The ways in which a mutant changes a message."""

import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import orjson

MessageSide = Literal["request", "answer"]


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A request on its way to a party, or its answer on the way back.

    Attributes:
        path: of the request as it is on the wire, without its query.
        headers: in the order in which they were sent.
        status: 0 in a request; in an answer, 0 when none came.
        again: how many times the request goes out once more before its answer counts.
        again_with: what is then set in its body, by path.
        asked: the body of the request that an answer is for, before anything was changed.
    """

    side: MessageSide
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int = 0
    again: int = 0
    again_with: Mapping[str, Any] = field(default_factory=dict)
    asked: bytes = b""

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON holds anything
        """The body as JSON, None where it is none."""
        return _parsed(self.body)

    def differs(self, other: Self) -> bool:
        """Tell whether anything but the spelling of the JSON is another."""
        if replace(self, body=b"") != replace(other, body=b""):
            return True
        return self.body != other.body and (self.json is None or self.json != other.json)

    def found(self, path: str) -> list[Any]:
        """Return what stands at the path in the request's body, also of an answer."""
        return find_at(_parsed(self.asked or self.body), path)

    def with_json(self, value: object) -> Self:
        """Return the message with another body."""
        return replace(self, body=orjson.dumps(value))

    def with_values(self, values: Mapping[str, Any]) -> "HttpMessage":
        """Return the message with these values in its body, by path."""
        return _set(self, values)

    def with_header(self, name: str, value: str | None) -> Self:
        """Return the message with a header replaced, or left out."""
        kept = tuple(header for header in self.headers if header[0].lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


JsonObject = dict[str, Any]
Act = Callable[[JsonObject, str], object]


def change_at(value: Any, path: str, act: Act) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return the value after ``act`` was done to each object that has, or could have, the last word of the path."""
    if isinstance(value, list):
        return [change_at(item, path, act) for item in value]
    if isinstance(value, str):
        return _in_text(value, path, act)
    if isinstance(value, dict):
        first, _, rest = path.partition(".")
        if not rest:
            act(value, first)
        elif first in value:
            value[first] = change_at(value[first], rest, act)
    return value


def find_at(value: Any, path: str) -> list[Any]:  # noqa: ANN401 - JSON holds anything
    """Return what stands at the path, in each item of each list on the way."""
    found: list[Any] = []

    def take(parent: JsonObject, key: str) -> None:
        if key in parent:
            found.append(parent[key])

    change_at(value, path, take)
    return found


def _in_text(text: str, path: str, act: Act) -> str:
    try:
        inner = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return orjson.dumps(change_at(inner, path, act)).decode()


MessageChange = Callable[[HttpMessage, Any], HttpMessage]
Turn = Callable[[Any], Any]

_TEXTS: Mapping[str, Callable[[str], str]] = {
    "ascii": lambda text: text.encode("ascii", "replace").decode(),
    "braces": lambda text: f"{{{text}}}",
    "cut": lambda text: text[:20],
    "cut-at-255": lambda text: text[:255],
    "cut-at-1000": lambda text: text[:1_000],
    "cut-at-4000": lambda text: text[:4_000],
    "escaped": html.escape,
    "longer": lambda text: f"{text}/longer",
    "lower": str.lower,
    "raw": lambda text: f"1970-01-01 {text}",
    "upper": str.upper,
}


def changes() -> dict[str, MessageChange]:
    """Return each way by its name; the second argument of each is what stands beside the name."""
    return {
        "again": lambda message, times: replace(message, again=times),
        "again-with": lambda message, values: replace(message, again=1, again_with=values),
        "answer": _answer,
        "double": lambda message, paths: _turned(message, paths, lambda value: value * 2),
        "headers": _headers,
        "json": lambda message, value: message.with_json(value),
        "list": lambda message, paths: _turned(message, paths, lambda value: [value]),
        "method": lambda message, method: replace(message, method=method),
        "page": lambda message, text: replace(message, body=text.encode()).with_header("Content-Type", "text/html"),
        "parse": lambda message, paths: _turned(message, paths, orjson.loads),
        "path": lambda message, path: replace(message, path=path),
        "remove": _remove,
        "set": _set,
        "status": lambda message, status: replace(message, status=status),
        "texts": _texts,
        "translate": _translate,
        "whole-list": lambda message, _: message.with_json([message.json]),
    }


def _answer(message: HttpMessage, answer: Mapping[str, Any]) -> HttpMessage:
    """Answer at once, so that the party never hears of the request."""
    headers = (("Content-Type", "application/json"),)
    made = replace(message, side="answer", status=answer["status"], headers=headers, body=b"")
    return made.with_json(answer["json"])


def _headers(message: HttpMessage, headers: Mapping[str, str | None]) -> HttpMessage:
    for name, value in headers.items():
        message = message.with_header(name, value)
    return message


def _remove(message: HttpMessage, paths: Iterable[str]) -> HttpMessage:
    return _changed_at(message, {path: lambda parent, key: parent.pop(key, None) for path in paths})


def _set(message: HttpMessage, values: Mapping[str, Any]) -> HttpMessage:
    return _changed_at(message, {path: _put(value) for path, value in values.items()})


def _put(value: object) -> Act:
    return lambda parent, key: parent.update({key: value})


def _texts(message: HttpMessage, names: Mapping[str, str]) -> HttpMessage:
    for path, name in names.items():
        message = _turned(message, [path], _TEXTS[name])
    return message


def _translate(message: HttpMessage, words: Mapping[str, Mapping[Any, Any]]) -> HttpMessage:
    for path, other in words.items():
        message = _turned(message, [path], _word(other))
    return message


def _word(other: Mapping[Any, Any]) -> Turn:
    return lambda value: other.get(value, value)


def _turned(message: HttpMessage, paths: Iterable[str], turn: Turn) -> HttpMessage:
    """Return the message with what stands at each path turned into something else."""

    def act(parent: JsonObject, key: str) -> None:
        if key in parent:
            parent[key] = turn(parent[key])

    return _changed_at(message, dict.fromkeys(paths, act))


def _changed_at(message: HttpMessage, acts: Mapping[str, Act]) -> HttpMessage:
    value = message.json
    if value is None:
        return message
    for path, act in acts.items():
        value = change_at(value, path, act)
    return message.with_json(value)
