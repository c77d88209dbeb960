"""Tables as records change them: sys_db_object, sys_dictionary and sys_choice, and views."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.column_types import FAMILIES, TYPES, Family
from mock_servicenow.now_platform.dictionary.definition_rules import (
    SYSTEM_NAMES,
    expected_default,
    stored_default,
    why_no_column,
    why_no_table,
    why_other_name,
    why_other_type,
)
from mock_servicenow.now_platform.dictionary.definitions import (
    MOST_COLUMNS,
    MOST_LENGTH,
    NAME_WORDS,
    Choice,
    Column,
    Table,
    is_name,
    to_label,
)
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.dictionary_rows import (
    CHOICES,
    COLLECTION,
    COLUMNS,
    TABLES,
    Values,
)
from mock_servicenow.now_platform.dictionary.shipped_records import ShippedColumn, shipped_columns, shipped_tables
from mock_servicenow.now_platform.dictionary.view_records import VIEW_FIELDS, VIEW_TABLES, VIEWS, read_views
from mock_servicenow.now_platform.dictionary.views import DatabaseView

SOURCES = (TABLES, COLUMNS, CHOICES, VIEWS, VIEW_TABLES, VIEW_FIELDS)
MOST_ROWS = 10_000
"""Records of each of these tables that act, the oldest; each change reads them all."""
MOST_TABLES = 500
"""Tables made by records."""
DEFINITIONS = "sys_acting_definition"
"""The definitions of records that act, in the order in which they began to."""
_KEPT = ("name", "element", "internal_type", "reference", "unique")
_WITH_CHOICES = frozenset({Family.TEXT, Family.INTEGER, Family.DECIMAL})
_LAST = 2**63


class Definition(NamedTuple):
    """The table or column that a record began to define: what it keeps, whatever the record says later.

    Rows and columns would be lost with a name, a parent or a family of types.

    Attributes:
        sys_id: that of the record.
        name: the table's name.
        element: the column's name; empty for a table.
        super_class: the name of the table that a table extends.
        internal_type: the type of a column.
    """

    sys_id: str
    name: str
    element: str = ""
    super_class: str = ""
    internal_type: str = ""


class StoredDefinitions(Struct, frozen=True):
    """The tables that an instance has with the records of its dictionary.

    Attributes:
        tables: those of the base keep its access rules; others have none.
        ignored: what records say without effect, each in one line.
        acting: the definitions of the records that add a table or a column.
    """

    tables: tuple[Table, ...]
    ignored: frozenset[str]
    acting: tuple[Definition, ...]

    @classmethod
    def read(
        cls, base: Dictionary, rows: Mapping[str, Sequence[Values]], kept: Sequence[Definition]
    ) -> "StoredDefinitions":
        """Return the base's tables as records change and add to them.

        Args:
            base: tables that ship, and those of files; they stay, with the names, types and references of their
                columns.
            rows: the records of each of `SOURCES`, in order of insertion.
            kept: the definitions of records that act already, in the order in which they began to. They precede
                others that define the same.
        """
        reader = _RecordReader(base, kept)
        reader.take_tables(rows[TABLES])
        reader.take_columns(rows[COLUMNS])
        reader.take_choices(rows[CHOICES])
        reader.take_views(rows)
        return cls(tuple(reader.tables()), frozenset(reader.ignored), tuple(reader.acting))


class _RecordReader:
    def __init__(self, base: Dictionary, kept: Sequence[Definition]) -> None:
        self._base = base
        self._kept = {definition.sys_id: definition for definition in kept}
        self.acting: list[Definition] = []
        self._tables = {table.name: table for table in base if not table.joined}
        self._own = {table.name: {column.name: column for column in table.columns} for table in base}
        self._spelled = {name.lower(): name for name in self._tables}
        self._stored: dict[str, dict[str, Column]] = {}
        self._views: dict[str, DatabaseView] = {}
        self.ignored: list[str] = []

    def tables(self) -> Iterator[Table]:
        for table in self._tables.values():
            columns = tuple(self._own[table.name].values())
            yield table if columns == table.columns else replace(table, columns=columns)

    # Tables

    def take_tables(self, rows: Sequence[Values]) -> None:
        shipped = shipped_tables(self._base)
        for row in rows:
            if row["sys_id"] in shipped:
                self._change_table(shipped[row["sys_id"]], row)
        names = {row["sys_id"]: row["name"] for row in rows}
        names |= {sys_id: table.name for sys_id, table in shipped.items()}
        names |= {definition.sys_id: definition.name for definition in self._kept.values()}
        made = [row for row in self._in_order(rows) if row["sys_id"] not in shipped]
        made = [row | {"super_class": names.get(row["super_class"], row["super_class"])} for row in made]
        self._add_tables([self._as_kept_table(row) for row in made if row["sys_id"] in self._kept])
        room = MOST_TABLES - len(self.acting)
        others = [row for row in made if row["sys_id"] not in self._kept]
        self._add_tables(others[:room])
        for row in others[room:]:
            self._ignore(f"table '{row['name']}' is one more than {MOST_TABLES}")

    def _in_order(self, rows: Sequence[Values]) -> list[Values]:
        """Return the records that act in the order in which they began to, then the others."""
        by_id = {row["sys_id"]: row for row in rows}
        kept = [by_id[sys_id] for sys_id in self._kept if sys_id in by_id]
        return kept + [row for row in rows if row["sys_id"] not in self._kept]

    def _add_tables(self, rows: Iterable[Values]) -> None:
        """Add the tables whose parents are defined or among them."""
        pending = {row["sys_id"]: row for row in rows}
        while ready := [row for row in pending.values() if row["super_class"] in {"", *self._tables}]:
            for row in ready:
                del pending[row["sys_id"]]
                self._add_table(row, row["super_class"] or None)
        for row in pending.values():
            self._ignore(f"table '{row['name']}' extends '{row['super_class']}', which is not defined")

    def _as_kept_table(self, row: Values) -> Values:
        kept = self._kept[row["sys_id"]]
        if row["name"] != kept.name:
            self._ignore(f"table '{kept.name}' keeps its name, which is now '{row['name']}'")
        if row["super_class"] != kept.super_class:
            self._ignore(
                f"table '{kept.name}' keeps its super_class '{kept.super_class}', which is now '{row['super_class']}'"
            )
        return row | {"name": kept.name, "super_class": kept.super_class}

    def _change_table(self, table: Table, row: Values) -> None:
        if row["name"] != table.name:
            self._ignore(f"table '{table.name}' keeps its name, which is now '{row['name']}'")
        opened = row["is_extendable"] == "true" and not self._base.has_classes(table.name)
        changed = replace(table, label=row["label"] or table.label, extendable=table.extendable or opened)
        self._tables[table.name] = changed

    def _add_table(self, row: Values, parent: str | None) -> None:
        name = row["name"]
        if not is_name(name):
            self._ignore(f"table has name {name!r}; expected {NAME_WORDS}")
        elif why := why_no_table(name, self._spelled):
            self._ignore(f"table '{name}' {why}")
        else:
            self._spelled[name.lower()] = name
            extendable = row["is_extendable"] == "true"
            self._tables[name] = Table(name, row["label"] or to_label(name), parent, extendable=extendable)
            self._own[name] = {}
            self.acting.append(Definition(row["sys_id"], name, super_class=parent or ""))

    # Columns

    def take_columns(self, rows: Sequence[Values]) -> None:
        shipped = shipped_columns(self._base)
        self._audit([row for row in rows if row["internal_type"] == COLLECTION and not row["element"]])
        for row in self._in_order(rows):
            known = shipped.get(row["sys_id"])
            if known is None:
                self._add_column(self._as_kept_column(row))
            elif known.column.name not in SYSTEM_NAMES and not known.described.items() <= row.items():
                self._change_column(known, row)

    def _audit(self, rows: Sequence[Values]) -> None:
        """Audit the tables whose records say so, of several the first."""
        for row in reversed(rows):
            if row["name"] in self._tables:
                table = self._tables[row["name"]]
                self._tables[table.name] = replace(table, audited=row["audit"] == "true")

    def _change_column(self, known: ShippedColumn, row: Values) -> None:
        table, column, described = known
        where = f"column '{table.name}.{column.name}'"
        for key in _KEPT:
            if row[key] != described[key]:
                self._ignore(f"{where} keeps its {key} '{described[key]}', which is now '{row[key]}'")
        if row["active"] == "false":
            self._ignore(f"{where} ships, or comes from a file, and stays active")
        self._own[table.name][column.name] = self._with_values(column, row, where)

    def _as_kept_column(self, row: Values) -> Values:
        kept = self._kept.get(row["sys_id"])
        if kept is None:
            return row
        same = _family(row["internal_type"]) is _family(kept.internal_type)
        values = {
            "name": kept.name,
            "element": kept.element,
            "internal_type": row["internal_type"] if same else kept.internal_type,
            "active": "true",
        }
        for key, value in values.items():
            if row[key] != value:
                where = f"column '{kept.name}.{kept.element}'"
                self._ignore(f"{where} keeps its {key} '{value}', which is now '{row[key]}'")
        return row | values

    def _add_column(self, row: Values) -> None:
        name, table = row["element"], row["name"]
        if row["active"] == "false" or (not name and row["internal_type"] == COLLECTION):
            return
        where = f"column '{table}.{name}'"
        why = self._why_not(table, name)
        if why:
            self._ignore(f"{where} {why}")
            return
        column = self._new_column(row, where)
        why = self._why_not_stored(table, column)
        if why:
            self._ignore(f"{where} {why}")
            return
        self._own[table][name] = column
        self._hierarchy(table)[name.lower()] = column
        known = self._kept.get(row["sys_id"])
        self.acting.append(known or Definition(row["sys_id"], table, name, internal_type=column.type))

    def _why_not(self, table: str, name: str) -> str:
        """Return why no record can add that column; empty if one can."""
        if table not in self._tables:
            return f"is of table '{table}', which is not defined"
        if not is_name(name):
            return f"has name {name!r}; expected {NAME_WORDS}"
        if why := why_no_column(name):
            return why
        inherited = next((each for each in self._lineage(table) if name in self._own[each]), None)
        return "" if inherited is None else f"is defined already in '{inherited}'"

    def _why_not_stored(self, table: str, column: Column) -> str:
        stored = self._hierarchy(table)
        known = stored.get(column.name.lower())
        if known is None:
            return "" if len(stored) < MOST_COLUMNS else f"is one more than {MOST_COLUMNS} in its hierarchy"
        return why_other_name(column, known) or why_other_type(column, known)

    def _new_column(self, row: Values, where: str) -> Column:
        type_, reference = row["internal_type"] or "string", row["reference"] or None
        if type_ not in TYPES:
            self._ignore(f"{where} has type '{type_}', which is unknown: it holds texts")
        if reference is not None and reference not in self._tables:
            self._ignore(f"{where} refers to table '{reference}', which is not defined")
            reference = None
        column = Column(row["element"], type=type_, reference=reference, unique=row["unique"] == "true")
        return self._with_values(column, row, where)

    def _with_values(self, column: Column, row: Values, where: str) -> Column:
        length = int(row["max_length"] or 0)
        default: str | None = row["default_value"] or None
        default = stored_default(replace(column, default=default))
        if expected := expected_default(replace(column, default=default)):
            self._ignore(f"{where} has default '{default}'; expected {expected}")
            default = column.default
        return replace(
            column,
            label=row["column_label"] or column.label or to_label(column.name),
            max_length=length if 0 < length <= MOST_LENGTH else column.max_length,
            default=default,
            mandatory=row["mandatory"] == "true",
            display=row["display"] == "true",
            read_only=row["read_only"] == "true",
        )

    # Choices

    def take_choices(self, rows: Iterable[Values]) -> None:
        groups: dict[tuple[str, str], list[Values]] = {}
        for row in rows:
            if row["inactive"] != "true" and row["language"] in {"", "en"} and row["value"]:
                groups.setdefault((row["name"], row["element"]), []).append(row)
        for table, columns in self._own.items():
            for name, column in columns.items():
                if column.choices and (table, name) not in groups:
                    columns[name] = replace(column, choices=())
        for (table, name), given in groups.items():
            self._give_choices(table, name, given)

    def _give_choices(self, table: str, name: str, rows: list[Values]) -> None:
        where = f"choices of '{table}.{name}'"
        if table not in self._tables:
            self._ignore(f"{where}: the table is not defined")
            return
        column = next((self._own[each][name] for each in self._lineage(table) if name in self._own[each]), None)
        if column is None:
            self._ignore(f"{where}: there is no such column")
        elif column.family not in _WITH_CHOICES:
            self._ignore(f"{where}: a column of type {column.type} has none")
        else:
            self._own[table][name] = replace(column, choices=tuple(self._choices(column, rows, where)))

    def _choices(self, column: Column, rows: list[Values], where: str) -> Iterator[Choice]:
        seen: set[str] = set()
        for row in sorted(rows, key=lambda row: int(row["sequence"] or _LAST)):
            value = row["value"]
            if column.to_stored(value) is None:
                self._ignore(f"{where}: '{value}' is not a value of type {column.type}")
            elif value not in seen:
                seen.add(value)
                yield Choice(value, row["label"])

    # Views

    def take_views(self, rows: Mapping[str, Sequence[Values]]) -> None:
        views, ignored = read_views(self._tables, self._own, self._spelled, rows)
        self._views = {view.table.name: view for view in views}
        self._tables |= {name: view.table for name, view in self._views.items()}
        self._own |= {name: {} for name in self._views}
        self.ignored += ignored

    # Hierarchies

    def _lineage(self, table: str) -> Iterator[str]:
        name: str | None = table
        while name is not None:
            yield name
            name = self._tables[name].parent

    def _hierarchy(self, table: str) -> dict[str, Column]:
        """Return the columns that the hierarchy of a table stores, by name in lower case."""
        *_, root = self._lineage(table)
        if root not in self._stored:
            classes = (name for name in self._tables if list(self._lineage(name))[-1] == root)
            columns = (column for name in classes for column in self._own[name].values())
            self._stored[root] = {column.name.lower(): column for column in columns}
        return self._stored[root]

    def _ignore(self, what: str) -> None:
        self.ignored.append(what)


def _family(type_: str) -> Family:
    return FAMILIES.get(type_ or "string", Family.TEXT)
