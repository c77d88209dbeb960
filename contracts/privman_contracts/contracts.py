"""The contracts in the spelling of one instance: what a mock, a console or a scenario asks."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

from privman_contracts import index, part, schemas, yaml_file
from privman_contracts.index import ExchangeContract, Side
from privman_contracts.observed import Body, Observed
from privman_contracts.part import Part
from privman_contracts.spelling import Schema
from privman_contracts.violation import Violation
from privman_contracts.wire_name import Value
from privman_contracts.wire_names import WireNames

if TYPE_CHECKING:
    from privman_contracts.validation import MessageValidator

_JSON = "application/json"
_SHAPING = {"sysparm_fields", "sysparm_view", "sysparm_display_value", "sysparm_exclude_reference_link"}


class Contracts:
    """Every contract of the set ``folder`` between the console and ServiceNow, in the wire's spelling of ``names``."""

    def __init__(self, names: WireNames, folder: Traversable = yaml_file.PACKAGED) -> None:
        self.names = names
        self.folder = folder
        self._validators: dict[str, MessageValidator] = {}

    @classmethod
    def load(cls, override: Path | None = None) -> Self:
        """Return the contracts, with what the file ``override`` spells differently.

        Raises:
            InferredNamesError: the file is unusable; names file, key and the nearest valid word.
        """
        return cls(WireNames.load(override))

    def spelled(self, values: Mapping[str, Value]) -> Self:
        """Return the contracts with other spellings at these paths of names."""
        return type(self)(self.names.replaced(values), self.folder)

    @cached_property
    def exchanges(self) -> tuple[ExchangeContract, ...]:
        """The index: every exchange, one for each method."""
        return index.load(self.names, self.folder)

    @cached_property
    def schemas(self) -> dict[str, Schema]:
        """Message name to its JSON Schema."""
        return schemas.load(self.names, self.folder)

    def match(self, server: Side, method: str, path: str) -> ExchangeContract | None:
        """Return the contract of a request that ``server`` answers, or None when there is none."""
        routes = self._routes.get((server, method), ())
        return next((exchange for pattern, exchange in routes if pattern.fullmatch(path)), None)

    def find(self, method: str, target: str) -> ExchangeContract | None:
        """Return the contract of a request, whichever side answers it; None when there is none."""
        path = urlsplit(target).path
        return self.match("servicenow", method, path) or self.match("console", method, path)

    def messages(self, seen: Observed) -> Iterator[tuple[str, Body]]:
        """Yield each body of the exchange that has a contract of its own, with the name of that message."""
        exchange = self.match(seen.server, seen.method, urlsplit(seen.target).path)
        answer = exchange and exchange.answer(seen.status)
        if exchange and exchange.request:
            yield exchange.request, seen.request
        if answer and answer.schema:
            yield (_is_shaped(seen.target) and answer.shaped) or answer.schema, seen.answer

    def check(self, seen: Observed) -> tuple[Violation, ...]:
        """Return each way in which the exchange breaks its contract; none when it has no contract."""
        exchange = self.match(seen.server, seen.method, urlsplit(seen.target).path)
        if exchange is None:
            return ()
        answer = self._check_answer(exchange, seen, shaped=_is_shaped(seen.target))
        return (*self._check_request(exchange, seen.request), *answer)

    def check_body(self, message: str, body: bytes) -> tuple[Violation, ...]:
        """Return each way in which a body breaks the contract of ``message``, such as ``decision``."""
        return self._validator(message).check(body)

    def parts(self) -> list[Part]:
        """Return every part of every contract with its evidence."""
        return list(self._parts())

    @cached_property
    def _routes(self) -> dict[tuple[str, str], list[tuple[re.Pattern[str], ExchangeContract]]]:
        routes: dict[tuple[str, str], list[tuple[re.Pattern[str], ExchangeContract]]] = {}
        for exchange in self.exchanges:
            routes.setdefault((exchange.server, exchange.method), []).append((exchange.pattern, exchange))
        return routes

    def _check_request(self, exchange: ExchangeContract, body: Body) -> Iterator[Violation]:
        if exchange.request:
            yield from self._check_json(exchange.request, body)

    def _check_answer(self, exchange: ExchangeContract, seen: Observed, *, shaped: bool) -> Iterator[Violation]:
        answer = exchange.answer(seen.status)
        if answer is None and seen.status:
            yield _unknown_status(exchange, seen.status)
        elif answer is None:
            return
        elif answer.empty and seen.answer.data:
            size = len(seen.answer.data)
            yield Violation(f"the body has {size} bytes. Expected none.", exchange.name, "$", answer.evidence)
        elif answer.schema:
            yield from self._check_json((shaped and answer.shaped) or answer.schema, seen.answer)

    def _check_json(self, message: str, body: Body) -> Iterator[Violation]:
        if body.media_type == _JSON:
            yield from self._validator(message).check(body.data)
        else:
            text = f"Content-Type has value {body.content_type!r}. Expected {_JSON}."
            yield Violation(text, message, "Content-Type", "D")

    def _validator(self, message: str) -> "MessageValidator":
        if message not in self._validators:
            from privman_contracts.validation import MessageValidator  # noqa: PLC0415 - only a check pays for it

            self._validators[message] = MessageValidator(message, self.schemas[message])
        return self._validators[message]

    def _parts(self) -> Iterator[Part]:
        for message, schema in self.schemas.items():
            yield from part.of_message(message, schema)
        for exchange in self.exchanges:
            yield from part.of_exchange(exchange)
        yield from map(part.of_name, self.names)


def _is_shaped(target: str) -> bool:
    """Tell whether the caller chose the form of the answer."""
    return not _SHAPING.isdisjoint(parse_qs(urlsplit(target).query))


def _unknown_status(exchange: ExchangeContract, status: int) -> Violation:
    known = ", ".join(answer.status for answer in exchange.answers)
    text = f"status has value {status}. Expected one of {known}."
    return Violation(text, exchange.name, "status", exchange.evidence)
