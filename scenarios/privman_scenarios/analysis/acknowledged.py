"""What users under load were told has been accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Acknowledged:
    """Approval requests that a console acknowledged, and decisions that ServiceNow acknowledged.

    Attributes:
        requests: the ``request_id`` of each request.
        late: how many decisions ServiceNow refused with 403, as of an approver who came second.
        decisions: of each decision the ``sys_id`` of the record, and ``Approve`` or ``Deny``.
    """

    requests: list[str] = field(default_factory=list)
    decisions: list[tuple[str, str]] = field(default_factory=list)
    late: int = 0

    def add(self, given: Mapping[str, Any]) -> None:
        """Add what `take` has returned in another process."""
        self.requests += given["requests"]
        self.decisions += [(sys_id, decision) for sys_id, decision in given["decisions"]]
        self.late += given["late"]

    def take(self) -> dict[str, Any]:
        """Return everything, as JSON holds it, and forget it."""
        taken = {"requests": self.requests, "decisions": self.decisions, "late": self.late}
        self.requests, self.decisions, self.late = [], [], 0
        return taken
