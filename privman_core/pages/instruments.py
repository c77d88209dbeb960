"""What a cockpit has its hands on."""

from collections.abc import Callable
from dataclasses import dataclass

from privman_core.clock import Clock
from privman_core.exchange import Exchange
from privman_core.faults import Faults
from privman_core.journal import Journal


@dataclass(frozen=True, slots=True)
class Instruments:
    """The test instruments of one party."""

    clock: Clock
    journal: Journal
    faults: Faults


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
