"""Sends approval requests, and decisions made in the console, to ServiceNow."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from console_sim.approval_decision import ApprovalDecision
from console_sim.approval_duration import duration_text, stored_duration
from console_sim.approval_request import ApprovalRequest
from console_sim.background_tasks import BackgroundTasks
from console_sim.console_store import ConsoleStore
from console_sim.error_texts import brief
from console_sim.errors import NotReadyError, RefusedError, ServiceNowError, failure_of
from console_sim.foreign_system import ForeignSystem
from console_sim.foreign_systems import Connector, Webhooks
from console_sim.server_tasks import ServerTasks
from console_sim.servicenow_client import ServiceNowClient
from privman_contracts import WireNames
from privman_core.clock import Clock


@dataclass(frozen=True, slots=True)
class _Target:
    """The Requests table of a ServiceNow, and the ids that a new record needs."""

    table: str
    api: ServiceNowClient
    instance_id: str
    activity_type_id: str


class RequestSender:
    """Writes approval requests and the console's decisions into the Requests table; each request is a server task."""

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        store: ConsoleStore,
        webhooks: Webhooks,
        names: WireNames,
        clock: Clock,
        connector: Connector,
        server_tasks: ServerTasks,
        background: BackgroundTasks,
    ) -> None:
        self._systems = store.foreign_systems
        self._webhooks = webhooks
        self._requests = store.approval_requests
        self._column = names.group("columns.request")
        self._word = names.group("words.response")
        self._clock = clock
        self._connector = connector
        self._server_tasks = server_tasks
        self._background = background

    async def send(self, request_id: str) -> None:
        """Send the request, or its decision, if ServiceNow does not have it yet; a transient failure is retried."""
        await self._server_tasks.run(f"Send approval request {request_id}", partial(self._send_if_needed, request_id))

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

    async def _send_waiting(self, server_id: str, *, refused: bool) -> None:
        for request_id in self._waiting(server_id, refused=refused):
            await self.send(request_id)

    def _waiting(self, server_id: str, *, refused: bool) -> list[str]:
        now = self._clock.now()
        return [
            each.request_id
            for each in self._requests.unfinished()
            if each.server_id == server_id and each.needs_sending(now) and (refused or not each.refused)
        ]

    async def _send_if_needed(self, request_id: str) -> None:
        request = self._requests.get(request_id)
        if request is None or not request.needs_sending(self._clock.now()):
            return
        try:
            await self._write(request)
        except Exception as error:
            self._note(request, failure_of(error))
            if self._no_longer_needed(request_id):
                return
            raise

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

    async def _write(self, request: ApprovalRequest) -> None:
        target = self._target(request)
        if request.sys_id and request.sent_to != target.table:
            raise RefusedError(
                f"not recorded: it was sent to {request.sent_to}; now the webhook has another Endpoint URL"
            )
        sys_id = request.sys_id or await self._insert(target, request)
        current = self._requests.get(request.request_id)
        decision = None if current is None else current.unrecorded_decision
        if decision is not None:
            await self._record(target, request.request_id, sys_id, decision)

    def _target(self, request: ApprovalRequest) -> _Target:
        """Return where the request is sent; raises NotReadyError."""
        system = self._systems.get(request.server_id)
        if system is None:
            raise NotReadyError("not sent: its foreign system does not exist any more")
        webhook = self._webhooks.of(system)
        if webhook is None or not webhook.enabled:
            raise NotReadyError("not sent: no webhook is enabled")
        if webhook.posts_messages:
            raise NotReadyError(f"not sent: the event of its webhook is {webhook.event}, not Approval Request Event")
        if not system.activity_type.sys_id:
            raise NotReadyError("not sent: its activity type is not registered yet")
        api = self._connector.open(webhook.credential)
        return _Target(webhook.endpoint_url, api, system.registration.sys_id, system.activity_type.sys_id)

    async def _insert(self, target: _Target, request: ApprovalRequest) -> str:
        values = {
            "request_id": request.request_id,
            "instance_id": target.instance_id,
            "activity_type_id": target.activity_type_id,
            "metadata": request.metadata,
        }
        # Stored before the call, because the decision may arrive before its answer.
        self._requests.change(
            request.request_id,
            lambda current: replace(current, instance_id=target.instance_id, attempts=current.attempts + 1),
        )
        sys_id = await target.api.create(target.table, self._spell(values))
        self._requests.change(request.request_id, lambda current: current.acknowledged(sys_id, target.table))
        return sys_id

    async def _record(self, target: _Target, request_id: str, sys_id: str, decision: ApprovalDecision) -> None:
        values = {"status": self._word[decision.response], "comment": decision.comment}
        if decision.duration is not None:
            values["duration"] = duration_text(decision.duration)
        if not self._says(await self._own_record(target, sys_id, request_id), values):
            await target.api.update(target.table, sys_id, self._spell(values))
        self._requests.change(request_id, lambda current: replace(current, recorded=True, last_error="", refused=False))

    async def _own_record(self, target: _Target, sys_id: str, request_id: str) -> Mapping[str, str]:
        """Return the request's record; empty if the ServiceNow user may not read it, because they may still change it.

        Raises RefusedError if it is another request: the answer to the insert may have named a wrong one.
        """
        column = self._column["request_id"]
        record: Mapping[str, str] = {}
        with suppress(RefusedError):
            record = await target.api.read(target.table, sys_id)
        found = record.get(column, "")
        if found.lower() not in ("", request_id.lower()):
            raise RefusedError(f"not recorded: the record {sys_id} is another request, its {column} is {brief(found)}")
        return record

    def _says(self, record: Mapping[str, str], values: Mapping[str, str]) -> bool:
        """Return whether the record has the decision already: then the answer to an earlier update was lost."""
        status, comment, duration = (record.get(self._column[each], "") for each in ("status", "comment", "duration"))
        same_duration = stored_duration(duration) == stored_duration(values.get("duration", ""))
        return (status, comment, same_duration) == (values["status"], values["comment"], True)

    def _spell(self, values: dict[str, str]) -> dict[str, str]:
        return {self._column[column]: value for column, value in values.items()}
