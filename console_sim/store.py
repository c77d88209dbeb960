"""What the console keeps over a restart."""

from dataclasses import dataclass, field

from console_sim.api_client_user import ApiClientUser
from console_sim.approval_request import ApprovalRequest
from console_sim.credential import Credential
from console_sim.foreign_system import ForeignSystem


@dataclass(slots=True)
class Store:
    """What the console keeps over a restart; it has one API user and one foreign system at a time.

    Attributes:
        api_enabled: the switch under Advanced, API Settings.
        credentials: by name.
        approval_requests: by request id in lower case, oldest first; `keep` adds to them.
    """

    api_enabled: bool = False
    api_user: ApiClientUser | None = None
    credentials: dict[str, Credential] = field(default_factory=dict)
    foreign_system: ForeignSystem | None = None
    approval_requests: dict[str, ApprovalRequest] = field(default_factory=dict)
    _in_order: list[ApprovalRequest] = field(default_factory=list, init=False, repr=False)

    def keep(self, request: ApprovalRequest) -> None:
        """Keep a new approval request."""
        self.approval_requests[request.request_id] = request
        self._in_order.append(request)

    def newest(self, skipped: int, count: int) -> list[ApprovalRequest]:
        """Return approval requests, newest first; it takes no longer where many are kept."""
        end = max(len(self._in_order) - skipped, 0)
        return self._in_order[max(end - count, 0) : end][::-1]

    def clear(self) -> None:
        """Forget everything."""
        self.api_enabled = False
        self.api_user = None
        self.credentials.clear()
        self.foreign_system = None
        self.approval_requests.clear()
        self._in_order.clear()
