"""Sends approval requests, and decisions made in the console, to ServiceNow."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Protocol

from console_sim.approval_decision import ApprovalDecision
from console_sim.approval_request import ApprovalRequest, IntegrationKind
from console_sim.background_tasks import BackgroundTasks
from console_sim.console_store import ConsoleStore
from console_sim.errors import NotReadyError, RefusedError, ServiceNowError, failure_of
from console_sim.foreign_system import ForeignSystem
from console_sim.server_tasks import ServerTasks, WorkReport
from privman_core.clock import Clock


class Integration(Protocol):
    """One way for requests to reach a ServiceNow."""

    async def send(self, system: ForeignSystem, request: ApprovalRequest) -> None:
        """Send a request that ServiceNow does not have yet, and store what acknowledges it; raises ServiceNowError."""

    async def record(self, system: ForeignSystem, request: ApprovalRequest, decision: ApprovalDecision) -> None:
        """Tell ServiceNow of a decision of the console, and store that it knows; raises ServiceNowError."""


class RequestSender:
    """Sends each request by the integration of its foreign system; each is a server task."""

    def __init__(
        self,
        *,
        store: ConsoleStore,
        clock: Clock,
        server_tasks: ServerTasks,
        background: BackgroundTasks,
        integrations: Mapping[IntegrationKind, Integration],
    ) -> None:
        self._systems = store.foreign_systems
        self._requests = store.approval_requests
        self._clock = clock
        self._server_tasks = server_tasks
        self._background = background
        self._integrations = integrations

    async def send(self, request_id: str) -> ServiceNowError | None:
        """Send the request, or its decision, if ServiceNow does not have it yet; return why it failed.

        A transient failure is retried, unless the request will have timed out by then.
        """
        request, work = self._requests.get(request_id), partial(self._send_if_needed, request_id)
        sent = "approval request" if request is None or not request.sys_id else "decision on approval request"
        key, needed = f"send {request_id}", partial(self._needed, request_id)
        return await self._server_tasks.run(f"Send {sent} {request_id}", work, key=key, about=request_id, needed=needed)

    async def send_waiting(self, system: ForeignSystem, *, refused: bool = True) -> None:
        """Attempt to send each waiting request, or its decision, to the foreign system, one at a time, oldest first.

        After `CALLER_SECONDS` this returns, and the attempts go on. ``refused`` includes requests that the foreign
        system has refused.
        """
        if self._waiting(system.id, refused=refused):
            task_name = f"Send waiting approval requests to {system.name!r}"
            work = partial(self._send_waiting, system.id, refused=refused)
            key = f"{system.id} waiting, refused {refused}"
            attempt = self._server_tasks.run(task_name, work, key=key, retried=False)
            await self._background.wait_briefly([self._background.start(attempt)])

    async def _send_waiting(self, server_id: str, *, refused: bool) -> WorkReport:
        failures = [await self.send(request_id) for request_id in self._waiting(server_id, refused=refused)]
        made, failed = len(failures), len(failures) - failures.count(None)
        text = f"attempts: {made:,}, of which {failed:,} failed; each is an entry of its own"
        return WorkReport(text, "completed" if not failed else "failed" if failed == made else "failed in part")

    def _waiting(self, server_id: str, *, refused: bool) -> list[str]:
        now = self._clock.now()
        return [
            each.request_id
            for each in self._requests.unfinished()
            if each.server_id == server_id and each.needs_sending(now) and (refused or not each.refused)
        ]

    async def _send_if_needed(self, request_id: str) -> WorkReport:
        request = self._requests.get(request_id)
        if request is None or not self._needed(request_id, self._clock.now()):
            return WorkReport("nothing was sent, because the request does not wait any more", "nothing to do")
        try:
            return await self._write(request)
        except Exception as error:
            failure = failure_of(error)
            self._note(request, failure)
            if self._no_longer_needed(request_id):
                return WorkReport(f"ServiceNow has the request, because its decision arrived meanwhile; {failure}")
            raise

    def _needed(self, request_id: str, at: datetime) -> bool:
        request = self._requests.get(request_id)
        return request is not None and request.needs_sending(at)

    def _note(self, request: ApprovalRequest, failure: ServiceNowError) -> None:
        refused = isinstance(failure, RefusedError)
        self._requests.change(
            request.request_id,
            lambda current: current.failed(str(failure), refused=refused) if current.is_unsynced else current,
        )

    def _no_longer_needed(self, request_id: str) -> bool:
        """Return whether its decision has arrived meanwhile: then ServiceNow has the request, whatever it answered."""
        request = self._requests.get(request_id)
        return request is None or not request.is_unsynced

    async def _write(self, request: ApprovalRequest) -> WorkReport:
        system = self._systems.get(request.server_id)
        if system is None:
            raise NotReadyError("not sent: its foreign system does not exist any more")
        integration, done = self._integration(system, request), []
        if not request.sys_id:
            await integration.send(system, request)
            done.append("the request")
        current = self._requests.get(request.request_id)
        if current is not None and current.unrecorded_decision is not None:
            await integration.record(system, current, current.unrecorded_decision)
            done.append("the decision")
        return WorkReport(f"ServiceNow acknowledged {' and '.join(done)}")

    def _integration(self, system: ForeignSystem, request: ApprovalRequest) -> Integration:
        """Return the integration that has sent the request, or else that of the foreign system."""
        chosen = IntegrationKind.WEBHOOK if system.use_webhook else IntegrationKind.SOAP
        return self._integrations[request.integration if request.sys_id else chosen]
