"""Registers webhooks and their activity types with the ServiceNow App, then sends waiting requests."""

from contextlib import suppress
from functools import partial
from typing import Literal

from msgspec.structs import replace

from console_sim.accounts import Credential
from console_sim.api_users import CredentialShelf
from console_sim.background_tasks import BackgroundTasks
from console_sim.console_store import ConsoleStore
from console_sim.errors import NoSuchRecordError, RefusedError, ResetError, ServiceNowError, failure_of
from console_sim.foreign_system import ForeignSystem
from console_sim.foreign_systems import Connector, Webhooks
from console_sim.registration import ActivityType, differences, registered_client_id, registration_fields
from console_sim.remote_record import OwnRecordSearch, RemoteRecord, WantedRecord, update_record
from console_sim.request_sender import RequestSender
from console_sim.server_tasks import ServerTasks, WorkReport
from console_sim.servicenow_client import Fields, ServiceNowClient, table_url
from privman_contracts import WireNames
from privman_core.outbound import Purpose

_REGISTER_TASK = "Register webhook of {name!r} with ServiceNow App"
_RESUME_TASK = "Resume what the last process left undone"
_Part = Literal["registration", "activity_type"]


class Registrar:
    """Registers each foreign system's webhook and activity type with its ServiceNow App."""

    def __init__(  # noqa: PLR0913 - the parts of the console that it uses
        self,
        *,
        store: ConsoleStore,
        credentials: CredentialShelf,
        webhooks: Webhooks,
        names: WireNames,
        connector: Connector,
        server_tasks: ServerTasks,
        background: BackgroundTasks,
        sender: RequestSender,
        activity_type: ActivityType,
    ) -> None:
        self._systems = store.foreign_systems
        self._credentials = credentials
        self._webhooks = webhooks
        self._names = names
        self._connector = connector
        self._server_tasks = server_tasks
        self._background = background
        self._sender = sender
        self._activity_type = activity_type

    async def run(self, system_id: str) -> ServiceNowError | None:
        """Attempt now to update that ServiceNow and return why it failed; a transient failure is retried."""
        system = self._systems.get(system_id)
        if system is None:
            return None
        task_name = _REGISTER_TASK.format(name=system.name)
        return await self._server_tasks.run(task_name, partial(self._reconcile, system_id), key=system_id)

    async def save(self, system_id: str) -> ServiceNowError | None:
        """Do as `run`; if there is nothing to send, register anew what ServiceNow has lost: each save registers."""
        system = self._systems.get(system_id)
        if system is not None and self._is_up_to_date(system):
            await self._background.wait_briefly([self._background.start(self.forget_lost(system))])
        return await self.run(system_id)

    async def run_using(self, *credentials: str) -> None:
        """Attempt now to update every ServiceNow whose registration or requests use one of the credentials."""
        systems = [system for system in self._systems if not self._credentials_of(system).isdisjoint(credentials)]
        await self._background.run_all(partial(self.run, system.id) for system in systems)

    async def resume(self) -> None:
        """Attempt now to finish the work of the previous process, except for updates that ServiceNow has refused."""
        with suppress(ResetError):
            await self._server_tasks.run(_RESUME_TASK, self._resume_all)

    def has_registered(self, system: ForeignSystem) -> bool:
        """Return whether ServiceNow has acknowledged the current registration."""
        return system.registration.has_acknowledged(self._registration_fields(system))

    def has_activity_type(self, system: ForeignSystem) -> bool:
        """Return whether ServiceNow has acknowledged the current activity type."""
        return system.activity_type.has_acknowledged(self._activity_type_fields(system))

    async def read_back(self, system: ForeignSystem) -> list[str]:
        """Return the keys whose values on the Integration Configuration tab differ from those sent.

        Raises ServiceNowError; a registration that ServiceNow has lost is forgotten, so that the next save registers
        again.
        """
        table = self._table(system, "integration_configuration")
        try:
            record = await self._api(system).read(table, system.registration.sys_id)
        except NoSuchRecordError:
            self._systems.change(system.id, ForeignSystem.without_registration)
            raise
        column = self._names.column("integration_configuration", "instance_metadata")
        if not record.get(column):
            raise RefusedError(f"the record shows no {column!r}; the ServiceNow user may lack the right to read it")
        return differences(self._names, self._registration_fields(system), record[column])

    async def read_back_activity_type(self, system: ForeignSystem) -> list[str]:
        """Return the columns of the activity type whose values in ServiceNow differ from those sent, or are missing.

        Raises ServiceNowError; an activity type that ServiceNow has lost is forgotten, so that the next save registers
        it again.
        """
        table = self._table(system, "activity_type")
        try:
            record = await self._api(system).read(table, system.activity_type.sys_id)
        except NoSuchRecordError:
            self._systems.change(system.id, ForeignSystem.without_activity_type)
            raise
        return self._activity_type.differences(self._names, system.registration.sys_id, record)

    async def forget_lost(self, system: ForeignSystem) -> None:
        """Forget the records that ServiceNow has lost, so that they are registered again."""
        with suppress(ServiceNowError):  # the next attempt reports it
            if system.registration.sys_id:
                await self.read_back(system)
            if system.activity_type.sys_id:
                await self.read_back_activity_type(system)

    async def _resume_all(self) -> WorkReport:
        systems = list(self._systems)
        await self._background.run_all(partial(self._resume, system) for system in systems)
        return WorkReport(f"foreign systems looked at: {len(systems)}; each attempt is an entry of its own")

    async def _resume(self, system: ForeignSystem) -> None:
        if not system.use_webhook:
            await self._sender.send_waiting(system, refused=False)
            return
        if system.refused or not self._has_enabled_webhook(system):
            return
        if self.has_registered(system) and self.has_activity_type(system):
            await self._sender.send_waiting(system, refused=False)
        else:
            await self.run(system.id)

    def _credentials_of(self, system: ForeignSystem) -> set[str]:
        webhook = self._webhooks.of(system)
        return {system.credential, system.api_credential, "" if webhook is None else webhook.credential}

    def _is_up_to_date(self, system: ForeignSystem) -> bool:
        """Return whether ServiceNow has acknowledged all that a webhook in use needs."""
        if not system.use_webhook or not self._has_enabled_webhook(system):
            return False
        return self.has_registered(system) and self.has_activity_type(system)

    def _has_enabled_webhook(self, system: ForeignSystem) -> bool:
        webhook = self._webhooks.of(system)
        return webhook is not None and webhook.enabled

    async def _reconcile(self, system_id: str) -> WorkReport:
        system = self._systems.entries[system_id]  # a reset, which removes it, ends this work
        if not system.use_webhook:
            await self._sender.send_waiting(system)
            return WorkReport("nothing was registered, because Use Webhook is not ticked", "nothing to do")
        if not self._has_enabled_webhook(system):
            return WorkReport("nothing was registered, because the webhook is disabled", "nothing to do")
        report = await self._register_both(system)
        await self._sender.send_waiting(system)
        return report

    async def _register_both(self, system: ForeignSystem) -> WorkReport:
        """Register the webhook and the activity type, unless ServiceNow has acknowledged both."""
        try:
            registered = await self._register(system)
            activity_type_registered = await self._register_activity_type(system.id)
        except Exception as error:
            self._save_outcome(system.id, failure_of(error))
            raise
        self._save_outcome(system.id, None)
        changed = [
            *(["the webhook's registration"] if registered else []),
            *(["the activity type"] if activity_type_registered else []),
        ]
        if not changed:
            return WorkReport(
                "nothing was sent, because ServiceNow has acknowledged both records before", "nothing to do"
            )
        return WorkReport(f"ServiceNow acknowledged {' and '.join(changed)}")

    def _save_outcome(self, system_id: str, failure: ServiceNowError | None) -> None:
        reason = "" if failure is None else str(failure)
        refused = isinstance(failure, RefusedError)
        self._systems.change(system_id, lambda current: replace(current, last_error=reason, refused=refused))

    async def _register(self, system: ForeignSystem) -> bool:
        """Return whether ServiceNow was updated."""
        column = self._names.column("integration_configuration", "instance_metadata")
        client_id = self._api_credential(system).account_name
        others = {each.registration.sys_id for each in self._systems if each.id != system.id}
        wanted = WantedRecord(
            self._table(system, "integration_configuration"),
            self._registration_fields(system),
            OwnRecordSearch(
                f"{column}LIKE{client_id}",
                (column,),
                lambda record: (
                    record.get("sys_id") not in others
                    and registered_client_id(self._names, record.get(column)) == client_id
                ),
            ),
        )
        return await self._reconcile_part(system, "registration", wanted)

    async def _register_activity_type(self, system_id: str) -> bool:
        """Return whether ServiceNow was updated."""
        system = self._systems.get(system_id)
        if system is None or not self.has_registered(system):
            return False  # the console points to another instance now
        name = self._names.column("activity_type", "name")
        instance_id = self._names.column("activity_type", "instance_id")
        mine = (system.registration.sys_id, self._activity_type.name)
        wanted = WantedRecord(
            self._table(system, "activity_type"),
            self._activity_type_fields(system),
            OwnRecordSearch(
                f"{instance_id}={system.registration.sys_id}^{name}={self._activity_type.name}",
                (instance_id, name),
                lambda record: (record.get(instance_id), record.get(name)) == mine,
            ),
        )
        return await self._reconcile_part(system, "activity_type", wanted)

    async def _reconcile_part(self, system: ForeignSystem, part: _Part, wanted: WantedRecord) -> bool:
        record = system.registration if part == "registration" else system.activity_type
        api, save = self._api(system), partial(self._save_record, system, part)
        try:
            return await update_record(api, record, wanted, save)
        except NoSuchRecordError:
            if not record.sys_id:
                raise
            return await update_record(api, RemoteRecord(may_exist=True), wanted, save)

    def _api(self, system: ForeignSystem) -> ServiceNowClient:
        return self._connector.open(system.credential, Purpose(registers=(system.id,)))

    def _save_record(self, system: ForeignSystem, part: _Part, record: RemoteRecord) -> None:
        def with_record(current: ForeignSystem) -> ForeignSystem:
            if current.address != system.address:
                return current  # the console points to another instance now
            if part == "registration":
                return replace(current, registration=record)
            return replace(current, activity_type=record)

        self._systems.change(system.id, with_record)

    def _table(self, system: ForeignSystem, table: str) -> str:
        return table_url(system.address, self._names.table(table))

    def _registration_fields(self, system: ForeignSystem) -> Fields:
        return registration_fields(self._names, self._api_credential(system), system.post_uri)

    def _api_credential(self, system: ForeignSystem) -> Credential:
        return self._credentials.get(system.api_credential)

    def _activity_type_fields(self, system: ForeignSystem) -> Fields:
        return self._activity_type.fields(self._names, system.registration.sys_id)
