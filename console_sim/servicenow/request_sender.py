"""Approval requests on their way to ServiceNow, and decisions that the console took itself."""

from functools import partial

from console_sim import durations
from console_sim.approval_request import ApprovalRequest
from console_sim.decision import Decision
from console_sim.foreign_system import ForeignSystem
from console_sim.servicenow.connector import Connector
from console_sim.servicenow.failures import NotReadyError, ServiceNowError
from console_sim.servicenow.server_tasks import ServerTasks
from console_sim.store import Store
from privman_contracts import WireNames
from privman_testbench.clock import Clock


class RequestSender:
    """Brings the Requests table in line with the console's approval requests, one server task each."""

    def __init__(
        self, store: Store, names: WireNames, clock: Clock, connector: Connector, server_tasks: ServerTasks
    ) -> None:
        self._store = store
        self._names = names
        self._clock = clock
        self._connector = connector
        self._server_tasks = server_tasks

    async def send(self, request: ApprovalRequest) -> None:
        """Attempt to send what ServiceNow lacks of the request; a failure for a passing reason is retried."""
        await self._server_tasks.run(
            f"Send approval request {request.request_id}", partial(self._bring_in_line, request)
        )

    async def send_waiting(self) -> None:
        """Attempt to send every request of which ServiceNow lacks something, oldest first."""
        for request in tuple(self._store.approval_requests.values()):
            if request.needs_sending(self._clock.now()):
                await self.send(request)

    async def _bring_in_line(self, request: ApprovalRequest) -> None:
        if not request.needs_sending(self._clock.now()):
            return
        try:
            await self._send_lacking(request)
        except ServiceNowError as error:
            if not request.decided_here and request.sent:
                return  # its decision came in the meantime, so ServiceNow has it although it did not say so
            request.last_error = str(error)
            raise
        request.last_error = ""

    async def _send_lacking(self, request: ApprovalRequest) -> None:
        system = self._store.foreign_system
        if system is None or not system.listens:
            raise NotReadyError("not sent: no webhook is enabled")
        if not system.activity_type.sys_id:
            raise NotReadyError("not sent: its activity type is not registered yet")
        if not request.sys_id:
            await self._insert(system, request)
        if request.decided_here and request.decision is not None:
            await self._record(system, request, request.decision)

    async def _insert(self, system: ForeignSystem, request: ApprovalRequest) -> None:
        values = {
            "request_id": request.request_id,
            "instance_id": system.registration.sys_id,
            "activity_type_id": system.activity_type.sys_id,
            "metadata": request.metadata,
        }
        # Noted first: a decision may arrive before the answer does.
        request.instance_id = system.registration.sys_id
        request.attempts += 1
        request.sys_id = await self._connector.open(system).create(self._names.table("request"), self._spell(values))
        request.sent = True

    async def _record(self, system: ForeignSystem, request: ApprovalRequest, decision: Decision) -> None:
        values = {"status": self._names.word("response", decision.response), "comment": decision.comment}
        if decision.duration is not None:
            values["duration"] = durations.to_text(decision.duration)
        api = self._connector.open(system)
        await api.update(self._names.table("request"), request.sys_id, self._spell(values))
        request.recorded = True

    def _spell(self, values: dict[str, str]) -> dict[str, str]:
        return {self._names.column("request", column): value for column, value in values.items()}
