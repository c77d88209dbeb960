"""Create, decide and send approval requests."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from console_sim.approval_decision import ApprovalDecision, DeliveredDecision
from console_sim.approval_items import ApprovalProcess
from console_sim.approval_request import ApprovalRequest, LatestRequest, RequestState
from console_sim.automation import Automation
from console_sim.background_tasks import BackgroundTasks
from console_sim.console_store import ConsoleStore
from console_sim.errors import BadRequestError, ConflictError, NotFoundError, NotStoredError
from console_sim.json_object import bare_guid
from console_sim.messenger import Messenger
from console_sim.pending_requests import PendingRequests
from console_sim.request_fingerprint import fingerprint_of, missing_from
from console_sim.request_metadata import MetadataWriter
from console_sim.request_sender import RequestSender
from console_sim.routing import Route, find_route
from privman_core.clock import Clock
from privman_core.ids import Ids

MOST_DECIDED = 100
"""Requests that one call of `Approvals.decide_all` decides."""


class EndpointAnswer(Struct, frozen=True):
    """The answer to an endpoint that asks.

    Attributes:
        is_new: whether the request was made now, or was pending already.
    """

    request: ApprovalRequest
    is_new: bool


class RunOutcome(StrEnum):
    """The outcome of a run on an endpoint."""

    ALLOWED = "allowed"
    PENDING = "pending"
    ASKED = "asked"


class Approvals:
    """The console's approval requests."""

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        store: ConsoleStore,
        clock: Clock,
        ids: Ids,
        automation: Automation,
        metadata: MetadataWriter,
        sender: RequestSender,
        messenger: Messenger,
        background: BackgroundTasks,
        pending: PendingRequests,
    ) -> None:
        self._store = store
        self._requests = store.approval_requests
        self._latest = store.latest_requests
        self._clock = clock
        self._ids = ids
        self._automation = automation
        self._metadata = metadata
        self._sender = sender
        self._messenger = messenger
        self._background = background
        self._pending = pending

    async def ask(self, reported: Mapping[str, Any]) -> EndpointAnswer:
        """Make a request, unless one with the same fingerprint is pending, and attempt once to send it.

        Sending goes on if the caller is cancelled. Raises BadRequestError for the metadata, ConflictError for a policy
        that is not active or asks for no approval, and ResetError.
        """
        route, fingerprint = self._read(reported)
        known = self._newest_with(fingerprint)
        if known is not None and known.state(self._clock.now()) is RequestState.PENDING:
            return EndpointAnswer(known, is_new=False)
        metadata = self._metadata.write(reported, route.policy)
        new = replace(self._new(metadata, route.process), unmatched=missing_from(reported, route))
        request = self._store_new(new, fingerprint)
        await self._background.run_all([partial(self._messenger.post, request), partial(self._send, request)])
        return EndpointAnswer(self._newest(request), is_new=True)

    async def run(self, reported: Mapping[str, Any]) -> tuple[RunOutcome, ApprovalRequest]:
        """Start the application if an approval allows it; otherwise do as `ask` does, and raise the same."""
        known, now = self.newest_matching(reported), self._clock.now()
        if known is not None and known.state(now) is RequestState.APPROVED:
            used = known.after_run(now)
            return RunOutcome.ALLOWED, known if used is known else self._requests.put(used)
        asked = await self.ask(reported)
        return RunOutcome.ASKED if asked.is_new else RunOutcome.PENDING, asked.request

    def newest_matching(self, reported: Mapping[str, Any]) -> ApprovalRequest | None:
        """Return the newest request with the report's fingerprint, None if there is none; raises as `ask` does."""
        return self._newest_with(self._read(reported)[1])

    def load_pending(self) -> None:
        """Find the pending requests after a start; what happened while the clock was ahead counts as happening now."""
        now = self._clock.now()
        for stored in self._requests:
            request = stored.not_later_than(now)
            if request is not stored:
                self._requests.put(request)
            if request.state(now) is RequestState.PENDING:
                self._pending.add(request, now)

    def pending(self, *, manual_only: bool = False) -> list[str]:
        """Return the ids of the pending requests, oldest first; with ``manual_only`` those decided in the console."""
        return self._pending.ids(self._clock.now(), manual_only=manual_only)

    def coming(self, most: int) -> list[tuple[datetime, str]]:
        """Return the next time-outs with their requests, at most so many, earliest first."""
        return self._pending.coming(self._clock.now(), most)

    def clear_pending(self) -> None:
        """Forget the pending requests, after a reset."""
        self._pending.clear()

    def find(self, request_id: str) -> ApprovalRequest:
        """Return the request; raises NotFoundError."""
        request = self._requests.get(bare_guid(request_id))
        if request is None:
            raise NotFoundError(f"unknown approval request {request_id!r}")
        return request

    def take_delivered(self, delivered: DeliveredDecision) -> tuple[ApprovalRequest, bool]:
        """Take a decision that ServiceNow delivers; return the request and whether it changed.

        Raises NotFoundError for a request that was not sent under that Instance Id, ConflictError for one that was
        decided differently or has timed out, which keeps the refused decision.
        """
        request = self._requests.get(delivered.request_id)
        if request is None:
            raise NotFoundError(f"unknown approval request {delivered.request_id!r}")
        if delivered.instance_id not in {"", request.instance_id.lower()}:
            raise NotFoundError(f"approval request {request.request_id} was not sent for {delivered.instance_id!r}")
        try:
            decided = request.decided(delivered.decision, self._clock.now())
        except ConflictError as error:
            with suppress(NotStoredError):  # the caller needs the reason of the refusal, and the database is logged
                self._requests.put(request.with_refused_decision(delivered.decision, str(error)))
            raise
        kept = self._requests.put(decided.delivered())
        self._pending.remove(request.request_id)
        return kept, decided is not request

    async def decide_here(self, request_id: str, decision: ApprovalDecision) -> ApprovalRequest:
        """Decide in the console and attempt once to record it in ServiceNow; raises as `decide_all` does."""
        return (await self.decide_all([request_id], decision))[0]

    async def decide_all(self, request_ids: Iterable[str], decision: ApprovalDecision) -> list[ApprovalRequest]:
        """Decide all of the requests in the console, or none, and attempt once to record each in ServiceNow.

        Returns them in the order of the ids. Recording goes on if the caller is cancelled. Raises NotFoundError,
        ConflictError for a request that was decided differently or has timed out, BadRequestError for more than
        `MOST_DECIDED`, and ResetError.
        """
        now, given = self._clock.now(), list(request_ids)
        if len(given) > MOST_DECIDED:
            raise BadRequestError(f"{len(given):,} requests are given; expected at most {MOST_DECIDED} at once")
        before = {bare_guid(each): self.find(each) for each in given}
        after = {key: request.decided(decision, now, here=True) for key, request in before.items()}
        new = [request for key, request in after.items() if request is not before[key]]
        with self._store.transaction():
            for request in new:
                self._requests.put(request)
        for request in new:
            self._pending.remove(request.request_id)
        await self._background.run_all(partial(self._send, request) for request in after.values())
        return [self._newest(after[bare_guid(each)]) for each in given]

    def _read(self, reported: Mapping[str, Any]) -> tuple[Route, str]:
        """Return the route and the fingerprint of a report; raises as `ask` does."""
        self._metadata.check(reported)
        route = find_route(self._automation, reported)
        return route, fingerprint_of(reported, route)

    def _newest_with(self, fingerprint: str) -> ApprovalRequest | None:
        latest = self._latest.get(fingerprint) if fingerprint else None
        return None if latest is None else self._requests.get(latest.request_id)

    def _new(self, metadata: str, process: ApprovalProcess) -> ApprovalRequest:
        now = self._clock.now()
        new = ApprovalRequest(
            self._requests.unused(self._ids.guid), metadata, now, process=process.name, server_id=process.server_id
        )
        if process.is_manual:
            return new
        lacking = "" if process.server_id else f"not sent: approval process {process.name!r} had no ServiceNow server"
        return replace(new, times_out_at=now + process.timeout, check_every=process.check_every, last_error=lacking)

    def _store_new(self, request: ApprovalRequest, fingerprint: str) -> ApprovalRequest:
        with self._store.transaction():
            self._requests.put(request)
            if fingerprint:
                self._latest.put(LatestRequest(fingerprint, request.request_id))
        self._pending.add(request, self._clock.now())
        return request

    async def _send(self, request: ApprovalRequest) -> None:
        """Attempt once to send the request, or its decision, if ServiceNow does not have it yet."""
        if request.needs_sending(self._clock.now()):
            await self._sender.send(request.request_id)

    def _newest(self, request: ApprovalRequest) -> ApprovalRequest:
        """Return the newest version of the request, or the given one if it was evicted."""
        return self._requests.get(request.request_id) or request
