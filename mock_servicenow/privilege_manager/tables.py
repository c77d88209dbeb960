"""The tables of the scoped app, and who may use them."""

from collections.abc import Mapping
from dataclasses import dataclass

from mock_servicenow.now_platform.dictionary.definitions import Acl, Column, Table
from privman_contracts.wire_names import WireNames

# The roles that the console's ServiceNow user needs (integration 1).
INTEGRATION_ROLES = ("web_service_admin", "approval_admin")
LONG_TEXT = 65_000
MASK = "********"


@dataclass(frozen=True, slots=True)
class WireTable:
    """A table by its spelling on the wire; subscripting gives the spelling of a column."""

    name: str
    columns: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.columns[column]


class AppTables:
    """The app's tables: configuration, activity type, request, response.

    Three are its own: Secrets, deliveries and deleted activity types.
    """

    def __init__(self, names: WireNames) -> None:
        self.admin_role = names.role("admin")
        self.approver_role = names.role("approver")
        self.pending = names.word("request_status", "pending")
        self.configuration = _wire_table(names, "integration_configuration")
        self.activity_type = _wire_table(names, "activity_type")
        self.request = _wire_table(names, "request")
        self.response = _wire_table(names, "response")
        # The app's own column, which an instance may need for one of the documented ones.
        taken = self.response.columns.values()
        self.response_request = next(name for name in ("request", "request_record") if name not in taken)
        # Off the wire: a Secret is kept apart, so that no way of reading the configuration can show it.
        self.secret = WireTable(
            f"{self.configuration.name}_secret", {"configuration": "configuration", "secret": "secret"}
        )
        self.delivery = WireTable(f"{self.response.name}_delivery", {})
        self.deleted_type = WireTable(f"{self.activity_type.name}_deleted", self.activity_type.columns)

    @property
    def askers(self) -> tuple[str, ...]:
        """The roles that may create requests."""
        return ("web_service_admin", self.admin_role)

    @property
    def hidden(self) -> frozenset[str]:
        """The tables that neither an API nor a page shows."""
        return frozenset({self.secret.name, self.delivery.name, self.deleted_type.name})

    def definitions(self) -> list[Table]:
        """Return the tables as an administrator would define them; columns and labels are integration 3."""
        return [
            self._configuration(),
            self._secret(),
            self._activity_type(),
            self._request(),
            self._response(),
            self._delivery(),
            self._deleted_type(),
        ]

    def _configuration(self) -> Table:
        table = self.configuration
        columns = (Column(table["instance_metadata"], "Instance metadata", "name_values", LONG_TEXT),)
        return Table(table.name, "Integration Configuration", columns=columns, acls=self._registry_acls())

    def _secret(self) -> Table:
        table = self.secret
        columns = (
            Column(table["configuration"], type="reference", reference=self.configuration.name, indexed=True),
            Column(table["secret"], max_length=LONG_TEXT),
        )
        return Table(table.name, "Integration secret", columns=columns, web_service_access=False)

    def _activity_type(self) -> Table:
        table = self.activity_type
        columns = (
            Column(table["name"], "Name", max_length=100, display=True),
            Column(table["description"], "Description", max_length=1000),
            Column(table["valid_responses"], "Valid Responses", max_length=255),
            Column(table["max_timeout"], "Max timeout", "glide_duration"),
            Column(table["include_comment"], "Include comment", "boolean", default="false"),
            Column(table["include_duration"], "Include duration", "boolean", default="false"),
            Column(table["instance_id"], "Instance Id", indexed=True),
        )
        return Table(table.name, "Activity type", columns=columns, acls=self._registry_acls())

    def _request(self) -> Table:
        table = self.request
        columns = (
            Column(table["request_id"], "Request Id", max_length=100, display=True, indexed=True),
            Column(table["status"], "Status", max_length=100, default=self.pending, indexed=True),
            Column(table["metadata"], "Metadata", max_length=LONG_TEXT),
            Column(table["instance_id"], "Instance Id", indexed=True),
            Column(table["activity_type_id"], "Activity Type Id"),
            Column(table["comment"], "Comment", max_length=4000),
            Column(table["duration"], "Duration", "glide_duration"),
        )
        deciders = (self.approver_role, self.admin_role, "approval_admin")
        acls = (
            Acl("create", self.askers),
            Acl("read", self._readers()),
            Acl("write", deciders),
            Acl("delete", (self.admin_role,)),
        )
        return Table(table.name, "Request", columns=columns, acls=acls)

    def _response(self) -> Table:
        table = self.response
        columns = (
            Column(table["request_id"], "Request Id", max_length=100, display=True, indexed=True),
            Column(table["response"], "Response", max_length=100),
            Column(table["response_status_code"], "Response status code", "integer"),
            Column(table["retry_attempts"], "Retry attempts", "integer", default="0"),
            Column(table["comment"], "Comment", max_length=4000),
            Column(table["duration"], "Duration", "glide_duration"),
            Column(self.response_request, "Request", "reference", reference=self.request.name, indexed=True),
        )
        acls = (
            Acl("create", (self.admin_role,)),
            Acl("read", self._readers()),
            Acl("write", (self.admin_role,)),
            Acl("delete", (self.admin_role,)),
        )
        return Table(table.name, "Response", columns=columns, acls=acls)

    def _delivery(self) -> Table:
        """Return the table of what `DeliveryQueue` knows of a response, under the response's sys_id."""
        columns = (
            Column("due", type="longint", indexed=True),
            Column("leased_until", type="longint"),
            Column("owner"),
            Column("attempts"),
            Column("error"),
        )
        return Table(self.delivery.name, "Delivery", columns=columns, web_service_access=False)

    def _deleted_type(self) -> Table:
        """Return the table of the activity types that were deleted while requests of theirs were pending."""
        columns = self._activity_type().columns
        return Table(self.deleted_type.name, "Deleted activity type", columns=columns, web_service_access=False)

    def _registry_acls(self) -> tuple[Acl, ...]:
        writers = ("web_service_admin", self.admin_role)
        changes = tuple(Acl(operation, writers) for operation in ("create", "write", "delete"))
        return (*changes, Acl("read", self._readers()))

    def _readers(self) -> tuple[str, ...]:
        return (self.admin_role, self.approver_role, *INTEGRATION_ROLES)


def _wire_table(names: WireNames, table: str) -> WireTable:
    return WireTable(names.table(table), names.group(f"columns.{table}"))
