"""Answers that a step captures with ``as``, and the paths by which later steps use their values."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import orjson

from privman_contracts import PartyName
from privman_core.near_words import advice
from privman_scenarios.language import known, message_places
from privman_scenarios.language.checks import Flaw
from privman_scenarios.language.known import unknown
from privman_scenarios.language.message_places import Place
from privman_scenarios.language.model import Arguments, Own

Part = Literal["status", "headers", "body"]
PARTS: tuple[Part, ...] = get_args(Part)
_NAME = re.compile(r"[\w-]+")
# What `${table.request}` and the like begin with.
RESERVED = ("env", "rule", "table", "text")
_DEFAULT_STATUS = 200


def captured_name(value: str, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Reject invalid or reserved names."""
    if not _NAME.fullmatch(value) or value in RESERVED:
        reserved = ", ".join(RESERVED)
        yield Flaw((), f"invalid name {value!r}. Expected letters, digits, '_' and '-', and none of {reserved}.")


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """An answer that a step will capture, as far as the contracts say what is in it.

    Attributes:
        place: of its body.
        table: the app's table whose records it has; empty for any other answer.
    """

    status: int
    place: Place
    table: str
    own: Own

    @classmethod
    def of(cls, party: PartyName, arguments: Arguments, own: Own) -> "ExpectedAnswer":
        """Return what the answer to a call will be."""
        path, wanted = arguments["path"], arguments.get("status", _DEFAULT_STATUS)
        status = wanted if isinstance(wanted, int) else _DEFAULT_STATUS
        place = message_places.of_answer(party, arguments.get("method", "GET"), path, status)
        return cls(status, place if place.exact else Place(()), _table_in(path), own)

    def flaw_of(self, path: str) -> str:
        """Return why no answer has a value at this path; empty if one may."""
        part, *keys = path.split(".")
        if part not in PARTS:
            return f"An answer has no {part!r}. {advice(part, PARTS)}"
        if part == "status":
            return f"The status is a number and has no {keys[0]!r}." if keys else ""
        if part == "headers":
            return self._flaw_of_headers(keys)
        return self._flaw_of_body(keys)

    def example(self, path: str) -> str | int | None:
        """Return a value that may be there; None where nobody knows what it looks like."""
        key = path.rpartition(".")[2]
        if path == "status":
            return self.status
        if key in known.GUIDS:
            return known.OTHER_GUID
        holds = self.table if key == "sys_id" else known.HOLDS.get(key, "")
        return known.SYS_IDS.get(holds, known.OTHER_SYS_ID) if key in known.OF_SYS_IDS else None

    def _flaw_of_headers(self, keys: list[str]) -> str:
        valid = (*known.HEADERS, *map(str.lower, self.own.get("headers", ())))
        if len(keys) != 1:
            return "Expected one name of a header, such as headers.location."
        return "" if keys[0].lower() in valid else unknown("header", keys[0], known.HEADERS, "headers")

    def _flaw_of_body(self, keys: list[str]) -> str:
        place, own = self.place, [*self.own.get("keys", ()), *self.own.get("columns", ())]
        for key in keys:
            if key.isdecimal():
                place = place.items()
            elif place.items() and not place.keys:
                return f"A list is there, which has no {key!r}. Expected the number of an item, from 0."
            elif place.keys and key not in (*place.keys, *own):
                return unknown("key", key, place.keys, "keys")
            else:
                place = place.below(key)
        return ""


def _table_in(path: str) -> str:
    tables = known.names().group("tables")
    return next((table for table, wire in tables.items() if f"/{wire}" in path), "")


class MissingValueError(LookupError):
    """A captured answer has no value at a path; the message says what it has there."""


def value_at(answer: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return what is at a path into an answer, such as ``body.result.0.sys_id``; raises MissingValueError."""
    value: Any = answer
    for key in path.lower().split(".") if path.startswith("headers.") else path.split("."):
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise MissingValueError(_what_is_there(value))
    return value


def _what_is_there(value: object) -> str:
    if isinstance(value, Mapping):
        return f"an object with {', '.join(map(str, value)) or 'nothing in it'}"
    return f"a list of {len(value)}" if isinstance(value, list) else repr(value)


def as_text(value: object) -> str:
    """Return a value as it is written within a text: texts as they are, all others as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
