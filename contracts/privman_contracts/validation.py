"""Validates bodies against the schema of a message; errors are sentences for people.

Imported only for the first check: jsonschema takes longer to import than a server should to start.
"""

import json
import re
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import suppress
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Literal, cast

import orjson
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from privman_contracts import schemas, wording
from privman_contracts.evidence import Evidence, Part, Violation
from privman_contracts.schemas import Schema, folded
from privman_core.json_texts import is_deep
from privman_core.near_words import nearest, question
from privman_core.sized_cache import SizedCache

# Replacements for jsonschema's messages.
TWICE, DOUBT = "twice", "doubt"
_DATE_TIME = re.compile(r"\d{4}-.*")
_TYPE = "$type"
# How similar a key must be to count as misspelt.
_MISSPELT = 0.8
_MOST_DOUBTED = 100  # keys of one object: each is compared with all that are known


def _content_schema(
    validator: Draft202012Validator, inner: Schema, text: object, schema: Schema
) -> Iterator[ValidationError]:
    """Demand JSON of a string and check what it holds; the standard makes both optional."""
    del schema
    if not isinstance(text, str):
        return
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield ValidationError("not JSON")
    else:
        yield from (ValidationError(TWICE, path=[key]) for key in keys_given_twice(text))
        yield from validator.descend(document, inner)


def _required(
    validator: Draft202012Validator, keys: list[str], document: object, schema: Schema
) -> Iterator[ValidationError]:
    """Place the error on the missing key rather than on the object."""
    del validator
    if not isinstance(document, dict):
        return
    for key in keys:
        if key not in document:
            yield ValidationError("missing", path=[key], schema=schema["properties"][key])


def _additional(
    validator: Draft202012Validator, rule: Schema | Literal[False], document: object, schema: Schema
) -> Iterator[ValidationError]:
    """Place the error on the unknown key, unless unknown keys are only doubtful."""
    if not isinstance(document, dict) or schema.get("x-doubt-keys") == "unknown":
        return
    for key in _unknown_keys(document, schema.get("properties", {})):
        if rule is False:
            yield ValidationError("unknown", path=[key])
        else:
            yield from validator.descend(document[key], rule, path=key)


def _pattern(validator: Draft202012Validator, pattern: str, text: object, schema: Schema) -> Iterator[ValidationError]:
    """Let ``$`` mean the end, as in the standard's regular expressions; Python's allows a line break before it."""
    del validator, schema
    if isinstance(text, str) and not _compiled(pattern).search(text):
        yield ValidationError("no match")


def _calendar(
    validator: Draft202012Validator, wanted: object, text: object, schema: Schema
) -> Iterator[ValidationError]:
    """Demand that what looks like a date and time names a real day."""
    del validator, wanted
    if isinstance(text, str) and _DATE_TIME.fullmatch(text) and _compiled(schema["pattern"]).search(text):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            yield ValidationError("no such day")


def _doubt(validator: Draft202012Validator, doubt: Schema, text: object, schema: Schema) -> Iterator[ValidationError]:
    """Report a text as doubtful that no source forbids, but that is hardly intended."""
    del validator, schema
    if isinstance(text, str) and _compiled(doubt["pattern"]).search(text):
        yield ValidationError(DOUBT)


def _unknown_keys(document: dict[str, object], known: Container[str]) -> list[str]:
    """Return the keys that are not among the known ones, in their order."""
    return [key for key in document if key not in known]


def _doubt_keys(
    validator: Draft202012Validator, which: Literal["misspelt", "unknown"], document: object, schema: Schema
) -> Iterator[ValidationError]:
    """Report as doubtful each unknown key, or only those similar to a known one; .NET senders add ``$type``."""
    del validator
    if not isinstance(document, dict):
        return
    known = schema["properties"].keys()
    for key in _unknown_keys(document, known)[:_MOST_DOUBTED]:
        if (which == "unknown" and key != _TYPE) or nearest(key, known, _MISSPELT):
            yield ValidationError(DOUBT, path=[key])


def keys_given_twice(text: str | bytes, *, ignore_case: bool = False) -> list[str]:
    """Return the keys that any object in a JSON text has more than once; none if it is not JSON."""
    twice: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        spelled = {key.lower() if ignore_case else key: key for key, _ in pairs}
        counts = Counter(key.lower() if ignore_case else key for key, _ in pairs)
        twice.extend(spelled[key] for key, count in counts.items() if count > 1)

    with suppress(ValueError, RecursionError):
        json.loads(text, object_pairs_hook=look)
    return twice


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


