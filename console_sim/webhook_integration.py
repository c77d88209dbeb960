"""The webhook integration: requests, and decisions made in the console, are written into the Requests table."""

from collections.abc import Mapping
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from console_sim.approval_decision import ApprovalDecision
from console_sim.approval_duration import duration_text, stored_duration
from console_sim.approval_request import ApprovalRequest, IntegrationKind
from console_sim.console_store import ConsoleStore
from console_sim.error_texts import brief
from console_sim.errors import NotReadyError, RefusedError
from console_sim.foreign_system import ForeignSystem
from console_sim.foreign_systems import Connector, Webhooks
from console_sim.servicenow_client import ServiceNowClient
from privman_contracts import WireNames
from privman_core.outbound import Purpose


class _Target(Struct, frozen=True):
    """The Requests table of a ServiceNow, and the ids that a new record needs."""

    table: str
    api: ServiceNowClient
    instance_id: str
    activity_type_id: str


class WebhookIntegration:
    """Writes requests into the Requests table; ServiceNow delivers their decisions."""

    def __init__(self, store: ConsoleStore, webhooks: Webhooks, names: WireNames, connector: Connector) -> None:
        self._webhooks = webhooks
        self._requests = store.approval_requests
        self._column = names.group("columns.request")
        self._word = names.group("words.response")
        self._connector = connector

    async def send(self, system: ForeignSystem, request: ApprovalRequest) -> None:
        """Insert the request; raises ServiceNowError."""
        await self._insert(self._target(system, request), request)

    async def record(self, system: ForeignSystem, request: ApprovalRequest, decision: ApprovalDecision) -> None:
        """Write a decision of the console into the request's record; raises ServiceNowError."""
        target = self._target(system, request)
        if request.sent_to != target.table:
            raise RefusedError(
                f"not recorded: it was sent to {request.sent_to}; now the webhook has another Endpoint URL"
            )
        await self._record(target, request.request_id, request.sys_id, decision)

    def _target(self, system: ForeignSystem, request: ApprovalRequest) -> _Target:
        """Return where requests are sent; raises NotReadyError."""
        webhook = self._webhooks.of(system)
        if webhook is None or not webhook.enabled:
            raise NotReadyError("not sent: no webhook is enabled")
        if webhook.posts_messages:
            raise NotReadyError(f"not sent: the event of its webhook is {webhook.event}, not Approval Request Event")
        if not system.activity_type.sys_id:
            raise NotReadyError("not sent: its activity type is not registered yet")
        api = self._connector.open(webhook.credential, Purpose((request.request_id,)))
        return _Target(webhook.endpoint_url, api, system.registration.sys_id, system.activity_type.sys_id)

    async def _insert(self, target: _Target, request: ApprovalRequest) -> None:
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
        self._requests.change(
            request.request_id,
            lambda current: current.acknowledged(sys_id, target.table, IntegrationKind.WEBHOOK),
        )

    async def _record(self, target: _Target, request_id: str, sys_id: str, decision: ApprovalDecision) -> None:
        values = {"status": self._word[decision.response], "comment": decision.comment}
        if decision.duration is not None:
            values["duration"] = duration_text(decision.duration)
        record = await self._own_record(target, sys_id, request_id)
        if not self._says(record, values):
            await self._update(target, sys_id, values, record.get(self._column["status"], ""))
        self._requests.change(request_id, lambda current: replace(current, recorded=True, last_error="", refused=False))

    async def _update(self, target: _Target, sys_id: str, values: dict[str, str], status: str) -> None:
        """Record a decision; a refusal also says which status ServiceNow has, which may be why."""
        try:
            await target.api.update(target.table, sys_id, self._spell(values))
        except RefusedError as error:
            if not status:
                raise
            raise RefusedError(f"{error}; its status in ServiceNow is {brief(status)}") from error

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
