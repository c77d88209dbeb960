"""What a caller may read and do: the access rules of the dictionary, applied to somebody's roles (platform 1.9)."""

from collections.abc import Mapping
from dataclasses import dataclass

from mock_servicenow.now_platform.dictionary.definitions import Acl
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.users import ADMIN_ROLE

Conditions = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """How a row names the record that it belongs to.

    Attributes:
        key: the column with the record's sys_id.
        named: the column with the name of its table; empty if every owner is in one table.
        table: that table.
        element: the column that names the record's column from which the row comes; empty if there is none.
    """

    key: str
    named: str = ""
    table: str = ""
    element: str = ""


OWNED: Mapping[str, Owner] = {
    "sys_attachment": Owner("table_sys_id", named="table_name"),
    "sys_journal_field": Owner("element_id", named="name", element="element"),
    "sys_attachment_attribute": Owner("sys_attachment", table="sys_attachment"),
}
"""Tables whose rows belong to records: to read one takes the reading of its record, to change it the writing."""


class Sight:
    """What the holders of some roles may see of an instance.

    Queries compile with a sight only, so each column, row and table that they name is one that the caller may read.

    Args:
        dictionary: the tables of the instance.
        roles: those of the caller; None for code of the instance itself, which no access rule holds.
        closed: tables that no clause reaches from outside.

    Attributes:
        everything: whether no access rule limits the caller, who is the instance itself.
    """

    def __init__(
        self, dictionary: Dictionary, roles: frozenset[str] | None = None, closed: frozenset[str] = frozenset()
    ) -> None:
        self.dictionary = dictionary
        self.everything = roles is None
        self.closed = closed
        self._roles = roles or frozenset()
        self._columns: dict[tuple[str, str], frozenset[str]] = {}
        self._rows: dict[tuple[str, str], Conditions | None] = {}
        self._open: dict[tuple[str, str], bool] = {}

    @property
    def is_admin(self) -> bool:
        """Whether the caller holds every role."""
        return ADMIN_ROLE in self._roles

    def hidden(self, table: str) -> frozenset[str]:
        """Return the columns that the caller may not read in records of that class."""
        return self._forbidden(table, "read")

    def locked(self, table: str) -> frozenset[str]:
        """Return the columns that the caller may not write in records of that class."""
        return self._forbidden(table, "write")

    def conditions(self, table: str, operation: str) -> Conditions | None:
        """Return the encoded queries of which a record of that class must meet one; None if any record will do.

        Without any condition there is no such record.
        """
        key = (table, operation)
        if key not in self._rows:
            self._rows[key] = None if self.everything else self._held(table, operation)
        return self._rows[key]

    def opens(self, table: str, operation: str) -> bool:
        """Return whether the caller may do that to every row in the hierarchy of a table."""
        key = (table, operation)
        if key not in self._open:
            limits = (self.limits(name, table, operation) for name in self.hierarchy(table))
            self._open[key] = self.everything or (table not in OWNED and all(limit is None for limit in limits))
        return self._open[key]

    def limits(self, name: str, table: str, operation: str) -> Conditions | None:
        """Return the same as `conditions` for a class that is met among the rows of a table of its hierarchy."""
        return () if name != table and name in self.closed else self.conditions(name, operation)

    def hierarchy(self, table: str) -> tuple[str, ...]:
        """Return every class whose rows are stored together with those of a table."""
        return self.dictionary.family(self.dictionary.root(table))

    def reaches(self, table: str) -> bool:
        """Return whether a clause about that table may find anything at all."""
        if table in self.closed:
            return False
        return any(self.conditions(name, "read") != () for name in self.dictionary.family(table))

    def reads(self, table: str, path: tuple[str, ...]) -> bool:
        """Return whether the caller may read each column on a way through references; the way must exist."""
        *references, last = path
        for name in references:
            target = self.dictionary.columns(table)[name].reference or ""
            if name in self.hidden(table) or not self.reaches(target):
                return False
            table = target
        return last not in self.hidden(table)

    def _forbidden(self, table: str, operation: str) -> frozenset[str]:
        key = (table, operation)
        if key not in self._columns:
            self._columns[key] = frozenset() if self.everything else self._guarded(table, operation)
        return self._columns[key]

    def _guarded(self, table: str, operation: str) -> frozenset[str]:
        """A rule for a column with a condition opens it to nobody: which rows meet it is not worked out."""
        guarded: dict[str, bool] = {}
        for acl in self.dictionary.acls(table):
            if acl.column is not None and acl.operation == operation:
                opens = self._holds(acl) and not acl.condition
                guarded[acl.column] = guarded.get(acl.column, False) or opens
        return frozenset(column for column, opened in guarded.items() if not opened)

    def _held(self, table: str, operation: str) -> Conditions | None:
        rules = [acl for acl in self.dictionary.acls(table) if acl.operation == operation and acl.column is None]
        held = tuple(acl.condition for acl in rules if self._holds(acl))
        return None if not rules or "" in held else held

    def _holds(self, acl: Acl) -> bool:
        return not acl.roles or self.is_admin or not self._roles.isdisjoint(acl.roles)
