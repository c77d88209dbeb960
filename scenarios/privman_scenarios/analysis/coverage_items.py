"""Everything of a contract that a run can exercise, and what of it an exchange has exercised."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from privman_contracts import AnswerContract, Contracts, Evidence, ExchangeContract, PartyName

ItemKind = Literal["exchange", "field", "boundary", "status", "refusal", "fault"]


@dataclass(frozen=True, slots=True)
class CoverageItem:
    """One thing that a contract tells of and a run can exercise.

    Attributes:
        contract: name of the exchange it belongs to.
        name: what it is, such as ``request $.Response = Deny``.
        evidence: how well it is known.
    """

    contract: str
    kind: ItemKind
    name: str
    evidence: Evidence


Schema = dict[str, Any]
ABSENT = object()


@dataclass(frozen=True, slots=True)
class SchemaPlace:
    """One place of a message.

    Attributes:
        path: such as ``$.metadata.PolicyId``, into JSON text as well.
        seen: what stood there, `ABSENT` where the object around it was there without it.
    """

    path: str
    schema: Schema
    required: bool
    seen: Sequence[Any]

    @property
    def evidence(self) -> Evidence:
        """The evidence for the place."""
        evidence: Evidence = self.schema["x-evidence"]
        return evidence

    @property
    def present(self) -> list[Any]:
        """The values that were there."""
        return [value for value in self.seen if value is not ABSENT]


def places(schema: Schema, messages: Sequence[Any], where: str = "$") -> Iterator[SchemaPlace]:
    """Yield each place of the schema with what stood there in the messages, but for those that say why none can be."""
    objects = [_folded(schema, message) for message in messages if isinstance(message, dict)]
    for name, inner in schema.get("properties", {}).items():
        if "x-unreached" in inner:
            continue
        seen = [each.get(name, ABSENT) for each in objects]
        place = SchemaPlace(f"{where}.{name}", inner, name in schema.get("required", ()), seen)
        yield place
        yield from places(inner, place.present, place.path)
    if "contentSchema" in schema:
        yield from places(schema["contentSchema"], [_parsed_text(text) for text in messages], where)
    if "items" in schema:
        items = [item for message in messages if isinstance(message, list) for item in message]
        yield from places(schema["items"], items, f"{where}[]")


def _folded(schema: Schema, message: dict[str, Any]) -> dict[str, Any]:
    """Spell the keys as the contract does, where the receiver does not mind their case."""
    if not schema.get("x-ignore-case"):
        return message
    names = {name.lower(): name for name in schema["properties"]}
    return {names.get(key.lower(), key): value for key, value in message.items()}


def _parsed_text(text: object) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None


Reached = Callable[[object], bool]


def boundaries(place: SchemaPlace, *, may_be_left_out: bool) -> Iterator[tuple[str, Reached]]:
    """Yield each edge in words, and what tells whether a value stands at it.

    A secret has none, because journals mask it.
    """
    schema = place.schema
    if may_be_left_out and not place.required:
        yield f"{place.path} left out", lambda value: value is ABSENT
    if schema.get("x-secret"):
        return
    for allowed in schema.get("enum", ()):
        yield f"{place.path} = {_as_text(allowed)}", _is(allowed)
    if "minLength" in schema:
        yield f"{place.path} of length {schema['minLength']}", _has_length(schema["minLength"])
    elif _may_be_empty(schema):
        yield f"{place.path} empty", _is("")


def _may_be_empty(schema: Schema) -> bool:
    is_text = "string" in schema.get("type", ()) and "contentSchema" not in schema
    return is_text and re.search(schema.get("pattern", ""), "") is not None


def _is(allowed: object) -> Reached:
    # True is no 1 here.
    return lambda value: type(value) is type(allowed) and value == allowed


def _has_length(length: int) -> Reached:
    return lambda value: isinstance(value, str) and len(value) == length


def _as_text(allowed: object) -> str:
    return repr(allowed) if isinstance(allowed, bool) else str(allowed)


_SUCCESS = "2"


@dataclass(frozen=True, slots=True)
class SeenExchange:
    """One exchange of a contract, as a journal tells of it.

    Attributes:
        status: of the answer, 0 where none came.
        fault: kind of the armed fault that struck it; empty for none.
    """

    contract: ExchangeContract
    request: Any
    status: int
    answer: Any
    fault: str


class Inventory:
    """The items of the contracts.

    Args:
        faults: the kinds of faults of each party.
    """

    def __init__(self, contracts: Contracts, faults: Mapping[PartyName, Sequence[str]]) -> None:
        self._contracts = contracts
        self._faults = faults

    def everything(self) -> list[CoverageItem]:
        """Return every item, in the order of the contracts."""
        items = (item for contract in self._contracts.exchanges for item in self._of(contract))
        return list(dict.fromkeys(items))

    def exercised(self, seen: SeenExchange) -> Iterator[CoverageItem]:
        """Yield what an exchange has exercised."""
        contract = seen.contract
        yield _exchange_item(contract)
        answer = contract.answer(seen.status)
        if answer is not None:
            yield _status_item(contract, answer)
        if seen.fault in self._kinds(contract):
            yield _fault_item(contract, seen.fault)
        if contract.request:
            yield from self._of_message(contract, contract.request, "request", [seen.request])
        if answer is not None and answer.schema and answer.status.startswith(_SUCCESS):
            yield from self._of_message(contract, answer.schema, "answer", [seen.answer])

    def _of(self, contract: ExchangeContract) -> Iterator[CoverageItem]:
        yield _exchange_item(contract)
        yield from (_status_item(contract, answer) for answer in contract.answers)
        yield from (_fault_item(contract, kind) for kind in self._kinds(contract))
        if contract.request:
            yield from self._of_message(contract, contract.request, "request", None)
        for schema in dict.fromkeys(each.schema for each in contract.answers if each.status.startswith(_SUCCESS)):
            if schema:
                yield from self._of_message(contract, schema, "answer", None)

    def _of_message(
        self, contract: ExchangeContract, message: str, side: str, seen: Sequence[Any] | None
    ) -> Iterator[CoverageItem]:
        """Yield fields and boundaries of a message: all of them, or those that were seen."""
        for place in places(self._contracts.schemas[message], seen or ()):
            if seen is None or place.present:
                yield CoverageItem(contract.name, "field", f"{side} {place.path}", place.evidence)
            for edge, reached in boundaries(place, may_be_left_out=side == "request"):
                if seen is None or any(map(reached, place.seen)):
                    yield CoverageItem(contract.name, "boundary", f"{side} {edge}", place.evidence)

    def _kinds(self, contract: ExchangeContract) -> Iterable[str]:
        """Return the faults that may strike it: its server's, where one party posts a message to the other."""
        posted = contract.request and contract.method == "POST" and contract.caller in ("console", "servicenow")
        return self._faults[contract.server] if posted else ()


def _exchange_item(contract: ExchangeContract) -> CoverageItem:
    return CoverageItem(contract.name, "exchange", f"{contract.method} {contract.path}", contract.evidence)


def _status_item(contract: ExchangeContract, answer: AnswerContract) -> CoverageItem:
    refused = not answer.status.startswith(_SUCCESS)
    return CoverageItem(contract.name, "refusal" if refused else "status", answer.status, answer.evidence)


def _fault_item(contract: ExchangeContract, kind: str) -> CoverageItem:
    return CoverageItem(contract.name, "fault", kind, contract.evidence)
