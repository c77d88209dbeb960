"""Differences between two schemas of one message: values that are no longer allowed, and values that are new."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from privman_contracts import wording
from privman_contracts.schemas import Schema

# These keywords do not decide which values are valid.
_SILENT = frozenset(
    {"$schema", "title", "description", "x-source", "x-expected", "x-names", "x-words", "x-evidence", "x-secret"}
)
# How open an object is to further properties: closed, to some, to all.
_CLOSED, _TO_SOME, _TO_ALL = range(3)


class SchemaDifference(Struct, frozen=True):
    """One difference.

    Attributes:
        narrows: whether something that was valid no longer is.
        widens: whether something is valid that was not.
    """

    where: str
    text: str
    narrows: bool = False
    widens: bool = False


def differences(old: Schema, new: Schema, where: str = "$") -> Iterator[SchemaDifference]:
    """Yield each difference between the schemas, both in canonical names."""
    for keyword in sorted((old.keys() | new.keys()) - _SILENT):
        if _as_json(old.get(keyword)) != _as_json(new.get(keyword)):
            yield from _HANDLERS.get(keyword, _otherwise(keyword))(old, new, where)


def _properties(old: Schema, new: Schema, where: str) -> Iterator[SchemaDifference]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(before.keys() | after.keys()):
        place = f"{where}.{name}"
        if name not in before:
            yield SchemaDifference(place, "is new", widens=_openness(old) == _CLOSED)
        elif name not in after:
            yield SchemaDifference(place, "is gone", narrows=_openness(new) == _CLOSED)
        else:
            yield from differences(before[name], after[name], place)


def _required(old: Schema, new: Schema, where: str) -> Iterator[SchemaDifference]:
    before, after = set(old.get("required", [])), set(new.get("required", []))
    for name in sorted(after - before):
        yield SchemaDifference(f"{where}.{name}", "is required now", narrows=True)
    for name in sorted(before - after):
        yield SchemaDifference(f"{where}.{name}", "is no longer required", widens=True)


def _choices(keyword: str) -> "_Handler":
    """Return the handler of a keyword that lists what is allowed, and allows all where it is absent."""

    def handle(old: Schema, new: Schema, where: str) -> Iterator[SchemaDifference]:
        before, after = _listed(old.get(keyword)), _listed(new.get(keyword))
        if not before or not after:
            text = "may be anything now" if before else f"may only be {_joined(after)} now"
            yield SchemaDifference(where, text, narrows=bool(after), widens=bool(before))
            return
        if gone := before - after:
            yield SchemaDifference(where, f"may no longer be {_joined(gone)}", narrows=True)
        if added := after - before:
            yield SchemaDifference(where, f"may also be {_joined(added)} now", widens=True)

    return handle


def _least(keyword: str) -> "_Handler":
    def handle(old: Schema, new: Schema, where: str) -> Iterator[SchemaDifference]:
        before, after = old.get(keyword, 0), new.get(keyword, 0)
        yield SchemaDifference(
            where, f"{keyword} is {after}, was {before}", narrows=after > before, widens=after < before
        )

    return handle


def _below(keyword: str, step: str) -> "_Handler":
    def handle(old: Schema, new: Schema, where: str) -> Iterator[SchemaDifference]:
        yield from differences(old.get(keyword, {}), new.get(keyword, {}), f"{where}{step}")

    return handle


def _further(old: Schema, new: Schema, where: str) -> Iterator[SchemaDifference]:
    before, after = _openness(old), _openness(new)
    if before == after:
        yield from differences(old["additionalProperties"], new["additionalProperties"], f"{where}.*")
    else:
        text = ("may not have further properties now", "may have only some further properties now", "is open now")
        yield SchemaDifference(where, text[after], narrows=after < before, widens=after > before)


def _otherwise(keyword: str) -> "_Handler":
    """Return the handler of a keyword that may narrow and widen at once."""

    def handle(old: Schema, new: Schema, where: str) -> Iterator[SchemaDifference]:
        before, after = (wording.expected(schema) for schema in (old, new))
        text = f"must be {after}, was {before}" if before != after else f"{keyword} is another"
        yield SchemaDifference(where, text, narrows=True, widens=True)

    return handle


def _openness(schema: Schema) -> int:
    further = schema.get("additionalProperties", True)
    return _TO_SOME if isinstance(further, dict) else _TO_ALL if further else _CLOSED


def _listed(value: Any) -> set[str]:  # noqa: ANN401 - one word or a list of any
    if value is None:
        return set()
    return {json.dumps(item, ensure_ascii=False) for item in (value if isinstance(value, list) else [value])}


def _as_json(value: Any) -> str:  # noqa: ANN401 - any value of a keyword
    """Return the value as JSON has it, where ``true`` is not 1 as it is in Python."""
    return json.dumps(value, sort_keys=True)


def _joined(values: set[str]) -> str:
    return " or ".join(sorted(values))


_Handler = Callable[[Schema, Schema, str], Iterator[SchemaDifference]]
_HANDLERS: dict[str, _Handler] = {
    "properties": _properties,
    "required": _required,
    "type": _choices("type"),
    "enum": _choices("enum"),
    "minLength": _least("minLength"),
    "minProperties": _least("minProperties"),
    "additionalProperties": _further,
    "items": _below("items", "[]"),
    "contentSchema": _below("contentSchema", ""),
}
