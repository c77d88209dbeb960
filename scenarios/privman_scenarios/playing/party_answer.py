"""An answer of a party, and the shapes that its JSON must have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import UnionType
from typing import Any

import orjson

from privman_scenarios.errors import ControlRefusedError, ExpectationError
from privman_scenarios.output import mask

Shape = type | UnionType | Callable[[object], bool] | Sequence["Shape"] | Mapping[str, "Shape"]
"""A type, a check, a list of one shape, or the keys that a mapping has; a key that ends in ``?`` may be absent."""


def fault_of(value: object, shape: Shape, where: str = "") -> str:
    """Return what is wrong with the value, in words; empty when it has the shape."""
    if isinstance(shape, Mapping):
        return _fault_of_mapping(value, shape, where)
    if isinstance(shape, list):
        return _fault_of_list(value, shape[0], where)
    if isinstance(shape, type | UnionType):
        holds = isinstance(value, shape) and (not isinstance(value, bool) or shape is bool)
        name = getattr(shape, "__name__", str(shape))
    else:
        holds, name = _is_checked(value, shape), " ".join((shape.__doc__ or "").split())
    return "" if holds else f"{where or 'the answer'} to be {name}"


def _is_checked(value: object, check: object) -> bool:
    return callable(check) and bool(check(value))


def _fault_of_mapping(value: object, shape: Mapping[str, Shape], where: str) -> str:
    if not isinstance(value, dict):
        return f"{where or 'the answer'} to be an object"
    for key, inner in shape.items():
        name = key.removesuffix("?")
        if name not in value:
            if name == key:
                return f"{where}.{name}".lstrip(".") + " to be there"
            continue
        if fault := fault_of(value[name], inner, f"{where}.{name}".lstrip(".")):
            return fault
    return ""


def _fault_of_list(value: object, shape: Shape, where: str) -> str:
    if not isinstance(value, list):
        return f"{where or 'the answer'} to be a list"
    faults = (fault_of(item, shape, f"{where}[{number}]") for number, item in enumerate(value))
    return next(filter(None, faults), "")


def moment(value: object) -> bool:
    """a moment in ISO 8601 with an offset"""  # noqa: D403, D415 - part of a message
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def moment_or_null(value: object) -> bool:
    """a moment in ISO 8601 with an offset, or null"""  # noqa: D403, D415 - part of a message
    return value is None or moment(value)


def header_pairs(value: object) -> bool:
    """a list of names and values"""  # noqa: D403, D415 - part of a message
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)  # noqa: PLR2004 - a pair
        for pair in value
    )


CONTROL_PLANE = "/__admin"
_NO_TABLE = "(--tables adds no table to an instance that already runs) "
_SUCCESS, _CLIENT_ERRORS = range(200, 300), range(400, 500)
# Credentials, a proxy, a time limit, a rate limit: nobody has looked at what was asked.
_UNSEEN = frozenset({401, 407, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class PartyAnswer:
    """An answer; as text it is one line with secrets masked.

    Attributes:
        status: 0 when nothing came.
        headers: names in lower case.
        error: why nothing came, in one line.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    error: str = ""

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON holds anything
        """The body as JSON, None where it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def read(self, shape: Shape) -> Any:  # noqa: ANN401 - JSON of that shape
        """Return the JSON; raises ExpectationError, which shows the exchange, where it was refused or is misshapen."""
        self.raise_if_refused()
        value = self.json
        if fault := fault_of(value, shape):
            raise ExpectationError(fault, str(self))
        return value

    def raise_if_refused(self, expected: str = "an answer") -> None:
        """Raise ControlRefusedError for the reason of a control plane, ExpectationError where nobody gave one."""
        if not self.refused:
            return
        if self.is_of_client and self.path.startswith(CONTROL_PLANE):
            raise ControlRefusedError(f"{self.method} {self.path}", self.json["error"])
        raise ExpectationError(expected, str(self))

    @property
    def refused(self) -> bool:
        """Whether it did not do what was asked; so does a page instead of JSON, or an error beside half a result."""
        value = self.json
        failed = isinstance(value, dict) and bool(value.get("error"))
        return self.status not in _SUCCESS or failed or (bool(self.body) and value is None)

    @property
    def is_by_product(self) -> bool:
        """Whether a status of 4xx comes with the error of ServiceNow or of a control plane.

        Not so a page or JSON of a proxy or gateway on the way.
        """
        if self.status not in _CLIENT_ERRORS:
            return True
        value = self.json
        error = value.get("error") if isinstance(value, dict) else None
        if self.path.startswith(CONTROL_PLANE):
            return isinstance(error, str)
        return isinstance(error, dict) and isinstance(error.get("message"), str)

    @property
    def is_of_client(self) -> bool:
        """Whether the product has refused what was asked, not merely who asked or how often."""
        return self.status in _CLIENT_ERRORS and self.status not in _UNSEEN and self.is_by_product

    @property
    def failed(self) -> bool:
        """Whether the product has not refused it: its server failed, something else answered, or nothing."""
        return self.refused and not self.is_of_client

    def __str__(self) -> str:
        hint = _NO_TABLE if self._lacks_table else ""  # before the body, as reports cut what is long
        shown = f"{self.method} {self.path} -> {self.status} {hint}{self.error or self.body.decode(errors='replace')}"
        return mask(shown.strip())

    @property
    def _lacks_table(self) -> bool:
        value = self.json if self.status == HTTPStatus.BAD_REQUEST else None
        error = value.get("error") if isinstance(value, dict) else None
        return isinstance(error, dict) and str(error.get("message")).startswith("Invalid table")
