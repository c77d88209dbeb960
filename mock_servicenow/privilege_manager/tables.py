"""The tables of the scoped app: their columns, who may use them, and their rows as objects.

A class of rows declares the columns of its table, each once with label and type, as attributes that mypy checks
wherever a row is read. `WireNames` knows how tables and columns are spelled on the wire.
"""

from collections.abc import Iterable, Mapping
from typing import Generic, Self, TypeVar, overload

from msgspec import Struct
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.definitions import Acl, Column, Table
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import RuleContext, Session
from privman_contracts.wire_names import WireNames

# The roles that the console's ServiceNow user needs.
INTEGRATION_ROLES = ("web_service_admin", "approval_admin")
LONG_TEXT = 65_000
_CHIEF_METADATA = ("PolicyName", "InitiatorUserName", "FilePath", "UserReason", "UserName", "AgentName")
MASK = "********"


class Row:
    """A row of an app table: each column is an attribute that holds text, empty for an empty column.

    Attributes:
        created_on: when the row was made, in stored form.
        created_by: the user who made it.

    Args:
        values: by the spelling of the columns.
        spelling: of the columns, by the names of the attributes.
    """

    def __init__(self, values: Mapping[str, str], spelling: Mapping[str, str]) -> None:
        self.sys_id = values["sys_id"]
        self.created_on = values.get("sys_created_on", "")
        self.created_by = values.get("sys_created_by", "")
        for name, column in spelling.items():
            self.__dict__[name] = values.get(column, "")


class AppColumn:
    """A column: its text on a row, the column itself on the class of rows.

    Attributes:
        name: of the attribute.

    Args:
        label: the column's label on pages.
        type: as in `Column`.
        max_length: characters.
        reference: canonical name of the table that a reference points to.
        default: what a new row has.
        default_word: the same as a word of the wire, by group and canonical name.
        mandatory: as in `Column`; the printed forms have a star there.
        display: as in `Column`.
        indexed: as in `Column`.
    """

    def __init__(  # noqa: PLR0913 - as many as a column has
        self,
        label: str,
        type: str = "string",  # noqa: A002 - the platform's word
        max_length: int = 40,
        *,
        reference: str = "",
        default: str | None = None,
        default_word: tuple[str, str] | None = None,
        mandatory: bool = False,
        display: bool = False,
        indexed: bool = False,
    ) -> None:
        self.name = ""
        self._reference = reference
        self._default_word = default_word
        self._column = Column(
            "", label, type, max_length, default=default, mandatory=mandatory, display=display, indexed=indexed
        )

    def __set_name__(self, owner: type[Row], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, row: None, owner: type[Row]) -> Self: ...

    @overload
    def __get__(self, row: Row, owner: type[Row]) -> str: ...

    def __get__(self, row: Row | None, owner: type[Row]) -> Self | str:
        return self  # a row's own attribute hides this

    def column(self, spelling: str, names: WireNames) -> Column:
        """Return the column's definition."""
        return replace(
            self._column,
            name=spelling,
            reference=names.table(self._reference) if self._reference else None,
            default=names.word(*self._default_word) if self._default_word else self._column.default,
        )


class ConfigurationRow(Row):
    """A registration; its sys_id is the Instance Id."""

    instance_metadata = AppColumn("Instance metadata", "name_values", LONG_TEXT, mandatory=True)


class SecretRow(Row):
    """The Secret of a registration, kept apart, so that no way of reading the configuration can show it."""

    configuration = AppColumn("Configuration", "reference", reference="integration_configuration", indexed=True)
    secret = AppColumn("Secret", max_length=LONG_TEXT)


class ActivityTypeRow(Row):
    """A kind of request that a console has declared, and how it may be answered."""

    name = AppColumn("Name", max_length=100, mandatory=True, display=True)
    description = AppColumn("Description", max_length=1000, mandatory=True)
    valid_responses = AppColumn("Valid Responses", max_length=255, mandatory=True)
    max_timeout = AppColumn("Max timeout", "glide_duration", mandatory=True)
    include_comment = AppColumn("Include comment", "boolean", default="false")
    include_duration = AppColumn("Include duration", "boolean", default="false")
    instance_id = AppColumn("Instance Id", indexed=True)


