"""What an instance has shown of its tables, columns, choices, roles and rows, read off recorded exchanges."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import urlsplit

from privman_scenarios.analysis.recorded import Recorded, to_json
from privman_scenarios.errors import ScenariosError

APPS = ("x_", "u_")
"""With which the tables of apps begin."""
UNKNOWN_RELEASE = "unknown"
_LIST = re.compile(r"/api/now/(?:v[12]/)?table/(\w+)")
_OF_PLATFORM = "sys_"
# "glide-zurich-07-01-2025__patch1-08-15-2025": the word after the first hyphen is the release.
_WAR = re.compile(r"glide-([a-z]+)-")
_LONGEST_RELEASE = 40


class CannotLearnError(ScenariosError):
    """An instance shows nothing of the app, or two things that cannot both be so."""


Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SeenTable:
    """A table of an instance.

    Attributes:
        scope: the prefix of its application's tables; empty where that is unknown.
        parent: the table that it extends; empty for none.
    """

    name: str
    label: str
    scope: str
    parent: str = ""


TEXT = "text"
"""The family of every type but these."""
# By what `WireName.holds` calls their values.
_FAMILIES: Mapping[str, str] = {
    "boolean": "flag",
    **dict.fromkeys(("integer", "longint", "order_index", "decimal", "float"), "number"),
    **dict.fromkeys(("glide_duration", "timer"), "duration"),
    **dict.fromkeys(("glide_date", "glide_date_time", "due_date", "glide_time"), "moment"),
    **dict.fromkeys(("reference", "glide_list", "domain_id"), "reference"),
    **dict.fromkeys(("name_values", "simple_name_values", "json"), "json"),
}


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """A column of a table.

    Attributes:
        type: ServiceNow's name of it; empty where that is unknown.
        max_length: 0 where that is unknown.
        reference: the table that it refers to, empty for none.
        default: what a new record has.
    """

    table: str
    name: str
    label: str = ""
    type: str = ""
    max_length: int = 0
    reference: str = ""
    default: str = ""

    @property
    def family(self) -> str:
        """What values of its type are."""
        return _FAMILIES.get(self.type, TEXT)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that may do something to the records of a table."""

    table: str
    operation: str
    role: str


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What an instance has shown.

    Attributes:
        columns: by table and name, without those that every table has.
        choices: the values of a column, by table and column.
        rows: of tables that are not the platform's; every value is text.
    """

    release: str = UNKNOWN_RELEASE
    tables: Mapping[str, SeenTable] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, SeenColumn]] = field(default_factory=dict)
    choices: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    roles: Sequence[str] = ()
    grants: frozenset[Grant] = frozenset()
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    @classmethod
    def of(cls, recording: Iterable[Recorded]) -> Self:
        """Return the facts; raises CannotLearnError for a column of two types."""
        rows: dict[str, list[Row]] = {}
        for table, row in _listed(recording):
            rows.setdefault(table, []).append(row)
        return cls(
            release=_release(rows.get("sys_properties", ())),
            tables={
                name: SeenTable(name, *(row.get(column, "") for column in TABLE_COLUMNS[1:]))
                for row in rows.get("sys_db_object", ())
                if (name := row.get("name", ""))
            },
            columns=_columns(rows.get("sys_dictionary", ())),
            choices=_choices(rows.get("sys_choice", ())),
            roles=tuple(dict.fromkeys(row["name"] for row in rows.get("sys_user_role", ()) if row.get("name"))),
            grants=frozenset(_grants(rows.get("sys_security_acl_role", ()))),
            rows={table: _unique(listed) for table, listed in rows.items() if not table.startswith(_OF_PLATFORM)},
        )

    def without_rows(self, marks: Iterable[str]) -> Self:
        """Return the facts without the rows that have one of these values."""
        marked = set(marks)
        rows = {table: [row for row in rows if marked.isdisjoint(row.values())] for table, rows in self.rows.items()}
        return replace(self, rows=rows)

    def values(self, table: str, column: str) -> list[str]:
        """Return what the rows of a table have in a column, but for those that have nothing there."""
        return [value for row in self.rows.get(table, ()) if (value := row.get(column, ""))]

    def columns_of(self, table: str) -> dict[str, SeenColumn]:
        """Return the columns of a table by name, its own first, then those of the tables that it extends.

        Where the dictionary shows none, the columns of its rows are all that is known.
        """
        found: dict[str, SeenColumn] = {}
        for each in self._lineage(table):
            for name, column in self.columns.get(each, {}).items():
                found.setdefault(name, replace(column, table=table))
        return found or {name: SeenColumn(table, name) for row in self.rows.get(table, ()) for name in _own(row)}

    def is_described(self, table: str) -> bool:
        """Tell whether the dictionary shows columns of the table, or of one that it extends."""
        return any(self.columns.get(each) for each in self._lineage(table))

    def choices_of(self, column: SeenColumn) -> Sequence[str]:
        """Return the choices of a column: those of its table, else those of the nearest that it extends."""
        keys = ((each, column.name) for each in self._lineage(column.table))
        return next((self.choices[key] for key in keys if key in self.choices), ())

    def _lineage(self, table: str) -> Iterator[str]:
        """Yield a table and those that it extends; a circle ends where it is closed."""
        seen: dict[str, None] = {}
        while table and table not in seen:
            seen[table] = None
            yield table
            table = self.tables[table].parent if table in self.tables else ""


def _own(row: Row) -> Iterator[str]:
    """Yield the columns of a row that not every table has."""
    return (column for column in row if not column.startswith(_OF_PLATFORM))


def _listed(recording: Iterable[Recorded]) -> Iterator[tuple[str, Row]]:
    """Yield each row that was listed or read, with its table."""
    for recorded in recording:
        found = _LIST.search(urlsplit(recorded.url).path)
        answer = to_json(recorded.response) if found and recorded.method == "GET" else None
        result = answer.get("result") if isinstance(answer, dict) else None
        for row in result if isinstance(result, list) else [result]:
            if found and isinstance(row, dict):
                yield found[1], {column: text_of(value) for column, value in row.items()}


def text_of(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the raw value of a field, in whichever form the Table API shows it."""
    raw = value.get("value", "") if isinstance(value, dict) else value
    return raw if isinstance(raw, str) else ""


