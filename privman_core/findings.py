"""Findings: what the product would have ignored silently, and broken contracts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, SupportsIndex

from privman_core.cuts import cut

Kind = Literal["swallowed", "violation"]
MOST_FINDINGS = 200
"""Swallowed things that are reported for one exchange."""
LONGEST_MESSAGE = 1_000
MOST_IDS = 100
"""Approval requests, and registrations, that one exchange may belong to."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the product swallowed, or a message that breaks its contract.

    Attributes:
        kind: ``swallowed`` if the product ignored it silently, ``violation`` for a broken contract.
        rule: a stable id in kebab case, such as ``query-term-ignored``.
        message: names the thing, shows the value, says what was expected.
        where: the place in the message, such as ``sysparm_query`` or ``$.metadata.PolicyId``.
        evidence: how well the broken part of a contract is known; empty for what was swallowed.
    """

    kind: Kind
    rule: str
    message: str
    where: str = ""
    evidence: str = ""

    def __post_init__(self) -> None:
        """Truncate long quotes of a caller."""
        object.__setattr__(self, "message", cut(self.message, LONGEST_MESSAGE))
        object.__setattr__(self, "where", cut(self.where, LONGEST_MESSAGE))

    def to_json(self) -> dict[str, str]:
        """Return the finding as the control plane prints it."""
        known = {"evidence": self.evidence} if self.evidence else {}
        return {"kind": self.kind, "rule": self.rule, "message": self.message, "where": self.where, **known}


class Findings(list[Finding]):
    """The findings of one exchange, and what it belongs to: this list reaches whoever reads and writes its records.

    Past `MOST_FINDINGS` swallowed things, one finding says that there were more.

    Attributes:
        about: RequestIds of the approval requests that the exchange belongs to, in lower case.
        registers: ids of the registrations and activity types that it makes, reads, changes or misses.
        user: name of the user who logged in; empty for nobody, and for an exchange that this server sent.
        roles: of that user.
        refusal: why this server refused the request, by its own rules; empty if it did not, or if its answer says so.
    """

    about: tuple[str, ...] = ()
    registers: tuple[str, ...] = ()
    user: str = ""
    roles: frozenset[str] = frozenset()
    refusal: str = ""
    _swallowed = 0

    def concern(self, about: Iterable[str], registers: Iterable[str] = ()) -> None:
        """Note that the exchange belongs to these approval requests and registrations; at most `MOST_IDS` are kept."""
        self.about = tuple(dict.fromkeys((*self.about, *about)))[:MOST_IDS]
        self.registers = tuple(dict.fromkeys((*self.registers, *registers)))[:MOST_IDS]

    def append(self, finding: Finding) -> None:
        """Add a finding."""
        self._swallowed += finding.kind == "swallowed"
        if finding.kind != "swallowed" or self._swallowed <= MOST_FINDINGS:
            super().append(finding)
        elif self._swallowed == MOST_FINDINGS + 1:
            super().append(Finding("swallowed", "more-findings", f"more than {MOST_FINDINGS} things were swallowed"))

    def __delitem__(self, which: SupportsIndex | slice) -> None:
        """Drop findings."""
        super().__delitem__(which)
        self._swallowed = sum(finding.kind == "swallowed" for finding in self)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings; those of other work also bring what they belong to."""
        if isinstance(findings, Findings):
            self.concern(findings.about, findings.registers)
        for finding in findings:
            self.append(finding)
