"""What the journals of both parties found, faults that were armed on purpose set aside."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from privman_scenarios.control_plane import Journal
from privman_scenarios.output import mask
from privman_scenarios.targets import Targets

Answered = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        exchange: number of the exchange in the party's journal.
        kind: ``violation`` of a contract, or ``swallowed``.
        where: the place in the message.
    """

    party: str
    exchange: int
    kind: str
    rule: str
    message: str
    where: str

    @classmethod
    def of(cls, party: str, each: Mapping[str, Any]) -> "Finding":
        """Return a finding as the party's control plane prints it."""
        return cls(party, each["exchange"], each["kind"], each["rule"], each["message"], each["where"])

    def __str__(self) -> str:
        return mask(f"{self.party} #{self.exchange}: {self.rule}: {self.message}")


async def find_all(targets: Targets) -> list[Finding]:
    """Return the findings of both parties, but for what an armed fault answered: that was meant to be wrong."""
    controls = {name: party.control for name, party in targets.parties.items() if party.has_control}
    findings = [Finding.of(name, each) for name, control in controls.items() for each in await control.findings()]
    if not findings:
        return []
    meant = _meant(await targets.journals())
    return [finding for finding in findings if (finding.party, finding.exchange) not in meant]


def _meant(journals: Mapping[str, Journal]) -> set[tuple[str, int]]:
    """Return the exchanges that a fault answered, as both parties count them."""
    faulty = {_answered(exchange) for journal in journals.values() for exchange in journal if exchange["fault"]}
    return {
        (party, exchange["number"]) for party, journal in journals.items() for exchange in _touched(journal, faulty)
    }


def _touched(journal: Journal, faulty: set[Answered]) -> Iterable[dict[str, Any]]:
    return (exchange for exchange in journal if exchange["fault"] or _answered(exchange) in faulty)


def _answered(exchange: Mapping[str, Any]) -> Answered:
    path = urlsplit(exchange["url"]).path
    return exchange["method"], path, exchange["status"], exchange["response"]["body"]
