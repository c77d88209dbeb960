"""Tables and columns of an instance: names, types, inheritance, and where their rows are stored."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Self, TypeVar

import sqlalchemy as sa
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definition_rules import (
    SYSTEM_NAMES,
    why_no_column,
    why_no_table,
    why_other_name,
    why_other_type,
)
from mock_servicenow.now_platform.dictionary.definitions import (
    CLASS_COLUMN,
    EVERY_COLUMN,
    MOST_COLUMNS,
    SCRIPT,
    SYSTEM_COLUMNS,
    Acl,
    Column,
    DictionaryError,
    Table,
)
from mock_servicenow.now_platform.dictionary.life_cycles import LifeCycle
from mock_servicenow.now_platform.dictionary.sql_tables import PhysicalSchema
from mock_servicenow.now_platform.dictionary.views import DatabaseView
from privman_core.near_words import hint

T = TypeVar("T")
Columns = Mapping[str, Column]


class Dictionary:
    """Every table of an instance, with inheritance resolved.

    Attributes:
        sql: one physical table per hierarchy, named like its root, and the views.

    Raises:
        DictionaryError: a table is defined twice or extends itself, a parent or a referenced table is missing, a rule
            is about a column that is not there, a column is the system's, a name is one that databases reserve, two
            classes of one hierarchy store a column of the same name differently, or a view cannot join its tables.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = _by_name(sorted(tables, key=lambda table: bool(table.joined)))  # views read the others
        self._children: dict[str, list[str]] = {}
        for table in self._tables.values():
            self._check(table)
            self._children.setdefault(table.parent or "", []).append(table.name)
        self._lineages = self._ascend()
        self._columns = self._inherit_columns()
        self._views = {table.name: DatabaseView.of(table, self) for table in self if table.joined}
        self._columns |= {name: MappingProxyType({**view.columns}) for name, view in self._views.items()}
        self._by_family = _ByTable(self._columns, _names_by_family)
        self._new = _ByTable(self._columns, _new_record)
        self._scripted = _ByTable(self._columns, _scripted)
        self._display = _ByTable(self._columns, _display_column)
        self._passwords = _password_columns(self._columns.values())
        self._check_acls()
        self._acls = self._inherit_acls()
        self._families = {name: tuple(self._descend(name)) for name in self._tables}
        roots = [name for name in self._children.get("", ()) if name not in self._views]
        views = {name: view.physical(self._stored_in) for name, view in self._views.items()}
        self.sql = PhysicalSchema({root: self._stored(root) for root in roots}, views)

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def table(self, name: str) -> Table | None:
        """Return the table of that exact name, or None."""
        return self._tables.get(name)

    def columns(self, name: str) -> Mapping[str, Column]:
        """Return every column of the table by name: the system's, the parents', its own."""
        return self._columns[name]

    def root(self, name: str) -> str:
        """Return the name of the table at the top of the hierarchy."""
        return self._lineages[name][-1]

    def lineage(self, name: str) -> tuple[str, ...]:
        """Return the table and its parents, the nearest first."""
        return self._lineages[name]

    def family(self, name: str) -> tuple[str, ...]:
        """Return the table and every table that extends it, directly or not."""
        return self._families[name]

    def is_view(self, name: str) -> bool:
        """Return whether that is a database view, which is only read."""
        return name in self._views

    def has_classes(self, name: str) -> bool:
        """Return whether the rows carry ``sys_class_name``."""
        return CLASS_COLUMN.name in self._columns[name]

    def display_column(self, name: str) -> str:
        """Return the column whose value is shown where others refer to a record of this table."""
        return self._display[name]

    def columns_of(self, name: str, family: Family) -> Sequence[str]:
        """Return the names of the table's columns whose types are of that family."""
        return self._by_family[name].get(family, ())

    def password_columns(self) -> frozenset[str]:
        """Return the names in lower case of the columns of every table that hold passwords."""
        return self._passwords

    def new_record(self, name: str) -> dict[str, str]:
        """Return a new record of the table: every column, empty or with its literal default."""
        return {**self._new[name]}

    def scripted_defaults(self, name: str) -> Mapping[str, str]:
        """Return the calls by which further columns of a new record get their value (`Column.default`)."""
        return self._scripted[name]

    def acls(self, name: str) -> tuple[Acl, ...]:
        """Return the access rules of the table: for each operation and column those of the nearest class."""
        return self._acls[name]

    def with_rules(self, rules: Mapping[str, tuple[Acl, ...]]) -> Self:
        """Return the same tables with these access rules, each about a column that is there; itself if it has them."""
        changed = {
            table.name: replace(table, acls=acls) for table in self if (acls := rules.get(table.name, ())) != table.acls
        }
        if not changed:
            return self
        other = copy(self)
        other._tables = self._tables | changed  # noqa: SLF001 - its own class
        other._acls = other._inherit_acls()  # noqa: SLF001 - its own class
        return other

    def life_cycle(self, name: str) -> LifeCycle | None:
        """Return the life cycle of the nearest class that has one; None if none has."""
        classes = (self._tables[each] for each in self._lineages[name])
        return next((table.life_cycle for table in classes if table.life_cycle is not None), None)

    def sql_table(self, name: str) -> sa.Table:
        """Return the physical table in which the rows of this table are stored."""
        return self.sql.table(self.root(name))

    def _stored_in(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Return the root of a table, and the classes that its rows are of; none for all of the root."""
        root = self.root(name)
        return root, () if root == name else self.family(name)

    def _check_acls(self) -> None:
        for table in self._tables.values():
            known = self._columns[table.name]
            for column in (acl.column for acl in table.acls):
                if column is not None and column != EVERY_COLUMN and column not in known:
                    named = f"table '{table.name}', acl has column '{column}'{hint(column, known, len(known))}"
                    raise DictionaryError(f"{named}, which is not defined", table.name, "acls")

    def _check(self, table: Table) -> None:
        parent = table.parent
        if parent is not None and parent not in self._tables:
            raise DictionaryError(f"table '{table.name}' extends {self._undefined(parent)}", table.name, "extends")
        if parent is not None and self._tables[parent].joined:
            raise DictionaryError(f"table '{table.name}' extends '{parent}', a database view", table.name, "extends")
        for column in table.columns:
            self._check_column(table.name, column)

    def _check_column(self, table: str, column: Column) -> None:
        where, path = f"table '{table}', column '{column.name}'", (table, "columns", column.name)
        if why := why_no_column(column.name):
            raise DictionaryError(f"{where} {why}", *path)
        if column.reference is not None and column.reference not in self._tables:
            raise DictionaryError(f"{where} refers to table {self._undefined(column.reference)}", *path, "reference")

    def _undefined(self, table: str) -> str:
        return f"'{table}'{hint(table, self._tables, len(self._tables))}, which is not defined"

    def _ascend(self) -> dict[str, tuple[str, ...]]:
        """Return each table's lineage, itself first; the tables that others extend come before these."""
        lineages: dict[str, tuple[str, ...]] = {}
        for table in self._tables.values():
            path: dict[str, Table] = {}
            each: Table | None = table
            while each is not None and each.name not in lineages:
                if each.name in path:
                    why = f"table '{each.name}' extends itself through '{each.parent}'"
                    raise DictionaryError(why, each.name, "extends")
                path[each.name] = each
                each = self._tables.get(each.parent or "")
            for below in reversed(path.values()):
                lineages[below.name] = (below.name, *lineages.get(below.parent or "", ()))
        return lineages

    def _inherit_columns(self) -> dict[str, Mapping[str, Column]]:
        found: dict[str, Mapping[str, Column]] = {}
        for name in self._lineages:
            table = self._tables[name]
            classes = table.extendable or name in self._children
            system = {column.name: column for column in SYSTEM_COLUMNS + (CLASS_COLUMN,) * classes}
            inherited = system if table.parent is None else found[table.parent]
            found[name] = MappingProxyType({**inherited, **{column.name: column for column in table.columns}})
        return {name: found[name] for name in self._tables}

    def _inherit_acls(self) -> dict[str, tuple[Acl, ...]]:
        found: dict[str, tuple[Acl, ...]] = {}
        for name in self._lineages:
            table = self._tables[name]
            own = {(acl.operation, acl.column) for acl in table.acls}
            inherited = found.get(table.parent or "", ())
            found[name] = table.acls + tuple(acl for acl in inherited if (acl.operation, acl.column) not in own)
        return found

    def _descend(self, name: str) -> Iterator[str]:
        waiting = [name]
        while waiting:
            each = waiting.pop()
            yield each
            waiting.extend(reversed(self._children.get(each, ())))

    def _stored(self, root: str) -> dict[str, Column]:
        """Return the columns of a whole hierarchy; raises if two classes would store one differently."""
        stored: dict[str, Column] = {}
        for name in self._families[root]:
            for column in self._columns[name].values():
                where, path = f"table '{name}', column '{column.name}'", (name, "columns", column.name)
                known = stored.setdefault(column.name.lower(), column)
                if why := why_other_name(column, known):
                    raise DictionaryError(f"{where} {why}", *path)
                if why := why_other_type(column, known):
                    raise DictionaryError(f"{where} {why}", *path, "type")
                if column.indexed and not known.indexed:  # one class is enough
                    stored[column.name.lower()] = replace(known, indexed=True)
        own = [name for name in stored if name not in SYSTEM_NAMES]
        if len(own) > MOST_COLUMNS:
            extra = stored[own[MOST_COLUMNS]].name
            table = next(name for name in self._families[root] if extra in self._columns[name])
            why = f"table '{table}', column '{extra}' is one more than {MOST_COLUMNS} in its hierarchy"
            raise DictionaryError(why, table, "columns", extra)
        return {column.name: column for column in stored.values()}


class _ByTable(dict[str, T]):
    """A value for each table, made from its columns when it is first asked for: most tables stay unused."""

    def __init__(
        self, columns: Mapping[str, Mapping[str, Column]], work_out: Callable[[Mapping[str, Column]], T]
    ) -> None:
        super().__init__()
        self._columns = columns
        self._work_out = work_out

    def __missing__(self, table: str) -> T:
        found = self[table] = self._work_out(self._columns[table])
        return found


def _by_name(tables: Iterable[Table]) -> dict[str, Table]:
    by_name: dict[str, Table] = {}
    spelled: dict[str, str] = {}
    for table in tables:
        if why := why_no_table(table.name, spelled):
            raise DictionaryError(f"table '{table.name}' {why}", table.name)
        spelled[table.name.lower()] = table.name
        by_name[table.name] = table
    return by_name


def _new_record(columns: Mapping[str, Column]) -> dict[str, str]:
    return {name: "" if is_scripted(column) else column.default or "" for name, column in columns.items()}


def _scripted(columns: Mapping[str, Column]) -> dict[str, str]:
    return {
        name: (column.default or "").removeprefix(SCRIPT) for name, column in columns.items() if is_scripted(column)
    }


def is_scripted(column: Column) -> bool:
    """Return whether the column's default is a call."""
    return column.default is not None and column.default.startswith(SCRIPT)


def _password_columns(tables: Iterable[Mapping[str, Column]]) -> frozenset[str]:
    columns = (column for table in tables for column in table.values())
    return frozenset(column.name.lower() for column in columns if column.family is Family.PASSWORD)


def _names_by_family(columns: Mapping[str, Column]) -> dict[Family, list[str]]:
    found: dict[Family, list[str]] = {}
    for column in columns.values():
        found.setdefault(column.family, []).append(column.name)
    return found


def _display_column(columns: Mapping[str, Column]) -> str:
    flagged = [column.name for column in columns.values() if column.display]
    usual = [name for name in ("number", "name", "u_name", "sys_id") if name in columns]
    return (flagged[-1:] + usual)[0]