class DeletedTypeRow(ActivityTypeRow):
    """The terms of an activity type that was deleted while requests of its were pending, under its sys_id."""


class RequestRow(Row):
    """An approval request."""

    request_id = AppColumn("Request Id", max_length=100, display=True, indexed=True)
    status = AppColumn("Status", max_length=100, default_word=("request_status", "pending"), indexed=True)
    metadata = AppColumn("Metadata", max_length=LONG_TEXT)
    instance_id = AppColumn("Instance Id", indexed=True)
    activity_type_id = AppColumn("Activity Type Id")
    comment = AppColumn("Comment", max_length=4000)
    duration = AppColumn("Duration", "glide_duration")


class ResponseRow(Row):
    """A decision on its way to the console, and the status of the last attempt to deliver it.

    No column is displayed for it: the printed form's title has the time of creation.
    """

    request_id = AppColumn("Request Id", max_length=100, indexed=True)
    response = AppColumn("Response", max_length=100)
    response_status_code = AppColumn("Response status code", "integer")
    retry_attempts = AppColumn("Retry attempts", "integer", default="0")
    comment = AppColumn("Comment", max_length=4000)
    duration = AppColumn("Duration", "glide_duration")
    request = AppColumn("Request", "reference", reference="request", indexed=True)


class DeliveryRow(Row):
    """What the queue of deliveries knows of a response, under the response's sys_id."""

    due = AppColumn("Due", "longint", indexed=True)
    leased_until = AppColumn("Leased until", "longint")
    owner = AppColumn("Owner")
    attempts = AppColumn("Attempts")
    error = AppColumn("Error")


R = TypeVar("R", bound=Row)
Changes = Mapping[AppColumn, str]


class AppTable(Struct, Generic[R], frozen=True):
    """A table of the app; subscripting it gives a column's spelling.

    Attributes:
        name: as spelled.
        rows: the class of its rows.
        spelling: of its columns, by their attributes.
        acls: who may do what; None for a table that no API and no page shows.
    """

    name: str
    label: str
    rows: type[R]
    spelling: Mapping[str, str]
    acls: tuple[Acl, ...] | None

    def __getitem__(self, field: AppColumn) -> str:
        return self.spelling[field.name]

    def definition(self, names: WireNames) -> Table:
        """Return the table as an administrator would define it."""
        columns = tuple(each.column(self[each], names) for each in fields_of(self.rows))
        is_open, acls = self.acls is not None, self.acls or ()
        return Table(self.name, self.label, columns=columns, acls=acls, web_service_access=is_open, listed=is_open)

    def row(self, record: Record) -> R:
        """Return a record of this table as a row."""
        return self.rows(record.values, self.spelling)

    def get(self, session: Session, sys_id: str) -> R | None:
        """Return the row with that sys_id, whatever the user may read."""
        values = session.work.get(self.name, sys_id) if sys_id else None
        return None if values is None else self.rows(values, self.spelling)

    def find(self, session: Session, values: Changes) -> R | None:
        """Return a row that has these values."""
        found = session.find(self.name, **self.spelled(values))
        return None if found is None else self.row(found)

    def all(self, session: Session) -> list[R]:
        """Return every row."""
        return list(map(self.row, session.find_all(self.name)))

    def insert(self, session: Session, values: Changes) -> R:
        """Insert a row and return it."""
        return self.row(session.insert(self.name, self.spelled(values)))

    def update(self, session: Session, sys_id: str, values: Changes) -> R:
        """Change a row and return it."""
        return self.row(session.update(self.name, sys_id, self.spelled(values)))

    def current(self, context: RuleContext) -> R:
        """Return the row as a write would leave it now."""
        return self.rows(context.current, self.spelling)

    def previous(self, context: RuleContext) -> R | None:
        """Return the row as it was before a write; None on insert."""
        return None if context.previous is None else self.row(context.previous)

    def set(self, context: RuleContext, field: AppColumn, value: str) -> None:
        """Change what a write would leave."""
        context.current[self[field]] = value

    def changed(self, context: RuleContext, field: AppColumn) -> bool:
        """Tell whether a write gives the column another value; on insert, whether it gives it any."""
        return context.changed(self.spelling[field.name])

    def spelled(self, values: Changes) -> dict[str, str]:
        """Return the values by the spelling of their columns."""
        return {self.spelling[field.name]: value for field, value in values.items()}