def _unique(rows: Iterable[Row]) -> list[Row]:
    """Return the rows as they were seen last."""
    return [*{row.get("sys_id", ""): row for row in rows}.values()]


def _release(properties: Iterable[Row]) -> str:
    values = {row.get("name"): row.get("value", "") for row in properties}
    war = _WAR.search(values.get("glide.war", ""))
    found = values.get("glide.buildname") or (war[1] if war else "")
    return " ".join(found.split())[:_LONGEST_RELEASE].strip() or UNKNOWN_RELEASE


def _columns(rows: Iterable[Row]) -> dict[str, dict[str, SeenColumn]]:
    columns: dict[str, dict[str, SeenColumn]] = {}
    for row in rows:
        column = _column(row)
        if not column.table or not column.name or column.name.startswith(_OF_PLATFORM):
            continue
        known = columns.setdefault(column.table, {}).setdefault(column.name, column)
        if known.type and column.type and known.type != column.type:
            types = " and ".join(sorted((known.type, column.type)))
            raise CannotLearnError(
                f"sys_dictionary gives {column.table}.{column.name} two types: {types}. Expected one."
            )
    return columns


def _column(row: Row) -> SeenColumn:
    length = row.get("max_length", "")
    return SeenColumn(
        table=row.get("name", ""),
        name=row.get("element", ""),
        label=row.get("column_label", ""),
        type=row.get("internal_type", ""),
        max_length=int(length) if re.fullmatch(r"[0-9]{1,9}", length) else 0,
        reference=row.get("reference", ""),
        default=row.get("default_value", ""),
    )


def _choices(rows: Iterable[Row]) -> dict[tuple[str, str], list[str]]:
    choices: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        choices.setdefault((row.get("name", ""), row.get("element", "")), []).append(row.get("value", ""))
    return choices


def _grants(rows: Iterable[Row]) -> Iterator[Grant]:
    for row in rows:
        named = (row.get(column, "") for column in ACL_COLUMNS)
        yield Grant(*named)


TABLE_COLUMNS = ("name", "label", "sys_scope.scope", "super_class.name")
"""The columns that say a table's name, its label, its application and the table that it extends."""
ACL_COLUMNS = ("sys_security_acl.name", "sys_security_acl.operation", "sys_user_role.name")
"""The columns that say which table, which operation and which role."""
