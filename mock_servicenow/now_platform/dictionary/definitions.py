"""The definition of a table: columns, choices and access rules."""

import re
from typing import TypeGuard

from msgspec import Struct
from msgspec.structs import force_setattr

from mock_servicenow.now_platform.dictionary.column_types import FAMILIES, Family
from mock_servicenow.now_platform.dictionary.life_cycles import LifeCycle
from mock_servicenow.now_platform.errors import SetupError

MOST_LENGTH = 10_000_000
"""Characters that a column may be said to hold."""
SCRIPT = "javascript:"
"""Stands before the call where a column's default is one."""
DEFAULT_CALLS = ("gs.getUserID()", "gs.getUserName()", "gs.nowDateTime()")
"""The calls that a default may be; any other yields no value."""
MOST_COLUMNS = 1_000
"""Columns that a table and those that extend it may store together: databases take few more."""
MOST_NAME = 63
"""Characters of a name: PostgreSQL cuts longer ones."""
NAME_PATTERN = f"[A-Za-z][A-Za-z0-9_]{{0,{MOST_NAME - 1}}}"
_NAME = re.compile(NAME_PATTERN)
NAME_WORDS = f"letters, digits and _, a letter first, at most {MOST_NAME}"


def is_name(value: object) -> TypeGuard[str]:
    """Return whether it is a valid name of a table or column, in queries, in SQL and in XML."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def to_label(name: str) -> str:
    """Return the label of a table or column that names none."""
    return name.removeprefix("u_").replace("_", " ").capitalize()


class DictionaryError(SetupError):
    """An invalid table definition; the message names table and column.

    Attributes:
        path: where a file of tables would define that: a table, then keys and indexes; empty if the message names the
            place.
    """

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.path = path


class Choice(Struct, frozen=True):
    """One value of a choice column, and its label."""

    value: str
    label: str


READ, QUERY_MATCH, QUERY_RANGE = "read", "query_match", "query_range"
OPERATIONS = ("create", "delete", QUERY_MATCH, QUERY_RANGE, READ, "write")
"""What access rules that act are about."""
EVERY_COLUMN = "*"
"""The columns of a table without a rule of their own, but for those that every table has."""


class Acl(Struct, frozen=True):
    """A rule that allows an operation on a table's rows, or on one column of them.

    Attributes:
        operation: one of `OPERATIONS`.
        roles: any of these is enough; none allows everybody.
        column: the column guarded, or `EVERY_COLUMN`; the whole row if None.
        condition: an encoded query that the row must meet; every row if empty.
    """

    operation: str
    roles: tuple[str, ...] = ()
    column: str | None = None
    condition: str = ""


class Column(Struct, frozen=True):
    """One column of a table.

    Attributes:
        type: the platform's word for it, such as ``string``, ``glide_date_time`` or ``reference``.
        reference: the table that a reference (or each entry of a ``glide_list``) points to.
        default: the value of a new record: in its stored form, or ``javascript:`` with one of `DEFAULT_CALLS`.
        choices: what a choice column offers; empty for every other column.
        display: whether its value is shown where others refer to the record.
        read_only: whether clients' values for it are ignored.
        reference_qual: an encoded query of the records that forms offer; described, without effect here.
        family: how its values are stored, compared and read. It follows from the type, whatever is given.
        is_reference: whether the value is the sys_id of one other record. It follows, too.
    """

    name: str
    label: str = ""
    type: str = "string"
    max_length: int = 40
    reference: str | None = None
    default: str | None = None
    choices: tuple[Choice, ...] = ()
    mandatory: bool = False
    display: bool = False
    unique: bool = False
    indexed: bool = False
    read_only: bool = False
    reference_qual: str = ""
    family: Family = Family.TEXT
    is_reference: bool = False

    def __post_init__(self) -> None:
        family = FAMILIES.get(self.type, Family.TEXT)
        force_setattr(self, "family", family)
        force_setattr(self, "is_reference", self.reference is not None and family is Family.REFERENCE)

    def to_stored(self, text: str) -> str | None:
        """Return the stored form of a client's raw value; None for an invalid one."""
        convert = self.family.convert
        return text if convert is None or not text else convert(text)

    def to_database(self, text: str) -> str | int | float | None:
        """Return a stored value as the database keeps it."""
        if not text:
            return None
        storage = self.family.storage
        return text if storage == "text" else int(text) if storage == "integer" else float(text)


class JoinedTable(Struct, frozen=True):
    """One of the tables that a database view joins.

    Attributes:
        prefix: what its columns in the view begin with, before an underscore.
        where: the condition on its rows and those of the tables before it; every combination of rows if empty.
        left_join: whether rows of the tables before it stay without a row of this one.
        columns: those that the view has; all if empty.
    """

    table: str
    prefix: str
    where: str = ""
    left_join: bool = False
    columns: tuple[str, ...] = ()


class Table(Struct, frozen=True):
    """One table as an administrator would define it.

    Attributes:
        parent: the table that it extends.
        columns: its own columns, without those of its parents and the system columns.
        number_prefix: of the auto-numbered column ``number``, such as ``INC``.
        extendable: whether rows carry ``sys_class_name`` although no other table extends it yet.
        acls: access rules; without any, every user may do everything.
        web_service_access: whether the REST APIs reach it at all.
        listed: whether records of the dictionary describe it, so that clients know of it.
        audited: whether its changes become rows of sys_audit; those of tables that extend it do not.
        life_cycle: None for that of the nearest parent.
        joined: the tables that a database view joins; empty for a table with rows of its own.
    """

    name: str
    label: str = ""
    parent: str | None = None
    columns: tuple[Column, ...] = ()
    number_prefix: str | None = None
    extendable: bool = False
    acls: tuple[Acl, ...] = ()
    web_service_access: bool = True
    listed: bool = True
    audited: bool = False
    life_cycle: LifeCycle | None = None
    joined: tuple[JoinedTable, ...] = ()


SYSTEM_COLUMNS = (
    Column("sys_id", "Sys ID", "GUID", 32, read_only=True),
    Column("sys_created_on", "Created", "glide_date_time", read_only=True),
    Column("sys_created_by", "Created by", read_only=True),
    Column("sys_updated_on", "Updated", "glide_date_time", read_only=True),
    Column("sys_updated_by", "Updated by", read_only=True),
    Column("sys_mod_count", "Updates", "integer", read_only=True),
    Column("sys_tags", "Tags", "related_tags", read_only=True),
)
CLASS_COLUMN = Column("sys_class_name", "Class", "sys_class_name", 80, indexed=True, read_only=True)
