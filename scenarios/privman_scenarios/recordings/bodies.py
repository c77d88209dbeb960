"""The objects in recorded bodies whose properties have names of the wire."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from privman_contracts import Contracts, ExchangeContract
from privman_contracts.schemas import Schema, walk
from privman_scenarios.recordings.recorded import Recorded


@dataclass(frozen=True, slots=True)
class Seen:
    """One value in one body.

    Attributes:
        exchange: the contract of the exchange that it was seen in.
        sent: whether it stood in the request.
    """

    recorded: Recorded
    exchange: ExchangeContract
    sent: bool
    value: Any
    schema: Schema


def values(recording: Iterable[Recorded], contracts: Contracts) -> Iterator[Seen]:
    """Yield every value in the recording that a contract tells of."""
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        observed = recorded.observed(contracts)
        if exchange is None or observed is None:
            continue
        for message, body in contracts.messages(observed):
            for place in walk(to_json(body.data), contracts.schemas[message]):
                yield Seen(recorded, exchange, message == exchange.request, place.value, place.schema)


def to_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return what the body holds, None where it is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
