"""Access control of queries: what a caller may read and do, as rules and as SQL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mock_servicenow.now_platform.dictionary.definition_rules import SYSTEM_NAMES
from mock_servicenow.now_platform.dictionary.definitions import (
    EVERY_COLUMN,
    QUERY_MATCH,
    QUERY_RANGE,
    READ,
    Acl,
    JoinedTable,
    Table,
)
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import text_literal
from mock_servicenow.now_platform.query.operands import Rows, Sql, Test, any_of
from mock_servicenow.now_platform.users import ADMIN_ROLE

Conditions = tuple[str, ...]
T = TypeVar("T")


class Owner(Struct, frozen=True):
    """The columns by which a row names the record that it belongs to.

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
"""Tables whose rows belong to records: reading one takes the right to read its record, changing it that to write it."""

NAMING: Mapping[str, Mapping[str, str]] = {
    "conflict": {
        "change": "change_request",
        "conflicting_change": "change_request",
        "configuration_item": "cmdb_ci",
    },
}
"""Tables whose rows the instance itself computes, with the columns that name records: to read or write a row takes the
right to read each that it names, before and after. Their access rules leave writing to administrators."""

DEPENDENT = OWNED.keys() | NAMING.keys()
"""Tables of which `Sight.depends` may be true."""
_CALLER = ("javascript:gs.getUser", "DYNAMIC")
"""What conditions have that name the caller: a call for their sys_id or user name, or the operator for Me."""


class _Remembered(dict[str, T]):
    """Facts by table, each found once: asking for a known one calls no Python code."""

    def __init__(self, find: Callable[[str], T]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, table: str) -> T:
        found = self[table] = self._find(table)
        return found


