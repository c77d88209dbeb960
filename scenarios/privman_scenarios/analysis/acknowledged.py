"""What users under load were told has been accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Acknowledged:
    """Approval requests that a console acknowledged, and decisions that ServiceNow acknowledged.

    Attributes:
        requests: the ``request_id`` of each request.
        decisions: of each decision the ``sys_id`` of the record, and ``Approve`` or ``Deny``.
    """

    requests: list[str] = field(default_factory=list)
    decisions: list[tuple[str, str]] = field(default_factory=list)

    def add(self, given: Mapping[str, Any]) -> None:
        """Add what `take` has returned in another process."""
        self.requests += given["requests"]
        self.decisions += [(sys_id, decision) for sys_id, decision in given["decisions"]]

    def take(self) -> dict[str, Any]:
        """Return everything, as JSON holds it, and forget it."""
        taken = {"requests": self.requests, "decisions": self.decisions}
        self.requests, self.decisions = [], []
        return taken
