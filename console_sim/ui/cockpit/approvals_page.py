"""The last approval requests, each with its sequence diagram."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from console_sim.approval_request import ApprovalRequest
from console_sim.console import Console
from privman_core.control import COCKPIT
from privman_core.pages.cockpit import Cockpit

ROWS = 50


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval request; ``sequence`` is where everything said about it is drawn."""

    request_id: str
    state: str
    asked_at: datetime
    attempts: int
    sequence: str


class ApprovalsPage:
    """What endpoint users have asked for, the newest first."""

    def __init__(self, cockpit: Cockpit, console: Console) -> None:
        self._cockpit = cockpit
        self._console = console

    async def show(self, request: web.Request) -> web.Response:
        """Answer the page."""
        approvals = [self._describe(each) for each in self._console.store.approval_requests.newest(0, ROWS)]
        return self._cockpit.page("approvals.html", request, title="Approvals", approvals=approvals)

    def _describe(self, request: ApprovalRequest) -> Approval:
        about = [("about", text) for text in (request.request_id, request.sys_id) if text]
        return Approval(
            request.request_id,
            request.state(self._console.clock.now()),
            request.asked_at,
            request.attempts,
            f"{COCKPIT}/sequence?{urlencode(about)}",
        )
