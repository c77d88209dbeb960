"""What the journals found while a scenario was played, and no step asked for."""

from dataclasses import dataclass

from privman_scenarios.party import Party
from privman_scenarios.play import Play


@dataclass(frozen=True, slots=True)
class UnaskedFinding:
    """One finding.

    Attributes:
        kind: ``violation`` of a contract, or ``swallowed``.
    """

    party: str
    kind: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.party}: {self.rule}: {self.message}"


async def unasked_findings(play: Play) -> list[UnaskedFinding]:
    """Return the findings of both parties that no step has asked for."""
    return [
        *await _of("servicenow", play.targets.servicenow, play.acknowledged["servicenow"]),
        *await _of("console", play.targets.console, play.acknowledged["console"]),
    ]


async def _of(name: str, party: Party, acknowledged: set[int]) -> list[UnaskedFinding]:
    if not party.has_control:
        return []
    return [
        UnaskedFinding(name, each["kind"], each["rule"], each["message"])
        for number, each in enumerate(await party.control.findings())
        if number not in acknowledged
    ]
