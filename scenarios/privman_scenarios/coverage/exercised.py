"""What of the contracts journals show to have been exercised."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from privman_contracts import Contracts, PartyName
from privman_scenarios.coverage.inventory import Inventory, Seen
from privman_scenarios.coverage.item import Item
from privman_scenarios.events import JournalsRead


class Exercised:
    """Reads journals; a party that keeps none is seen through the other one's.

    Args:
        faults: kinds of faults by the party that can be told to have them.

    Attributes:
        items: everything that can be exercised, in the order of the contracts.
    """

    def __init__(self, contracts: Contracts, faults: Mapping[PartyName, Sequence[str]]) -> None:
        self._contracts = contracts
        self._inventory = Inventory(contracts, faults)
        self.items = self._inventory.everything()

    def __call__(self, read: JournalsRead) -> frozenset[Item]:
        """Return what the exchanges of a scenario exercised; a refusal is, where a step expected its status."""
        return frozenset(
            item
            for party, journal in read.journals.items()
            for exchange in journal
            for item in self._items_of(party, exchange)
            if item.kind != "refusal" or exchange["status"] in read.expected
        )

    def _items_of(self, party: str, exchange: Mapping[str, Any]) -> Iterator[Item]:
        server = _server(party, exchange["direction"])
        contract = self._contracts.match(server, exchange["method"], urlsplit(exchange["url"]).path)
        if contract is not None:
            request, answer = _parsed(exchange["request"]["body"]), _parsed(exchange["response"]["body"])
            yield from self._inventory.exercised(Seen(contract, request, exchange["status"], answer, exchange["fault"]))


def _server(party: str, direction: str) -> PartyName:
    return "servicenow" if (party == "servicenow") == (direction == "in") else "console"


def _parsed(body: str) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
