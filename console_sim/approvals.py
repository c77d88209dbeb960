"""Approvals: requests are asked for, sent, decided and looked up."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from console_sim.approval_request import ApprovalRequest
from console_sim.decision import Decision, DeliveredDecision
from console_sim.errors import NotFoundError
from console_sim.metadata import MetadataWriter
from console_sim.servicenow.request_sender import RequestSender
from console_sim.store import Store
from privman_core.clock import Clock
from privman_core.ids import Ids


class Approvals:
    """The approval requests that the console owns."""

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        store: Store,
        clock: Clock,
        ids: Ids,
        metadata: MetadataWriter,
        sender: RequestSender,
        max_timeout: timedelta,
    ) -> None:
        self._requests = store.approval_requests
        self._clock = clock
        self._ids = ids
        self._metadata = metadata
        self._sender = sender
        self._max_timeout = max_timeout

    async def ask(self, reported: Mapping[str, Any]) -> ApprovalRequest:
        """Keep what an endpoint user asks for and attempt once to send it; raises BadRequestError."""
        metadata = self._metadata.write(reported)
        now = self._clock.now()
        request = self._requests.put(ApprovalRequest(self._new_id(), metadata, now, now + self._max_timeout))
        return await self._send(request)

    def resume(self) -> None:
        """Let requests that were made while the clock was ahead wait from now on, as ServiceNow does."""
        now = self._clock.now()
        ahead = [each for each in self._requests if each.asked_by(now) is not each]
        for request in ahead:
            self._requests.put(request.asked_by(now))

    def find(self, request_id: str) -> ApprovalRequest:
        """Return the request; raises NotFoundError."""
        request = self._requests.get(request_id.lower())
        if request is None:
            raise NotFoundError(f"there is no approval request {request_id!r}")
        return request

    def take_delivered(self, delivered: DeliveredDecision) -> tuple[ApprovalRequest, bool]:
        """Take a decision that ServiceNow delivers (integration 4); return the request, and whether it was news.

        Raises NotFoundError for a request that was never sent for that instance, ConflictError for one that was
        decided otherwise or has timed out.
        """
        request = self.find(delivered.request_id)
        if request.instance_id.lower() != delivered.instance_id:
            raise NotFoundError(f"approval request {request.request_id} was not sent for {delivered.instance_id!r}")
        decided = request.decided(delivered.decision, self._clock.now())
        return self._requests.put(decided.delivered()), decided is not request

    async def decide_here(self, request_id: str, decision: Decision) -> ApprovalRequest:
        """Take a decision outside the normal flow and attempt once to record it in ServiceNow.

        Raises NotFoundError and ConflictError like a delivered one.
        """
        request = self.find(request_id)
        decided = request.decided(decision, self._clock.now())
        if decided is request:
            return request
        return await self._send(self._requests.put(replace(decided, decided_here=True)))

    async def _send(self, request: ApprovalRequest) -> ApprovalRequest:
        """Attempt once to send it and return it as it is then."""
        await self._sender.send(request.request_id)
        return self._requests.get(request.request_id) or request

    def _new_id(self) -> str:
        # The same seed gives the same identifiers after every restart, and a database still has those of before.
        while self._requests.get(request_id := self._ids.guid()) is not None:
            pass
        return request_id
