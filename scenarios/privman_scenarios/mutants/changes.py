"""What can be done to a message, each way by the name that the list of mutants calls it."""

import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from privman_scenarios.mutants import json_path
from privman_scenarios.mutants.json_path import Act, JsonObject
from privman_scenarios.mutants.message import Message

Change = Callable[[Message, Any], Message]
Turn = Callable[[Any], Any]

_TEXTS: Mapping[str, Callable[[str], str]] = {
    "ascii": lambda text: text.encode("ascii", "replace").decode(),
    "braces": lambda text: f"{{{text}}}",
    "cut": lambda text: text[:20],
    "cut-at-255": lambda text: text[:255],
    "cut-at-1000": lambda text: text[:1_000],
    "cut-at-4000": lambda text: text[:4_000],
    "escaped": html.escape,
    "lower": str.lower,
    "upper": str.upper,
}


def changes() -> dict[str, Change]:
    """Return each way by its name; the second argument of each is what stands beside the name."""
    return {
        "again": lambda message, times: replace(message, again=times),
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


def _answer(message: Message, answer: Mapping[str, Any]) -> Message:
    """Answer at once, so that the party never hears of the request."""
    headers = (("Content-Type", "application/json"),)
    made = replace(message, side="answer", status=answer["status"], headers=headers, body=b"")
    return made.with_json(answer["json"])


def _headers(message: Message, headers: Mapping[str, str | None]) -> Message:
    for name, value in headers.items():
        message = message.with_header(name, value)
    return message


def _remove(message: Message, paths: Iterable[str]) -> Message:
    return _changed(message, {path: lambda parent, key: parent.pop(key, None) for path in paths})


def _set(message: Message, values: Mapping[str, Any]) -> Message:
    return _changed(message, {path: _put(value) for path, value in values.items()})


def _put(value: object) -> Act:
    return lambda parent, key: parent.update({key: value})


def _texts(message: Message, names: Mapping[str, str]) -> Message:
    for path, name in names.items():
        message = _turned(message, [path], _TEXTS[name])
    return message


def _translate(message: Message, words: Mapping[str, Mapping[Any, Any]]) -> Message:
    for path, other in words.items():
        message = _turned(message, [path], _word(other))
    return message


def _word(other: Mapping[Any, Any]) -> Turn:
    return lambda value: other.get(value, value)


def _turned(message: Message, paths: Iterable[str], turn: Turn) -> Message:
    """Return the message with what stands at each path turned into something else."""

    def act(parent: JsonObject, key: str) -> None:
        if key in parent:
            parent[key] = turn(parent[key])

    return _changed(message, dict.fromkeys(paths, act))


def _changed(message: Message, acts: Mapping[str, Act]) -> Message:
    value = message.json
    for path, act in acts.items():
        value = json_path.change(value, path, act)
    return message.with_json(value)
