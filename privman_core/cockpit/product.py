"""The interface of a product to its cockpit."""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from privman_core.clock import Due
from privman_core.cockpit.approval_facts import ApprovalState, DeliveryState, RequestDetail
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_core.cockpit.recipes import Recipe
from privman_core.exchange import Exchange


class Explanation(Struct, frozen=True):
    """A product's knowledge about an exchange.

    Attributes:
        other_party: such as ``Console`` or ``Browser``.
        contract: summary of the contract that the exchange must keep; empty if none applies.
        prepares: whether it only prepares the next exchange, as a token call does.
        delivers: whether ServiceNow delivers a decision by it.
    """

    other_party: str
    contract: str = ""
    prepares: bool = False
    delivers: bool = False


def is_sent_by(exchange: Exchange, program: str) -> bool:
    """Return whether the header User-Agent names the program as the sender."""
    return exchange.request_headers.get("User-Agent", "").startswith(f"{program}/")


class Product(Protocol):
    """Answers the cockpit's questions about messages and records, of which the cockpit knows nothing."""

    name: str
    """``ServiceNow`` or ``Console``."""
    way_to_other: str
    """How a user names the other party at the start, as a sentence."""

    def explain(self, exchange: Exchange) -> Explanation:
        """Return who the other party of an exchange is, and the contract of the exchange."""

    def scenario(self, title: str, exchanges: Sequence[ExchangeToSave]) -> str:
        """Return the YAML of a scenario that plays the same, for ``privman-scenarios``."""

    def compare(self, exchange: Exchange, printed: dict[str, Any]) -> ContractComparison:
        """Return an exchange beside its contract; ``printed`` is the same as the control plane prints it."""

    async def approvals(self, most: int) -> list[ApprovalState]:
        """Return the newest approval requests, newest first."""

    async def deliveries(self, most: int) -> list[DeliveryState]:
        """Return the newest deliveries, newest first."""

    async def due(self, most: int) -> list[Due]:
        """Return what falls due, except what waits on the clock under a label; in any order."""

    def recipes(self) -> list[Recipe]:
        """Return the faults of this party that testers arm most."""

    async def request(self, request_id: str) -> RequestDetail | None:
        """Return what the product knows of an approval request; None if it has none with that RequestId."""

    async def other_urls(self) -> list[str]:
        """Return the addresses of the other party that the product's own configuration names, the newest first."""
