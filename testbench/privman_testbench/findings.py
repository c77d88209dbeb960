"""What a test tool saw that the product would have kept quiet about."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["swallowed", "violation"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a product swallowed, or one message that breaks its contract.

    Attributes:
        kind: ``swallowed`` for what the product ignored without saying so, ``violation`` for a broken
            contract.
        rule: a stable id in kebab case, such as ``query-term-ignored``.
        message: names the thing, shows the value, says what was expected.
        where: the place in the message, such as ``sysparm_query`` or ``$.metadata.PolicyId``.
    """

    kind: Kind
    rule: str
    message: str
    where: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as the control plane prints it."""
        return {"kind": self.kind, "rule": self.rule, "message": self.message, "where": self.where}
