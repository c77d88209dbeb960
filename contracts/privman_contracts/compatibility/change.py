"""One change of a contract."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a contract.

    Attributes:
        part: the message, the exchange, or ``inferred.yaml``.
        where: the place in it.
        text: what changed, for people.
        senders: who, still keeping the old contract, sends what the new one refuses.
        receivers: who, still keeping the old contract, refuses what the new one lets others send.
    """

    part: str
    where: str
    text: str
    senders: frozenset[str] = frozenset()
    receivers: frozenset[str] = frozenset()

    @property
    def broken(self) -> frozenset[str]:
        """Everybody whom it breaks."""
        return self.senders | self.receivers

    def __str__(self) -> str:
        place = f"{self.part} {self.where}".strip()
        return f"{place}: {self.text}; breaks {self._whom()}"

    def _whom(self) -> str:
        roles = {"sender": self.senders, "receiver": self.receivers}
        whom = [f"{party} as {role}" for role, parties in roles.items() for party in sorted(parties)]
        return ", ".join(whom) or "nobody"
