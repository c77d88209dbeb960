"""A body beside the contract of its message, part by part."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson
from msgspec import Struct

from privman_contracts import wording
from privman_contracts.evidence import Evidence, Violation
from privman_contracts.schemas import Schema, folded, property_of
from privman_core.masking import MASK

MOST_PARTS = 500
"""The most parts that a comparison has; those with violations come first."""
_MOST_ITEMS, _MOST_KEYS = 20, 200  # of one list, and of one object beyond its contract
_LONGEST = 300
_STEP = re.compile(r"[.\[]")
_NOTHING: Final = object()  # no value in the body, or none that can be found in the shown body
_STRUCTURE = frozenset({"properties", "items", "contentSchema"})


class BodyPart(Struct, frozen=True, kw_only=True):
    """One part of a contract with its value in a body, or a value that the contract does not describe.

    Attributes:
        where: JSON path, into JSON text as well.
        expected: in words; empty for a part that the contract does not describe.
        required: whether the contract demands it.
        present: whether the body has it.
        actual: the value in words, with secrets masked; empty for none.
        source: the pages that say it, by their names in ``sources.yaml``.
        violations: of this part alone, not of those in it.
    """

    where: str
    evidence: Evidence
    source: str
    expected: str = ""
    required: bool = False
    present: bool = True
    actual: str = ""
    violations: tuple[Violation, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the part has no violation; a doubtful value is none."""
        return all(each.doubtful for each in self.violations)

    @property
    def doubtful(self) -> bool:
        """Whether the value is allowed, but hardly intended."""
        return self.fits and bool(self.violations)


def compare(schema: Schema, document: object, violations: Iterable[Violation], shown: object) -> list[BodyPart]:
    """Return the parts of a message and of its body, those with violations first, at most `MOST_PARTS`.

    Every violation is in a part. Of long lists only the first items are compared, and those with violations.

    Args:
        schema: of the message, in the wire's spelling.
        document: the body's JSON.
        violations: of the body.
        shown: the body's JSON with secrets masked, from which values are taken.
    """
    comparison = _Comparison(violations)
    root = _Place(
        "$",
        folded(document, schema),
        folded(shown, schema),
        schema,
        schema.get("x-evidence", "I"),
        schema["x-source"],
        required=True,
    )
    parts = [*comparison.walk(root), *comparison.elsewhere(schema["x-source"])]
    return sorted(parts, key=_rank)[:MOST_PARTS]


def unreadable(schema: Schema, violations: Iterable[Violation]) -> list[BodyPart]:
    """Return the parts of a body that is not JSON."""
    comparison = _Comparison(violations)
    return [*comparison.elsewhere(schema["x-source"], wording.expected(schema))]


def _rank(part: BodyPart) -> int:
    return 0 if not part.fits else 1 if part.doubtful else 2


class _Place(Struct, frozen=True):
    """A value beside its schema; it inherits evidence and source unless its schema has its own."""

    where: str
    value: Any
    shown: Any
    schema: Schema
    evidence: Evidence
    source: str
    required: bool = False
    described: bool = True

    def inner(self, key: str | int, schema: Schema, *, required: bool, described: bool = True) -> "_Place":
        """Return the place of a property or item."""
        value, shown = (_item(each, key) for each in (self.value, self.shown))
        evidence, source = (schema.get("x-evidence", self.evidence), schema.get("x-source", self.source))
        return _Place(f"{self.where}{wording.step(key)}", value, shown, schema, evidence, source, required, described)

    def unpacked(self) -> "_Place":
        """Return the place of the value within JSON text."""
        inner: Schema = self.schema["contentSchema"]
        source = inner.get("x-source", self.source)
        return _Place(self.where, _parsed(self.value), _parsed(self.shown), inner, self.evidence, source)


