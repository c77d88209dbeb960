"""The contract coverage of a run, measured while it goes on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from privman_contracts import Contracts, Side
from privman_scenarios.coverage.inventory import Inventory, Seen
from privman_scenarios.coverage.item import Item
from privman_scenarios.events import Event, JournalsRead


class Coverage:
    """Listens to a run and takes note of what its exchanges exercised.

    A party that keeps no journal is seen through the other one's.

    Attributes:
        items: everything that can be exercised.
    """

    def __init__(self, contracts: Contracts, faults: Mapping[Side, Sequence[str]]) -> None:
        self._contracts = contracts
        self._inventory = Inventory(contracts, faults)
        self.items = self._inventory.everything()
        self._exercised: set[Item] = set()

    def __call__(self, event: Event) -> None:
        """Take note of the exchanges of a scenario."""
        if isinstance(event, JournalsRead):
            for party, journal in event.journals.items():
                for exchange in journal:
                    self._exercised.update(self._items_of(party, exchange))

    def has(self, item: Item) -> bool:
        """Tell whether the item was exercised."""
        return item in self._exercised

    @property
    def percent(self) -> float:
        """How much of everything was exercised, from 0 to 100."""
        return 100 * sum(map(self.has, self.items)) / len(self.items)

    def _items_of(self, party: str, exchange: Mapping[str, Any]) -> Iterator[Item]:
        server = _server(party, exchange["direction"])
        contract = self._contracts.match(server, exchange["method"], urlsplit(exchange["url"]).path)
        if contract is not None:
            request, answer = _parsed(exchange["request"]["body"]), _parsed(exchange["response"]["body"])
            yield from self._inventory.exercised(Seen(contract, request, exchange["status"], answer, exchange["fault"]))


def _server(party: str, direction: str) -> Side:
    return "servicenow" if (party == "servicenow") == (direction == "in") else "console"


def _parsed(body: str) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
