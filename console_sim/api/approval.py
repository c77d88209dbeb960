"""The decision endpoint, the Privilege Manager Post Uri (integration 4)."""

from aiohttp import web

from console_sim.api.access import Access
from console_sim.api.envelope import Envelope
from console_sim.api.json_body import read_json_object
from console_sim.approvals import Approvals
from console_sim.decision import DecisionReader
from privman_testbench.clock import Clock


class Approval:
    """Takes the decisions that ServiceNow delivers."""

    def __init__(
        self, clock: Clock, envelope: Envelope, access: Access, decisions: DecisionReader, approvals: Approvals
    ) -> None:
        self._clock = clock
        self._envelope = envelope
        self._access = access
        self._decisions = decisions
        self._approvals = approvals

    async def approve(self, request: web.Request) -> web.Response:
        """Take a decision, an approval or a denial, and answer the state that follows."""
        self._access.require_approver(request)
        delivered = self._decisions.read_delivered(await read_json_object(request))
        decided = self._approvals.take_delivered(delivered)
        state = decided.state(self._clock.now())
        return self._envelope.ok({"RequestId": decided.request_id, "State": state})
