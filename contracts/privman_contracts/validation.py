"""Bodies checked against the schema of a message, with errors in words.

Imported only for the first check: jsonschema takes longer to import than a server should to start.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import cast

import orjson
from jsonschema import ValidationError

from privman_contracts import part, wording
from privman_contracts.evidence import Evidence
from privman_contracts.keywords import DOUBT, TWICE, ContractValidator, keys_given_twice
from privman_contracts.part import Part
from privman_contracts.spelling import Schema
from privman_contracts.violation import Violation
from privman_core.sized_cache import SizedCache

# Both sides see most bodies, and one test's are much like another's.
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
        self._parts = {known.path: known for known in part.of_message(message, schema)}
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
        for key in keys_given_twice(body):
            yield Violation(_twice(key), self._message, f"$.{key}", self._evidence(f"$.{key}"))
        errors = islice(self._validator.iter_errors(self._fold(document)), _MOST_VIOLATIONS)
        yield from sorted(map(self._violation, errors), key=lambda violation: violation.where)

    def _fold(self, document: object) -> object:
        """Spell the keys as the contract does, where the receiver does not mind their case."""
        if not isinstance(document, dict) or not self._schema.get("x-ignore-case"):
            return document
        names = {name.lower(): name for name in self._schema["properties"]}
        return {names.get(key.lower(), key): value for key, value in document.items()}

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
            near = wording.nearest(str(error.absolute_path[-1]), schema["properties"])
            text = f"{wording.name(where)} is not part of {self._message}.{near}"
        return Violation(text, self._message, where, self._evidence(where))

    def _doubt(self, error: ValidationError, where: str, schema: Schema) -> Violation:
        if error.validator == "x-doubt-keys":
            near = wording.nearest(str(error.absolute_path[-1]), schema["properties"])
            text = f"{wording.name(where)} is not part of {self._message}.{near}"
        else:
            expected = schema["x-doubt"]["expected"]
            text = f"{wording.name(where)} {self._shown(where, error.instance)}. Expected {expected}."
        return Violation(text, self._message, where, "I", doubtful=True)

    def _shown(self, where: str, value: object) -> str:
        known = self._known(where)
        secret = known is not None and known.secret
        holds_secret = any(inner.secret for path, inner in self._parts.items() if path.startswith(f"{where}."))
        return "has value ***" if secret or (holds_secret and isinstance(value, str)) else wording.shown(value)

    def _evidence(self, where: str) -> Evidence:
        known = self._known(where)
        return known.evidence if known else "I"

    def _known(self, where: str) -> Part | None:
        """Return the part at the place, or the nearest one around it."""
        path = _INDEX.sub("[]", where)
        around = [known for known in self._parts if path == known or path.startswith((f"{known}.", f"{known}["))]
        return self._parts[max(around, key=len)] if around else None