class Sight:
    """The tables, columns and rows that the holders of some roles may see.

    Queries compile with a sight only, so each column, row and table that they name is one that the caller may read.

    Args:
        dictionary: the tables of the instance.
        roles: the caller's; None for the instance's own code, which no access rule limits.
        closed: tables that no clause reaches from outside.

    Attributes:
        everything: whether no access rule limits the caller, who is the instance itself.
        hidden: returns the columns that the caller may not read in records of a class.
        barred: for reading and each kind of query, returns the columns of a class that the caller may not read or ask.
        locked: returns the columns that the caller may not write in records of a class.
        owning: returns the conditions of rules for writing records of a class that name the caller.
        reads_all: returns whether the caller may read every record of a class.
        serves: returns whether web services serve the caller that table.
    """

    def __init__(
        self, dictionary: Dictionary, roles: frozenset[str] | None = None, closed: frozenset[str] = frozenset()
    ) -> None:
        self.dictionary = dictionary
        self.everything = roles is None
        self.closed = closed
        self._roles = roles or frozenset()
        self.hidden = _Remembered(self._hidden).__getitem__
        self.barred: Mapping[str, Callable[[str], frozenset[str]]] = {
            READ: self.hidden,
            QUERY_MATCH: _Remembered(partial(self._barred, QUERY_MATCH)).__getitem__,
            QUERY_RANGE: _Remembered(partial(self._barred, QUERY_RANGE)).__getitem__,
        }
        self.locked = _Remembered(self._locked).__getitem__
        self.owning = _Remembered(self._owning).__getitem__
        self.reads_all = _Remembered(self._reads_all).__getitem__
        self.serves = _Remembered(self._serves).__getitem__
        self._rows: dict[tuple[str, str], Conditions | None] = {}
        self._open: dict[tuple[str, str], bool] = {}

    @property
    def is_admin(self) -> bool:
        """Whether the caller holds every role."""
        return ADMIN_ROLE in self._roles

    def conditions(self, table: str, operation: str) -> Conditions | None:
        """Return encoded queries of which a record of that class must meet one; None if every record is allowed.

        An empty tuple allows no record.
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
            self._open[key] = self.everything or (
                (table not in DEPENDENT or not self.depends(table)) and all(limit is None for limit in limits)
            )
        return self._open[key]

    def depends(self, table: str) -> bool:
        """Return whether rows of a table may be closed to the caller because a record that they name is."""
        return table in OWNED or not all(self.opens(each, READ) for each in NAMING.get(table, {}).values())

    def limits(self, name: str, table: str, operation: str) -> Conditions | None:
        """Return `conditions` for a class among the rows of a table of its hierarchy."""
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

    def demanded(self, table: str, operation: str) -> tuple[str, ...]:
        """Return the roles of which the rules for an operation demand one; none if the caller holds one, or no rule."""
        rules = [acl for acl in self.dictionary.acls(table) if acl.operation == operation and acl.column is None]
        return () if any(map(self._holds, rules)) else tuple(dict.fromkeys(role for acl in rules for role in acl.roles))

    def _reads_all(self, table: str) -> bool:
        return self.everything or (
            (table not in DEPENDENT or not self.depends(table)) and self.conditions(table, "read") is None
        )

    def _serves(self, table: str) -> bool:
        return table not in self.closed and self.conditions(table, "read") != ()

    def _hidden(self, table: str) -> frozenset[str]:
        if self.everything:
            return frozenset()
        return self._guarded(table, "read").union(self._of_joined(table, self.hidden))

    def _of_joined(self, view: str, find: Callable[[str], frozenset[str]]) -> Iterable[str]:
        """Return the columns of a view that are found in any class of one of its tables."""
        for joined in self._joined(view):
            for name in self.dictionary.family(joined.table):
                yield from (f"{joined.prefix}_{column}" for column in find(name))

    def _reads_any(self, table: str) -> bool:
        """Return whether the caller may read any record of a class in a view; an administrator, also what is owned."""
        return self.reads_all(table) or (self.is_admin and self.conditions(table, "read") is None)

    def _joined(self, table: str) -> tuple[JoinedTable, ...]:
        known = self.dictionary.table(table)
        return () if known is None else known.joined

    def _locked(self, table: str) -> frozenset[str]:
        return frozenset() if self.everything else self._guarded(table, "write")

    def _owning(self, table: str) -> Conditions:
        conditions = self.conditions(table, "write") or ()
        return tuple(each for each in conditions if any(word in each for word in _CALLER))

    def _guarded(self, table: str, operation: str) -> frozenset[str]:
        """A column rule with a condition hides the column: which rows meet the condition is not computed."""
        guarded: dict[str | None, bool] = {}
        for acl in self.dictionary.acls(table):
            if acl.column is not None and acl.operation == operation:
                opens = self._holds(acl) and not acl.condition
                guarded[acl.column] = guarded.get(acl.column, False) or opens
        self._spread(table, guarded)
        return frozenset(column for column, opened in guarded.items() if column is not None and not opened)

    def _spread(self, table: str, opened: dict[str | None, bool]) -> None:
        """Put the columns without a rule of their own in the place of `EVERY_COLUMN`."""
        every = opened.pop(EVERY_COLUMN, None)
        if every is not None:
            opened.update(dict.fromkeys(self.dictionary.columns(table).keys() - SYSTEM_NAMES - opened.keys(), every))

    def _barred(self, operation: str, table: str) -> frozenset[str]:
        return self._barred_by_rules(operation, table).union(self._of_joined(table, self.barred[operation]))

    def _barred_by_rules(self, operation: str, table: str) -> frozenset[str]:
        """A column without a rule for such queries may be queried if it may be read (Docs: query ACLs)."""
        opened: dict[str | None, bool] = {}
        for acl in self.dictionary.acls(table):
            if acl.operation == operation:
                opens = self.is_admin or (self._holds(acl) and not acl.condition)
                opened[acl.column] = opened.get(acl.column, False) or opens
        self._spread(table, opened)
        if self.everything or not opened:
            return self.hidden(table)
        if not opened.get(None, True):
            return frozenset(self.dictionary.columns(table))
        closed = {column for column in opened if column is not None and not opened[column]}
        return (self.hidden(table) - opened.keys()) | closed

    def _held(self, table: str, operation: str) -> Conditions | None:
        joined = self._joined(table)
        if joined and operation != READ:
            return ()
        rules = [acl for acl in self.dictionary.acls(table) if acl.operation == operation and acl.column is None]
        classes = [name for each in joined for name in self.dictionary.family(each.table)]
        if not self.closed.isdisjoint(classes) or (not rules and not all(map(self._reads_any, classes))):
            return ()  # (Docs: database views) rules of the view itself precede those of its tables
        held = tuple(dict.fromkeys(acl.condition for acl in rules if self._holds(acl)))
        return None if not rules or "" in held else held

    def _holds(self, acl: Acl) -> bool:
        return not acl.roles or self.is_admin or not self._roles.isdisjoint(acl.roles)


def _with_rows(dictionary: Dictionary) -> Iterable[Table]:
    """Return the tables without the views, whose records own nothing."""
    return (table for table in dictionary if not table.joined)


_LEAF = 4


class Written(FunctionElement[bool]):
    """A test written by hand, of ``$named``, also as ``$sorted`` by code points, and ``$key``.

    Nearly every table of an instance is in it, and SQLAlchemy would take long over each.
    """

    name = "written"
    type = sa.Boolean()
    inherit_cache = True


@compiles(Written)
def _write(element: Written, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    named, key, template = (compiler.process(clause, **kw) for clause in element.clauses)
    ordered = named if compiler.dialect.name == "sqlite" else f'{named} COLLATE "C"'
    return f"({template.replace('$sorted', ordered).replace('$named', named).replace('$key', key)})"


def _decided(tables: Sequence[tuple[str, str]]) -> str:
    """Return the SQL that looks in the one table that is named; a tree, since every row asks it.

    Args:
        tables: names in order, each with the table in which its records are stored.
    """
    if len(tables) > _LEAF:
        middle = len(tables) // 2
        low, high = _decided(tables[:middle]), _decided(tables[middle:])
        return f"CASE WHEN $sorted < {text_literal(tables[middle][0])} THEN {low} ELSE {high} END"
    found = 'EXISTS (SELECT 1 FROM "{}" AS owner WHERE owner.sys_id = $key)'
    leaf = " ".join(f"WHEN {text_literal(name)} THEN {found.format(root)}" for name, root in tables)
    return f"CASE $named {leaf} ELSE false END" if leaf else "false"


class Permissions:
    """Makes the test of whether the caller may do something to a row.

    Attachments and journal entries belong to a record: to read them takes its reading, to change them its writing.
    """

    def __init__(self, sight: Sight, meets: Callable[[str, Rows], Test]) -> None:
        self._sight = sight
        self._dictionary = sight.dictionary
        self._meets = meets

    def test(self, table: str, source: sa.FromClause, operation: str) -> Test:
        """Return the test of one row of the table's hierarchy, selected from the source."""
        return sa.and_(
            self._by_rules(table, source, operation),
            self._by_owner(table, source, operation),
            *self._by_named(table, source),
        )

    def _by_named(self, table: str, source: sa.FromClause) -> Iterable[Test]:
        for column, named in NAMING.get(table, {}).items():
            if not self._sight.opens(named, READ):
                key = source.c[column]
                yield sa.or_(key.is_(None), self._is_permitted(named, source, key, READ))

    def _by_rules(self, table: str, source: sa.FromClause, operation: str) -> Test:
        """Each class has rules of its own."""
        alike: dict[Conditions | None, list[str]] = {}
        for name in self._sight.hierarchy(table):
            alike.setdefault(self._sight.limits(name, table, operation), []).append(name)
        if len(alike) == 1:
            [(conditions, _)] = alike.items()
            return self._by_conditions(table, source, conditions)
        tests = [
            sa.and_(source.c.sys_class_name.in_(names), self._by_conditions(names[0], source, conditions))
            for conditions, names in alike.items()
        ]
        return any_of(tests)

    def _by_conditions(self, table: str, source: sa.FromClause, conditions: Conditions | None) -> Test:
        if conditions is None:
            return sa.true()
        bare = Rows(table, source.c.__getitem__, source)
        tests = [self._meets(condition, bare) for condition in conditions]
        return any_of(tests) if tests else sa.false()

    def _by_owner(self, table: str, source: sa.FromClause, operation: str) -> Test:
        owner = OWNED.get(table)
        if owner is None or self._sight.everything:
            return sa.true()
        needed, key = "read" if operation == "read" else "write", source.c[owner.key]
        if owner.table:
            return self._is_permitted(owner.table, source, key, needed)
        named = source.c[owner.named]
        guarded = [
            sa.and_(named.in_(names), self._is_permitted(root, source, key, needed))
            for root, names in self._owners()
            if not self._sight.opens(root, needed) and any(self._sight.conditions(name, needed) != () for name in names)
        ]
        owned = any_of([self._exists_openly(named, key, needed), *guarded])
        return sa.and_(owned, *self._of_readable_columns(source, owner)) if owner.element else owned

    def _of_readable_columns(self, source: sa.FromClause, owner: Owner) -> Iterable[Test]:
        """Leave out what comes from a column that the caller may not read in records of the owner's class."""
        for table in _with_rows(self._dictionary):
            hidden = sorted(self._sight.hidden(table.name))
            if hidden:
                named = source.c[owner.named].in_(self._sight.hierarchy(table.name))
                from_hidden = sa.and_(named, source.c[owner.element].in_(hidden))
                yield sa.not_(sa.and_(from_hidden, self._is_of_class(table.name, source, source.c[owner.key])))

    def _is_of_class(self, table: str, outer: sa.FromClause, key: Sql) -> Test:
        if not self._dictionary.has_classes(table):
            return sa.true()
        stored = self._dictionary.sql_table(table).alias()
        record = sa.select(sa.true()).where(stored.c.sys_id == key, stored.c.sys_class_name == table)
        return record.correlate(outer).exists()

    def _exists_openly(self, named: Sql, key: Sql, operation: str) -> Test:
        """Return whether the record exists, in one of the tables of which the caller may do that to every record."""
        names = sorted(
            (name, root) for root, names in self._owners() if self._sight.opens(root, operation) for name in names
        )
        return Written(named, key, sa.literal_column(_decided(names)))

    def _owners(self) -> Iterable[tuple[str, list[str]]]:
        """Return the root of each hierarchy with the tables of it that the caller may reach; nothing owned owns."""
        for table in _with_rows(self._dictionary):
            if table.parent is None and table.name not in OWNED:
                names = [name for name in self._dictionary.family(table.name) if name not in self._sight.closed]
                if names:
                    yield table.name, names

    def _is_permitted(self, table: str, outer: sa.FromClause, key: Sql, operation: str) -> Test:
        """Return whether the record of that table with that key exists and the caller may do that to it."""
        source = self._dictionary.sql_table(table).alias()
        permitted = self.test(table, source, operation)
        found = sa.select(sa.true()).select_from(source).where(source.c.sys_id == key, permitted)
        return found.correlate(outer).exists()
