"""The requests that a piece of work sends, and what came of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from weakref import ref

from msgspec import Struct
from yarl import URL

from privman_core.cuts import cut
from privman_core.exchange import Exchange

_LONGEST_PATH = 200
_sent: ContextVar[list[Exchange] | None] = ContextVar("sent", default=None)


class SentCall(Struct, frozen=True):
    """A request that was sent.

    Attributes:
        path: of its URL, without the query.
        outcome: the status of the answer, or why there was none.
        exchange: its exchange, while the journal keeps it.
    """

    method: str
    path: str
    outcome: str
    exchange: ref[Exchange]

    @classmethod
    def of(cls, exchange: Exchange) -> "SentCall":
        """Return what came of an exchange."""
        outcome = str(exchange.status or exchange.error)
        return cls(exchange.method, cut(URL(exchange.url).path, _LONGEST_PATH), outcome, ref(exchange))

    @property
    def number(self) -> int:
        """The number of the exchange in the journal; 0 once the journal has dropped it."""
        exchange = self.exchange()
        return exchange.number if exchange is not None and exchange.journaled else 0


@contextmanager
def collecting_calls() -> Iterator[list[Exchange]]:
    """Yield a list that gets the exchanges which this task sends during the body, unless a body within it gets them."""
    calls: list[Exchange] = []
    before = _sent.set(calls)
    try:
        yield calls
    finally:
        _sent.reset(before)


def collect_call(exchange: Exchange) -> None:
    """Add an exchange to the list of the work that sends it."""
    calls = _sent.get()
    if calls is not None:
        calls.append(exchange)