class AppTables:
    """The app's tables: those of `inferred.yaml`, and its own, which neither an API nor a page shows."""

    def __init__(self, names: WireNames) -> None:
        self._names = names
        self._tables: list[AppTable[Row]] = []
        self.admin_role, self.approver_role = admin, approver = names.role("admin"), names.role("approver")
        self.pending = names.word("request_status", "pending")
        self.chief_metadata = tuple(names.key("metadata", each) for each in _CHIEF_METADATA)
        """The keys of a request's metadata that say who wants what and why."""
        self.askers = ("web_service_admin", admin)
        """The roles that may create requests."""
        read = Acl("read", (admin, approver, *INTEGRATION_ROLES))
        registry = (*(Acl(operation, self.askers) for operation in ("create", "write", "delete")), read)
        request = (
            Acl("create", self.askers),
            read,
            Acl("write", (approver, admin, "approval_admin")),
            Acl("delete", (admin,)),
        )
        response = (Acl("create", (admin,)), read, Acl("write", (admin,)), Acl("delete", (admin,)))
        self.configuration = self._wire(
            "integration_configuration", "Integration Configuration", ConfigurationRow, registry
        )
        self.activity_type = self._wire("activity_type", "Activity Details", ActivityTypeRow, registry)
        self.request = self._wire("request", "Request", RequestRow, request)
        # The app's own column gives way to a documented one of that name.
        taken = names.group("columns.response").values()
        own = {"request": next(name for name in ("request", "request_record") if name not in taken)}
        self.response = self._wire("response", "Response", ResponseRow, response, own)
        self.secret = self._own(f"{self.configuration.name}_secret", "Integration secret", SecretRow)
        self.delivery = self._own(f"{self.response.name}_delivery", "Delivery", DeliveryRow)
        deleted = f"{self.activity_type.name}_deleted"
        self.deleted_type = self._own(deleted, "Deleted activity type", DeletedTypeRow, self.activity_type.spelling)

    @property
    def hidden(self) -> frozenset[str]:
        """The tables that neither an API nor a page shows."""
        return frozenset(each.name for each in self._tables if each.acls is None)

    def definitions(self) -> list[Table]:
        """Return every table as an administrator would define it."""
        return [each.definition(self._names) for each in self._tables]

    def _wire(
        self, canonical: str, label: str, rows: type[R], acls: tuple[Acl, ...], own: Mapping[str, str] | None = None
    ) -> AppTable[R]:
        spelling = {**self._names.group(f"columns.{canonical}"), **(own or {})}
        return self._add(AppTable(self._names.table(canonical), label, rows, spelling, acls))

    def _own(self, name: str, label: str, rows: type[R], spelling: Mapping[str, str] | None = None) -> AppTable[R]:
        as_named = {field.name: field.name for field in fields_of(rows)}
        return self._add(AppTable(name, label, rows, spelling or as_named, None))

    def _add(self, table: AppTable[R]) -> AppTable[R]:
        self._tables.append(table)  # type: ignore[arg-type] # to be defined, whatever its rows are
        return table


def fields_of(rows: type[Row]) -> Iterable[AppColumn]:
    """Return the columns of a class of rows, in their order."""
    for each in reversed(rows.__mro__):
        yield from (value for value in vars(each).values() if isinstance(value, AppColumn))
