"""What a cockpit has its hands on."""

from collections.abc import Callable
from dataclasses import dataclass

from privman_testbench.clock import Clock
from privman_testbench.exchange import Exchange
from privman_testbench.faults import Faults
from privman_testbench.journal import Journal


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
