"""One of the two parties of the integration, as the cockpit reads and controls it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from privman_core.clock import MOST_SECONDS, Due
from privman_core.cockpit.approval_facts import ApprovalState, DeliveryState, KnownRequest
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import EditedRequest, ExchangeDetail, ExchangeRow, FoundExchanges
from privman_core.cockpit.party_facts import ClockState, FaultsState, Marks
from privman_core.cockpit.time_words import date_time

MOST_OF_A_MARK = 2
"""Exchanges of one mark that a party returns: enough to see that it is not the only one."""


class PartyError(Exception):
    """A party cannot do what the cockpit asks; the message says why.

    Attributes:
        key: of the field that is wrong; empty for none.
        errors: what is wrong with several fields, by key.
    """

    def __init__(self, message: str, key: str = "", errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.key = key
        self.errors = errors or {}


class UnusablePartyError(Exception):
    """The other party gives no answer, or none that can be read; it is left alone for a while, and pages show why."""


def require_reach(moment: datetime, now: datetime) -> None:
    """Raise PartyError for a jump that is longer than any may be."""
    if moment - now > timedelta(seconds=MOST_SECONDS):
        raise PartyError(f"{date_time(moment)} is too far from {date_time(now)}; expected at most ten years", "jump")


class ShownParty(ABC):
    """One party; each call raises PartyError if the party refuses it, and UnusablePartyError if it gives no answer."""

    name: str
    """``ServiceNow`` or ``Console``."""
    url: str
    """Where a browser finds it; empty for the party that serves the cockpit."""

    @abstractmethod
    async def marks(self) -> Marks:
        """Return marks that show whether anything has changed."""

    @abstractmethod
    async def find(self, line: str, most: int, before: int = 0) -> FoundExchanges:
        """Return the newest exchanges that match the search line.

        Args:
            line: see `Search`.
            most: how many at most.
            before: only those with a lower number; 0 for all.
        """

    @abstractmethod
    async def marked(self, marks: Collection[str]) -> list[ExchangeRow]:
        """Return the exchanges with these marks, oldest first, at most `MOST_OF_A_MARK` of each."""

    @abstractmethod
    async def exchange(self, number: int) -> ExchangeDetail | None:
        """Return the exchange of that number; None if it is not kept."""

    @abstractmethod
    async def replay(self, number: int, edited: EditedRequest | None = None) -> int:
        """Replay the request of an exchange, as it was or edited; return the number of the new exchange.

        Waits some seconds for the answer, which may come later.
        """

    @abstractmethod
    async def compared(self, number: int) -> ContractComparison:
        """Return the exchange of that number beside its contract; an empty comparison if it is not kept."""

    @abstractmethod
    async def forget(self) -> None:
        """Empty the journal."""

    @abstractmethod
    async def clock(self) -> ClockState:
        """Return the time."""

    @abstractmethod
    async def advance_to(self, moment: datetime) -> None:
        """Let virtual time jump to a later moment; returns when what fell due has been sent and answered."""

    @abstractmethod
    async def due(self, most: int) -> list[Due]:
        """Return what falls due, at most so many, earliest first."""

    @abstractmethod
    async def faults(self) -> FaultsState:
        """Return the faults."""

    @abstractmethod
    async def arm(self, spec: Mapping[str, Any]) -> None:
        """Arm a fault."""

    @abstractmethod
    async def disarm(self, number: int) -> None:
        """Disarm the fault of that number, or forget it if it is used up."""

    @abstractmethod
    async def disarm_all(self) -> None:
        """Disarm every fault, and forget those that are used up."""

    @abstractmethod
    async def approvals(self, most: int) -> list[ApprovalState]:
        """Return the newest approval requests, newest first."""

    @abstractmethod
    async def deliveries(self, most: int) -> list[DeliveryState]:
        """Return the newest deliveries, newest first."""

    @abstractmethod
    async def request(self, request_id: str) -> KnownRequest:
        """Return all that the party has of an approval request."""
