"""The server task behind a saved foreign system: registration, activity type, then the requests that wait."""

from console_sim.activity_type import ActivityType
from console_sim.foreign_system import ForeignSystem
from console_sim.servicenow.connector import Connector
from console_sim.servicenow.failures import NoSuchRecordError, RefusedError, ServiceNowError
from console_sim.servicenow.registration import differences, registered_client_id, registration_fields
from console_sim.servicenow.remote_record import Own
from console_sim.servicenow.request_sender import RequestSender
from console_sim.servicenow.server_tasks import ServerTasks
from console_sim.servicenow.table_api import Fields
from console_sim.store import Store
from privman_contracts import WireNames

_ABOUT = "Register webhook with ServiceNow App"


class Registrar:
    """Registers the webhook and its activity type with the ServiceNow App (integration 2.8 to 2.10)."""

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        store: Store,
        names: WireNames,
        connector: Connector,
        server_tasks: ServerTasks,
        sender: RequestSender,
        activity_type: ActivityType,
    ) -> None:
        self._store = store
        self._names = names
        self._connector = connector
        self._server_tasks = server_tasks
        self._sender = sender
        self._activity_type = activity_type

    async def run(self) -> ServiceNowError | None:
        """Attempt now to bring ServiceNow in line and return why it failed; a passing failure is retried."""
        return await self._server_tasks.run(_ABOUT, self._bring_in_line)

    def has_registered(self, system: ForeignSystem) -> bool:
        """Tell whether ServiceNow has acknowledged the registration as it is now."""
        return system.registration.holds(self._registration_fields(system))

    def has_activity_type(self, system: ForeignSystem) -> bool:
        """Tell whether ServiceNow has acknowledged the activity type as it is now."""
        return system.activity_type.holds(self._activity_type_fields(system))

    async def read_back(self, system: ForeignSystem) -> list[str]:
        """Return the keys that the Integration Configuration tab shows otherwise than they were sent.

        Raises ServiceNowError; a registration that ServiceNow has no more is forgotten, so that the next save
        registers anew.
        """
        table = self._names.table("integration_configuration")
        try:
            record = await self._connector.open(system).read(table, system.registration.sys_id)
        except NoSuchRecordError:
            system.forget_registration()
            raise
        column = self._names.column("integration_configuration", "instance_metadata")
        if not record.get(column):
            raise RefusedError(f"the record shows no {column!r}; the ServiceNow user may lack the right to read it")
        return differences(self._names, system.registration.fields, record[column])

    async def _bring_in_line(self) -> None:
        system = self._store.foreign_system
        if system is None or not system.listens:
            return
        try:
            await self._register(system)
            await self._register_activity_type(system)
        except ServiceNowError as error:
            system.last_error = str(error)
            raise
        system.last_error = ""
        await self._sender.send_waiting()

    async def _register(self, system: ForeignSystem) -> None:
        column = self._names.column("integration_configuration", "instance_metadata")
        client_id = self._store.credentials[system.api_credential].account_name
        await system.registration.bring_in_line(
            self._connector.open(system),
            self._names.table("integration_configuration"),
            self._registration_fields(system),
            Own(
                f"{column}LIKE{client_id}",
                (column,),
                lambda record: registered_client_id(self._names, record.get(column)) == client_id,
            ),
        )

    async def _register_activity_type(self, system: ForeignSystem) -> None:
        name = self._names.column("activity_type", "name")
        instance_id = self._names.column("activity_type", "instance_id")
        mine = (system.registration.sys_id, self._activity_type.name)
        await system.activity_type.bring_in_line(
            self._connector.open(system),
            self._names.table("activity_type"),
            self._activity_type_fields(system),
            Own(
                f"{instance_id}={system.registration.sys_id}^{name}={self._activity_type.name}",
                (instance_id, name),
                lambda record: (record.get(instance_id), record.get(name)) == mine,
            ),
        )

    def _registration_fields(self, system: ForeignSystem) -> Fields:
        credential = self._store.credentials[system.api_credential]
        return registration_fields(self._names, credential, system.post_uri)

    def _activity_type_fields(self, system: ForeignSystem) -> Fields:
        return self._activity_type.fields(self._names, system.registration.sys_id)
