"""Who sends a message and who receives it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from privman_contracts.index import ExchangeContract


@dataclass(slots=True)
class Parties:
    """Who sends something and who receives it."""

    senders: set[str] = field(default_factory=set)
    receivers: set[str] = field(default_factory=set)

    def add(self, sender: str, receiver: str) -> None:
        """Take note of one way that it goes."""
        self.senders.add(sender)
        self.receivers.add(receiver)


def of_messages(exchanges: Iterable[ExchangeContract]) -> dict[str, Parties]:
    """Return the parties of each message."""
    parties: dict[str, Parties] = {}
    for exchange in exchanges:
        if exchange.request:
            parties.setdefault(exchange.request, Parties()).add(exchange.caller, exchange.server)
        for message in _answers(exchange):
            parties.setdefault(message, Parties()).add(exchange.server, exchange.caller)
    return parties


def _answers(exchange: ExchangeContract) -> Iterator[str]:
    for answer in exchange.answers:
        yield from {answer.schema, answer.shaped} - {""}