ContractValidator = extend(  # type: ignore[no-untyped-call]  # its stub has no types
    Draft202012Validator,
    {
        "contentSchema": _content_schema,
        "required": _required,
        "additionalProperties": _additional,
        "pattern": _pattern,
        "x-calendar": _calendar,
        "x-doubt": _doubt,
        "x-doubt-keys": _doubt_keys,
    },
)


# Both parties check most bodies, and those of one test are often equal to those of another.
_REMEMBERED, _PER_VIOLATION = 1024 * 1024, 500  # bytes
_MOST_VIOLATIONS = 100  # of one body; nobody reads more
_INDEX = re.compile(r"\[\d+\]")


def _bytes(body: bytes, violations: tuple[Violation, ...]) -> int:
    return len(body) + sum(_PER_VIOLATION + len(each.message) + len(each.where) for each in violations)


def _twice(key: str) -> str:
    return f"{key} is given twice. Expected each key once."


class MessageValidator:
    """Checks bodies against the contract of one message."""

    def __init__(self, message: str, schema: Schema) -> None:
        self._message = message
        self._schema = schema
        self._validator = ContractValidator(schema)
        self._parts = {known.path: known for known in schemas.parts_of_message(message, schema)}
        self._remembered = SizedCache[bytes, tuple[Violation, ...]](_REMEMBERED, _bytes)

    def check(self, body: bytes) -> tuple[Violation, ...]:
        """Return each way in which the body breaks the contract."""
        return self._remembered.made(body, lambda: tuple(islice(self._check(body), _MOST_VIOLATIONS)))

    def _check(self, body: bytes) -> Iterator[Violation]:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            problem = f"is not JSON ({error.msg}: line {error.lineno} column {error.colno})" if body else "is empty"
            yield Violation(f"the body {problem}. Expected JSON.", self._message, "$", self._evidence("$"))
            return
        for key in keys_given_twice(body, ignore_case=self._schema.get("x-ignore-case", False)):
            where = wording.place([key])
            yield Violation(_twice(wording.name(where)), self._message, where, self._evidence(where))
        if is_deep(document):  # deeper than an error of jsonschema can be printed with Python 3.11
            problem = f"the body is nested too deeply. Expected JSON by the contract {self._message}."
            yield Violation(problem, self._message, "$", self._evidence("$"))
            return
        errors = islice(self._validator.iter_errors(folded(document, self._schema)), _MOST_VIOLATIONS)
        yield from sorted(map(self._violation, errors), key=lambda violation: violation.where)

    def _violation(self, error: ValidationError) -> Violation:
        where = wording.place(error.absolute_path)
        schema = cast("Schema", error.schema)
        if error.message == DOUBT:
            return self._doubt(error, where, schema)
        text = f"{wording.name(where)} {self._shown(where, error.instance)}. Expected {wording.expected(schema)}."
        if error.validator == "required":
            text = f"{wording.name(where)} is missing. Expected {wording.expected(schema)}."
        elif error.message == TWICE:
            text = _twice(wording.name(where))
        elif error.validator == "additionalProperties":
            near = question(str(error.absolute_path[-1]), schema["properties"])
            text = f"{wording.name(where)} is not part of {self._message}. {near}".rstrip()
        return Violation(text, self._message, where, self._evidence(where))

    def _doubt(self, error: ValidationError, where: str, schema: Schema) -> Violation:
        if error.validator == "x-doubt-keys":
            near = question(str(error.absolute_path[-1]), schema["properties"])
            text = f"{wording.name(where)} is not part of {self._message}. {near}".rstrip()
            return Violation(text, self._message, where, "I", doubtful=True)
        doubt = schema["x-doubt"]
        text = f"{wording.name(where)} {self._shown(where, error.instance)}. Expected {doubt['expected']}."
        return Violation(text, self._message, where, doubt.get("evidence", "I"), doubtful=True)

    def _shown(self, where: str, value: object) -> str:
        known = self._known(where)
        secret = known is not None and known.secret
        holds_secret = any(inner.secret for path, inner in self._parts.items() if path.startswith(f"{where}."))
        return "has value ***" if secret or (holds_secret and isinstance(value, str)) else wording.value_in_words(value)

    def _evidence(self, where: str) -> Evidence:
        known = self._known(where)
        return known.evidence if known else "I"

    def _known(self, where: str) -> Part | None:
        """Return the part at the place, or the innermost one around it."""
        path = _INDEX.sub("[]", where)
        around = [known for known in self._parts if path == known or path.startswith((f"{known}.", f"{known}["))]
        return self._parts[max(around, key=len)] if around else None
