"""One place in which an exchange breaks its contract."""

from dataclasses import dataclass

from privman_contracts.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Violation:
    """One place in which an exchange breaks its contract.

    Attributes:
        message: names the place, shows the value unless it is a secret, says what was expected.
        schema: message whose contract is broken, or name of the exchange for a status.
        where: JSON path, into JSON text as well; ``status`` or ``Content-Type`` beside the body.
        evidence: how well the broken part is known.
        doubtful: whether the contract leaves it open and it is hardly meant, so that nothing is broken.
    """

    message: str
    schema: str
    where: str
    evidence: Evidence
    doubtful: bool = False
