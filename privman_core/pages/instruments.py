"""What a product tells its cockpit."""

from collections.abc import Callable
from dataclasses import dataclass

from privman_core.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Told:
    """What a product knows about an exchange.

    Attributes:
        other: who is at the other end, such as ``Console``.
        contract: the contract that the exchange has to keep, in words; empty if there is none.
    """

    other: str
    contract: str = ""


Explain = Callable[[Exchange], Told]
