"""Database views as records: sys_db_view, its tables in sys_db_view_table and their columns (Docs: database views).

Each view that ships, or comes from a file, has records that describe it. The records decide which views there are.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.definition_rules import why_no_table
from mock_servicenow.now_platform.dictionary.definitions import (
    CLASS_COLUMN,
    NAME_WORDS,
    SYSTEM_COLUMNS,
    Column,
    DictionaryError,
    JoinedTable,
    Table,
    is_name,
    to_label,
)
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.dictionary_rows import Values, seed_id
from mock_servicenow.now_platform.dictionary.views import DatabaseView, Tables

VIEWS, VIEW_TABLES, VIEW_FIELDS = "sys_db_view", "sys_db_view_table", "sys_db_view_table_field"
MOST_VIEWS = 200
"""Views that records define, the oldest; each change of the tables makes them again."""
_STEP = 100
_LAST = 2**63


def view_rows(base: Dictionary) -> Iterator[tuple[str, Values]]:
    """Yield the rows that describe the views of a dictionary."""
    for view in (table for table in base if table.joined):
        sys_id = seed_id(VIEWS, view.name)
        yield VIEWS, {"sys_id": sys_id, "name": view.name, "label": view.label, "sys_name": view.label}
        for number, joined in enumerate(view.joined, 1):
            yield from _joined_rows(sys_id, _key(view, joined), joined, number * _STEP)


def _joined_rows(view: str, key: str, joined: JoinedTable, order: int) -> Iterator[tuple[str, Values]]:
    sys_id = seed_id(VIEW_TABLES, key)
    yield (
        VIEW_TABLES,
        {
            "sys_id": sys_id,
            "view": view,
            "table": joined.table,
            "variable_prefix": joined.prefix,
            "where_clause": joined.where,
            "left_join": "true" if joined.left_join else "false",
            "order": str(order),
            "sys_name": joined.table,
        },
    )
    for column in joined.columns:
        yield VIEW_FIELDS, {"sys_id": seed_id(VIEW_FIELDS, f"{key}.{column}"), "view_table": sys_id, "field": column}


def shipped_views(base: Dictionary) -> Mapping[str, str]:
    """Return the name of each view that ships, or comes from a file, by the sys_ids of its record and its tables'."""
    views = [table for table in base if table.joined]
    tables = {seed_id(VIEW_TABLES, _key(view, joined)): view.name for view in views for joined in view.joined}
    return {seed_id(VIEWS, view.name): view.name for view in views} | tables


def _key(view: Table, joined: JoinedTable) -> str:
    return f"{view.name}.{joined.prefix}"


class _JoinableTables(Struct, frozen=True):
    """The tables that views may join, and the views, before there is a dictionary of them.

    Attributes:
        tables: by name.
        own: the columns of each by name, without those of its parents and of the system.
    """

    tables: Mapping[str, Table]
    own: Mapping[str, Mapping[str, Column]]

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables.values())

    def table(self, name: str) -> Table | None:
        return self.tables.get(name)

    def columns(self, name: str) -> Mapping[str, Column]:
        """Return every column of a table by name, as a dictionary does."""
        table = self.tables[name]
        if table.parent is not None:
            return {**self.columns(table.parent), **self.own[name]}
        has_classes = table.extendable or any(each.parent == name for each in self)
        system = SYSTEM_COLUMNS + (CLASS_COLUMN,) * has_classes
        return {column.name: column for column in (*system, *self.own[name].values())}


def read_views(
    tables: Mapping[str, Table],
    own: Mapping[str, Mapping[str, Column]],
    spelled: Mapping[str, str],
    rows: Mapping[str, Sequence[Values]],
) -> tuple[list[DatabaseView], list[str]]:
    """Return the views that records define, and what records say without effect, each in one line.

    Args:
        tables: those that views may join, by name.
        own: the columns of each by name, without those of its parents and of the system.
        spelled: the names of the tables, each by its lower case.
        rows: the records of `VIEWS`, `VIEW_TABLES` and `VIEW_FIELDS`, in order of insertion.
    """
    views: list[DatabaseView] = []
    ignored: list[str] = []
    known, joined = {**spelled}, _joined_tables(rows)
    named = {row["name"]: Table(row["name"], joined=joined.get(row["sys_id"], ())) for row in rows[VIEWS]}
    all_tables = _JoinableTables({**named, **tables}, own)
    for number, row in enumerate(rows[VIEWS]):
        table = Table(row["name"], row["label"] or to_label(row["name"]), joined=joined.get(row["sys_id"], ()))
        if not table.joined:  # its tables follow, or are inactive
            continue
        try:
            views.append(_view(table, all_tables, known, number))
        except DictionaryError as error:
            ignored.append(str(error))
        else:
            known[table.name.lower()] = table.name
    return views, ignored


def _view(table: Table, tables: Tables, spelled: Mapping[str, str], number: int) -> DatabaseView:
    """Return the view; raises DictionaryError."""
    if number >= MOST_VIEWS:
        raise DictionaryError(f"view '{table.name}' is one more than {MOST_VIEWS}")
    if not is_name(table.name):
        raise DictionaryError(f"view has name {table.name!r}; expected {NAME_WORDS}")
    if why := why_no_table(table.name, spelled):
        raise DictionaryError(f"view '{table.name}' {why}")
    return DatabaseView.of(table, tables)


def _joined_tables(rows: Mapping[str, Sequence[Values]]) -> dict[str, tuple[JoinedTable, ...]]:
    """Return the active tables of each view, by its sys_id, from left to right."""
    fields: dict[str, tuple[str, ...]] = {}
    for row in rows[VIEW_FIELDS]:
        fields[row["view_table"]] = (*fields.get(row["view_table"], ()), row["field"])
    found: dict[str, tuple[JoinedTable, ...]] = {}
    active = (row for row in rows[VIEW_TABLES] if row["active"] != "false")
    for row in sorted(active, key=lambda row: int(row["order"] or _LAST)):
        columns = tuple(dict.fromkeys(fields.get(row["sys_id"], ())))
        left_join = row["left_join"] == "true"
        joined = JoinedTable(row["table"], row["variable_prefix"], row["where_clause"].strip(), left_join, columns)
        found[row["view"]] = (*found.get(row["view"], ()), joined)
    return found
