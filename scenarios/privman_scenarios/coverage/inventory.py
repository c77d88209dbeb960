"""Everything that a run can exercise of one contract, and what of it messages did."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privman_contracts import AnswerContract, Contracts, ExchangeContract, PartyName
from privman_scenarios.coverage.boundaries import boundaries
from privman_scenarios.coverage.item import Item
from privman_scenarios.coverage.places import places

_SUCCESS = "2"


@dataclass(frozen=True, slots=True)
class Seen:
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
        faults: kinds of faults by the party that can be told to have them.
    """

    def __init__(self, contracts: Contracts, faults: Mapping[PartyName, Sequence[str]]) -> None:
        self._contracts = contracts
        self._faults = faults

    def everything(self) -> list[Item]:
        """Return every item, in the order of the contracts."""
        items = (item for contract in self._contracts.exchanges for item in self._of(contract))
        return list(dict.fromkeys(items))

    def exercised(self, seen: Seen) -> Iterator[Item]:
        """Yield what an exchange has exercised."""
        contract = seen.contract
        yield _exchange(contract)
        answer = contract.answer(seen.status)
        if answer is not None:
            yield _status(contract, answer)
        if seen.fault in self._kinds(contract):
            yield _fault(contract, seen.fault)
        if contract.request:
            yield from self._of_message(contract, contract.request, "request", [seen.request])
        if answer is not None and answer.schema and answer.status.startswith(_SUCCESS):
            yield from self._of_message(contract, answer.schema, "answer", [seen.answer])

    def _of(self, contract: ExchangeContract) -> Iterator[Item]:
        yield _exchange(contract)
        yield from (_status(contract, answer) for answer in contract.answers)
        yield from (_fault(contract, kind) for kind in self._kinds(contract))
        if contract.request:
            yield from self._of_message(contract, contract.request, "request", None)
        for schema in dict.fromkeys(each.schema for each in contract.answers if each.status.startswith(_SUCCESS)):
            if schema:
                yield from self._of_message(contract, schema, "answer", None)

    def _of_message(
        self, contract: ExchangeContract, message: str, side: str, seen: Sequence[Any] | None
    ) -> Iterator[Item]:
        """Yield fields and boundaries of a message: all of them, or those that were seen."""
        for place in places(self._contracts.schemas[message], seen or ()):
            if seen is None or place.present:
                yield Item(contract.name, "field", f"{side} {place.path}", place.evidence)
            for edge, reached in boundaries(place, may_be_left_out=side == "request"):
                if seen is None or any(map(reached, place.seen)):
                    yield Item(contract.name, "boundary", f"{side} {edge}", place.evidence)

    def _kinds(self, contract: ExchangeContract) -> Iterable[str]:
        """Return the faults that may strike it: its server's, where one party posts a message to the other."""
        posted = contract.request and contract.method == "POST" and contract.caller != "approver"
        return self._faults[contract.server] if posted else ()


def _exchange(contract: ExchangeContract) -> Item:
    return Item(contract.name, "exchange", f"{contract.method} {contract.path}", contract.evidence)


def _status(contract: ExchangeContract, answer: AnswerContract) -> Item:
    refused = not answer.status.startswith(_SUCCESS)
    return Item(contract.name, "refusal" if refused else "status", answer.status, answer.evidence)


def _fault(contract: ExchangeContract, kind: str) -> Item:
    return Item(contract.name, "fault", kind, contract.evidence)
