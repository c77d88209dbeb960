"""The decision endpoint, the Privilege Manager Post Uri (integration 4)."""

from http import HTTPStatus

from aiohttp import web

from console_sim.api.access import Access
from console_sim.api.envelope import Envelope
from console_sim.api.json_body import read_json_object
from console_sim.approval_request import ApprovalRequest
from console_sim.approvals import Approvals
from console_sim.decision import DecisionReader, DeliveredDecision
from console_sim.errors import ConflictError, NotFoundError
from privman_contracts import WireNames
from privman_core.clock import Clock

SAME_DECISION = "same_decision_status"


class Approval:
    """Takes the decisions that ServiceNow delivers."""

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        names: WireNames,
        *,
        clock: Clock,
        envelope: Envelope,
        access: Access,
        decisions: DecisionReader,
        approvals: Approvals,
    ) -> None:
        self._repeated = names.number(SAME_DECISION)
        self._clock = clock
        self._envelope = envelope
        self._access = access
        self._decisions = decisions
        self._approvals = approvals

    async def approve(self, request: web.Request) -> web.Response:
        """Take a decision, an approval or a denial, and answer the state that follows."""
        self._access.require_approver(request)
        delivered = self._decisions.read_delivered(await read_json_object(request))
        decided, is_new = self._take(delivered)
        state = decided.state(self._clock.now())
        status = HTTPStatus.OK if is_new else self._repeated
        if status >= HTTPStatus.BAD_REQUEST:
            raise ConflictError(f"approval request {decided.request_id} has this decision already", SAME_DECISION)
        return self._envelope.ok({"RequestId": decided.request_id, "State": state}, status)

    def _take(self, delivered: DeliveredDecision) -> tuple[ApprovalRequest, bool]:
        try:
            return self._approvals.take_delivered(delivered)
        except NotFoundError as error:
            raise NotFoundError(str(error), "unknown_request_status") from None
        except ConflictError as error:
            raise ConflictError(str(error), "other_decision_status") from None