class _Comparison:
    """Walks a body; each violation is given to the part at its place."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self._violations: dict[str, list[Violation]] = {}
        for each in violations:
            self._violations.setdefault(each.where, []).append(each)
        self._broken = {around for where in self._violations for around in _around(where)}

    def walk(self, place: _Place) -> Iterator[BodyPart]:
        """Yield the part at the place and the parts in it; the body itself is a part only if it is not an object."""
        if place.where != "$" or not isinstance(place.value, dict) or "$" in self._violations:
            yield self._part(place)
        unpacked = place.unpacked() if isinstance(place.value, str) and "contentSchema" in place.schema else place
        if isinstance(unpacked.value, dict):
            yield from self._properties(unpacked)
        elif isinstance(unpacked.value, list) and "items" in unpacked.schema:
            yield from self._items(unpacked)

    def elsewhere(self, source: str, expected: str = "") -> Iterator[BodyPart]:
        """Yield a part for each place with violations that the walk has not met."""
        for where, found in self._violations.items():
            yield BodyPart(
                where=where, evidence=found[0].evidence, source=source, expected=expected, violations=tuple(found)
            )

    def _part(self, place: _Place) -> BodyPart:
        found = tuple(self._violations.pop(place.where, ()))
        return BodyPart(
            where=place.where,
            evidence=found[0].evidence if found else place.evidence,
            source=place.source,
            expected=wording.expected(place.schema) if place.described else "",
            required=place.required,
            present=place.value is not _NOTHING,
            actual=_in_words(place),
            violations=found,
        )

    def _properties(self, place: _Place) -> Iterator[BodyPart]:
        properties, required = place.schema.get("properties", {}), place.schema.get("required", ())
        for name, schema in properties.items():
            yield from self.walk(place.inner(name, schema, required=name in required))
        if not _STRUCTURE.isdisjoint(place.schema) or "additionalProperties" in place.schema:
            yield from self._further(place, [name for name in place.value if name not in properties])

    def _further(self, place: _Place, names: list[str]) -> Iterator[BodyPart]:
        described = isinstance(place.schema.get("additionalProperties"), dict)
        for index, name in enumerate(names):
            if index < _MOST_KEYS or f"{place.where}{wording.step(name)}" in self._broken:
                _, schema = property_of(place.schema, name)
                yield from self.walk(place.inner(name, schema, required=False, described=described))

    def _items(self, place: _Place) -> Iterator[BodyPart]:
        schema = place.schema["items"]
        for index in range(len(place.value)):
            if index < _MOST_ITEMS or f"{place.where}[{index}]" in self._broken:
                yield from self.walk(place.inner(index, schema, required=False))


def _around(where: str) -> Iterator[str]:
    """Yield a place and those that it is in."""
    yield where
    yield from (where[: step.start()] for step in _STEP.finditer(where))


def _in_words(place: _Place) -> str:
    """Return the value for people, or the mask if the shown body has another value there."""
    if place.value is _NOTHING:
        return ""
    if place.schema.get("x-secret"):
        return MASK
    if isinstance(place.value, str) and "contentSchema" in place.schema:
        return _text_in_words(place)
    return MASK if type(place.shown) is not type(place.value) else wording.shown(place.shown, _LONGEST)


def _text_in_words(place: _Place) -> str:
    """Return the kind of value in JSON text; text that is not JSON is shown unless it may contain a secret."""
    held = _parsed(place.value)
    if isinstance(held, dict | list):
        return f"JSON text, {wording.shown(held)}"
    is_secret = _holds_secret(place.schema["contentSchema"]) or not isinstance(place.shown, str)
    return MASK if is_secret else wording.shown(place.shown, _LONGEST)


def _holds_secret(schema: Schema) -> bool:
    inner = schema.get("properties", {}).values()
    return bool(schema.get("x-secret")) or any(map(_holds_secret, inner))


def _item(container: object, key: str | int) -> object:
    if isinstance(container, dict):
        return container.get(key, _NOTHING)
    fits = isinstance(container, list) and isinstance(key, int) and key < len(container)
    return container[key] if fits else _NOTHING  # type: ignore[index]  # a list


def _parsed(text: object) -> object:
    try:
        return orjson.loads(text) if isinstance(text, str) else _NOTHING
    except orjson.JSONDecodeError:
        return _NOTHING
