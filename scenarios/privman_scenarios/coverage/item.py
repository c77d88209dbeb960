"""What a run can exercise."""

from dataclasses import dataclass
from typing import Literal

from privman_contracts import Evidence

Kind = Literal["exchange", "field", "boundary", "status", "refusal", "fault"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a contract tells of and a run can exercise.

    Attributes:
        contract: name of the exchange it belongs to.
        name: what it is, such as ``request $.Response = Deny``.
        evidence: how well it is known.
    """

    contract: str
    kind: Kind
    name: str
    evidence: Evidence
