"""The scoped app "Thycotic Privilege Manager", installed on an instance."""

from collections.abc import Iterator

from mock_servicenow.now_platform.dictionary.dictionary_rows import seed_id
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.kernel import Subject
from mock_servicenow.privilege_manager.approval_requests import ActivityTypes, RequestRules
from mock_servicenow.privilege_manager.approval_services import ApprovalServices
from mock_servicenow.privilege_manager.console_client import ConsoleClient
from mock_servicenow.privilege_manager.deliverer import Deliverer
from mock_servicenow.privilege_manager.delivery_queue import DeliveryQueue
from mock_servicenow.privilege_manager.outbox import Outbox
from mock_servicenow.privilege_manager.registrations import Registrations
from mock_servicenow.privilege_manager.tables import INTEGRATION_ROLES, AppTables, RequestRow, ResponseRow
from mock_servicenow.privilege_manager.timeouts import Note, Timeouts
from mock_servicenow.privilege_manager.wire_formats import GUID, SYS_ID
from privman_contracts.wire_names import WireNames
from privman_core.masking import Secrets
from privman_core.outbound import HttpCaller

ADMIN, APPROVER, INTEGRATION = "privman.admin", "privman.approver", "privman.integration"
USER_IDS = [seed_id("sys_user", name) for name in (ADMIN, APPROVER, INTEGRATION)]


def first_rows(tables: AppTables, password: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the app's roles and its three users, by table; references name their targets."""
    roles = {ADMIN: [tables.admin_role], APPROVER: [tables.approver_role], INTEGRATION: INTEGRATION_ROLES}
    for user, granted in roles.items():
        name = user.replace(".", " ").title()
        yield "sys_user", {"user_name": user, "name": name, "user_password": password}
        for role in granted:
            yield "sys_user_role", {"name": role}
            yield "sys_user_has_role", {"user": user, "role": role}


def subjects(tables: AppTables) -> dict[str, Subject]:
    """Return how the app's records name the request, or the registration, that exchanges belong to."""
    registration = Subject("sys_id", "registers", SYS_ID)
    return {
        tables.request.name: Subject(tables.request[RequestRow.request_id], "about", GUID),
        tables.response.name: Subject(tables.response[ResponseRow.request_id], "about", GUID),
        tables.configuration.name: registration,
        tables.activity_type.name: registration,
    }


class PrivilegeManagerApp:
    """The app's business rules and its background work: deliveries and time-outs.

    Its tables (`AppTables`) must be in the instance's dictionary.

    Attributes:
        soap: the scripted services of the older integration.
        registrations: of the consoles.

    Args:
        note: receives findings of the background work.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what the app needs
        self, instance: Instance, tables: AppTables, names: WireNames, caller: HttpCaller, secrets: Secrets, note: Note
    ) -> None:
        self.tables = tables
        instance.subjects.update(subjects(tables))
        self.soap = ApprovalServices(names)
        self._instance = instance
        self.registrations = registrations = Registrations(tables, names, secrets)
        self.activity_types = activity_types = ActivityTypes(tables, names, registrations)
        request_rules = RequestRules(tables, names, registrations, activity_types)
        queue = DeliveryQueue(tables)
        outbox = Outbox(tables, names, registrations, activity_types, request_rules, queue)
        self.deliverer = Deliverer(instance, outbox, queue, ConsoleClient(caller, names, secrets), note)
        self.timeouts = Timeouts(instance, tables, names, activity_types, note)
        for rules in (
            registrations.rules(),
            activity_types.rules(),
            request_rules.rules(),
            outbox.rules(self.deliverer.wake),
            self.timeouts.rules(),
        ):
            for rule in rules:
                instance.add_rule(rule)

    async def start(self) -> None:
        """Start the background work, in the loop that serves.

        Raises DatabaseUnavailable; the work starts all the same, as soon as the database answers.
        """
        try:
            await self._instance.run(self._remember)
        finally:
            await self.deliverer.start()
            await self.timeouts.start()

    def _remember(self) -> None:
        with self._instance.transaction(self._instance.system) as session:
            self.registrations.remember(session)

    def stop(self) -> None:
        """Stop the background work."""
        self.deliverer.stop()
        self.timeouts.stop()
