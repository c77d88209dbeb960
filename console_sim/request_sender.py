"""Sends approval requests, and decisions made in the console, to ServiceNow."""

from contextlib import suppress
from dataclasses import replace
from functools import partial

from console_sim.approval_decision import ApprovalDecision, duration_text
from console_sim.approval_request import ApprovalRequest
from console_sim.background_tasks import BackgroundTasks
from console_sim.console_store import ConsoleStore
from console_sim.errors import NotReadyError, RefusedError, ServiceNowError, failure_of
from console_sim.foreign_system import ForeignSystem
from console_sim.foreign_systems import Connector, Webhooks
from console_sim.json_object import shown
from console_sim.server_tasks import ServerTasks
from console_sim.servicenow_client import ServiceNowClient
from console_sim.webhook import Webhook
from privman_contracts import WireNames
from privman_core.clock import Clock


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
        """Attempt to send what ServiceNow lacks of the request; a transient failure is retried."""
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
            if self._has_come_back(request_id):
                return
            raise

    def _note(self, request: ApprovalRequest, failure: ServiceNowError) -> None:
        refused = isinstance(failure, RefusedError)
        self._requests.change(
            request.request_id, lambda now: now.failed(str(failure), refused=refused) if now.is_unfinished else now
        )

    def _has_come_back(self, request_id: str) -> bool:
        """Return whether its decision has arrived meanwhile: then ServiceNow has the request, whatever it answered."""
        request = self._requests.get(request_id)
        return request is None or not request.is_unfinished

    async def _write(self, request: ApprovalRequest) -> None:
        system, webhook = self._ready(request)
        if request.sys_id and request.sent_to != webhook.endpoint_url:
            raise RefusedError(
                f"not recorded: it was sent to {request.sent_to}; now the webhook has another Endpoint URL"
            )
        sys_id = request.sys_id or await self._insert(system, webhook, request)
        now = self._requests.get(request.request_id)
        if now is not None and now.decided_here and now.decision is not None:
            await self._record(webhook, now, sys_id, now.decision)

    def _ready(self, request: ApprovalRequest) -> tuple[ForeignSystem, Webhook]:
        """Return the foreign system and the webhook that get the request; raises NotReadyError."""
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
        return system, webhook

    async def _insert(self, system: ForeignSystem, webhook: Webhook, request: ApprovalRequest) -> str:
        values = {
            "request_id": request.request_id,
            "instance_id": system.registration.sys_id,
            "activity_type_id": system.activity_type.sys_id,
            "metadata": request.metadata,
        }
        # Stored before the call, because the decision may arrive before its answer.
        self._requests.change(
            request.request_id, lambda now: replace(now, instance_id=values["instance_id"], attempts=now.attempts + 1)
        )
        api = self._connector.open(webhook.credential)
        sys_id = await api.create(webhook.endpoint_url, self._spell(values))
        self._requests.change(request.request_id, lambda now: now.acknowledged(sys_id, webhook.endpoint_url))
        return sys_id

    async def _record(
        self, webhook: Webhook, request: ApprovalRequest, sys_id: str, decision: ApprovalDecision
    ) -> None:
        values = {"status": self._word[decision.response], "comment": decision.comment}
        if decision.duration is not None:
            values["duration"] = duration_text(decision.duration)
        api = self._connector.open(webhook.credential)
        await self._require_own(api, webhook.endpoint_url, sys_id, request.request_id)
        await api.update(webhook.endpoint_url, sys_id, self._spell(values))
        self._requests.change(request.request_id, lambda now: replace(now, recorded=True, last_error="", refused=False))

    async def _require_own(self, api: ServiceNowClient, table: str, sys_id: str, request_id: str) -> None:
        """Raise RefusedError if the record is another request: the answer to the insert may have named a wrong one.

        A record that the ServiceNow user may not read passes, because they may still change it.
        """
        column, found = self._column["request_id"], ""
        with suppress(RefusedError):
            found = (await api.read(table, sys_id)).get(column, "")
        if found.lower() not in ("", request_id.lower()):
            raise RefusedError(f"not recorded: the record {sys_id} is another request, its {column} is {shown(found)}")

    def _spell(self, values: dict[str, str]) -> dict[str, str]:
        return {self._column[column]: value for column, value in values.items()}
