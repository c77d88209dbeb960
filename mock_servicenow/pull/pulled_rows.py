"""A sample of an instance's rows, with the records to which they refer."""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.values import is_storable
from mock_servicenow.now_platform.provisioning.provisioning import ADMIN_ID, generated
from mock_servicenow.pull.page_log import Rows
from mock_servicenow.pull.pulled_schema import PulledSchema
from mock_servicenow.pull.read_only import REFUSED, ReadOnlyInstance
from mock_servicenow.pull.treatments import NOT_READ, Make, Treatments, sys_ids
from privman_core.table_reader import UnreadableTableError

_IDS_A_QUERY = 100
Row = dict[str, str]


class Sample(Struct, frozen=True):
    """What is copied.

    Attributes:
        tables: names.
        most: rows of each of them.
        queries: encoded queries by table.
        levels: how many references are followed from a row of the sample.
    """

    tables: Sequence[str]
    most: int
    queries: Mapping[str, str] = field(default_factory=dict)
    levels: int = 1


class PulledRows:
    """The rows that have been read.

    Args:
        instance: they are read from it.
        schema: the tables.
        treatments: what becomes of their values, before they are kept anywhere.
        base: the tables that ship with the mock.

    Attributes:
        lines: what was left out, a line each.
        refused: tables of the sample whose rows the user may not read.
        treated: the treatment of columns, by table and column.
    """

    def __init__(
        self, instance: ReadOnlyInstance, schema: PulledSchema, treatments: Treatments, base: Dictionary
    ) -> None:
        self._generated = generated(base)
        self._instance = instance
        self._schema = schema
        self._treatments = treatments
        self.lines: dict[str, None] = {}
        self.refused: list[str] = []
        self.treated: dict[tuple[str, str], str] = {}
        self._rows: dict[str, dict[str, Row]] = {}  # by class and sys_id
        self._plans: dict[str, tuple[Dictionary, Mapping[str, str], Mapping[str, Make | None]]] = {}
        self._asked: set[tuple[str, str]] = set()  # targets and sys_ids

    async def read(self, sample: Sample) -> None:
        """Read the sample, and what it refers to; raises UnreadableInstanceError."""
        for table in sample.tables:
            await self._read(table, sample.queries.get(table, ""), sample.most, named=True)
        for _ in range(sample.levels):
            for target, wanted in self._missing().items():
                if await self._schema.read([target]):
                    await self._read_all(target, wanted)

    def by_table(self) -> dict[str, list[Row]]:
        """Return the rows by table, in order of their sys_ids; a reference to a record that is not there is empty."""
        here = {ADMIN_ID, *(sys_id for rows in self._rows.values() for sys_id in rows)}
        emptied: Counter[tuple[str, str]] = Counter()
        found = {table: self._whole(table, rows, here, emptied) for table, rows in sorted(self._rows.items()) if rows}
        for (table, name), count in sorted(emptied.items()):
            self.lines[
                f"column '{table}.{name}': emptied in {count} rows: it refers to records that were not copied"
            ] = None
        return found

    async def _read_all(self, table: str, wanted: Sequence[str]) -> None:
        for start in range(0, len(wanted), _IDS_A_QUERY):
            some = wanted[start : start + _IDS_A_QUERY]
            await self._read(table, f"sys_idIN{','.join(some)}", len(some), named=False)

    async def _read(self, table: str, query: str, most: int, *, named: bool) -> None:
        dictionary = self._schema.dictionary()
        if dictionary.table(table) is None or not most or self._is_generated(table):
            return
        kinds, makes = self._plan(table, dictionary)
        changing = {name: make for name, make in makes.items() if make}
        try:
            rows = await self._instance.rows(table, query, [*makes], most, lambda rows: _replaced(rows, changing))
        except UnreadableTableError as error:
            self.lines[f"table '{error.table}': rows were left out: {REFUSED} ({error.answered})"] = None
            self.refused += [table] * named
            return
        self.treated |= {(table, name): kind for name, kind in kinds.items()}
        if named and not rows:
            self.refused += [table] * (table in self._instance.hidden)
            self.lines[f"table '{table}': no rows: there are none, or {REFUSED}"] = None
        await self._keep(table, rows)

    def _plan(self, table: str, dictionary: Dictionary) -> tuple[Mapping[str, str], Mapping[str, Make | None]]:
        """Return the treatment of each column, and what it makes of values of those that are read."""
        known = self._plans.get(table)
        if known is None or known[0] is not dictionary:
            columns, words = self._schema.columns(table), self._schema.words()
            declared, shipping = self._schema.declared(table), self._schema.shipping(table)
            kinds = self._treatments.of(dictionary.lineage(table), columns.values(), declared, shipping)
            read = (column for column in columns.values() if _is_read(column, kinds[column.name]))
            makes = {each.name: self._treatments.making(each, kinds[each.name], words) for each in read}
            known = self._plans[table] = (dictionary, kinds, makes)
        return known[1:]

    async def _keep(self, table: str, rows: Rows) -> None:
        """Keep the rows under their classes; one of a class that is not known here is of the table that was read."""
        classes = dict.fromkeys(row.get(CLASS_COLUMN.name, "") or table for row in rows)
        await self._schema.read([name for name in classes if name != table])
        family = self._schema.dictionary().family(table)
        for row in rows:
            named = row.pop(CLASS_COLUMN.name, "") or table
            if self._is_generated(named):
                continue
            if (table, row["sys_id"]) != ("sys_user", ADMIN_ID):  # the mock has its own administrator
                known = self._rows.setdefault(named if named in family else table, {})
                known[row["sys_id"]] = self._stored(table, row) | known.get(row["sys_id"], {})

    def _is_generated(self, table: str) -> bool:
        """Return whether the mock makes the records of a table, which then has a line."""
        if table not in self._generated:
            return False
        self.lines[f"table '{table}': no rows: the mock makes its records of the tables that it has"] = None
        return True

    def _stored(self, table: str, row: Row) -> Row:
        """Return the values of a row that can be stored."""
        if is_storable("".join(row.values())):
            return row
        stored = {name: text for name, text in row.items() if is_storable(text)}
        for name in sorted(row.keys() - stored.keys()):
            self.lines[f"column '{table}.{name}': values were left out that are not of its type"] = None
        return stored

    def _missing(self) -> dict[str, list[str]]:
        """Return the sys_ids of records that rows refer to and that have not been asked for, by table."""
        here = {ADMIN_ID, *(sys_id for rows in self._rows.values() for sys_id in rows)}
        dictionary = self._schema.dictionary()
        found: dict[str, set[str]] = {}
        for table, rows in self._rows.items():
            for name, target in _pointing(dictionary.columns(table)).items():
                values = {row[name] for row in rows.values() if name in row} - here
                found.setdefault(target, set()).update(each for value in values for each in sys_ids(value))
        wanted = {
            target: {each for each in ids - here if (target, each) not in self._asked} for target, ids in found.items()
        }
        self._asked |= {(target, sys_id) for target, ids in wanted.items() for sys_id in ids}
        return {target: sorted(ids) for target, ids in sorted(wanted.items()) if ids}

    def _whole(
        self, table: str, rows: Mapping[str, Row], here: set[str], emptied: Counter[tuple[str, str]]
    ) -> list[Row]:
        for name in _pointing(self._schema.dictionary().columns(table)):
            for row in [row for row in rows.values() if name in row and row[name] not in here]:
                kept = ",".join(each for each in row[name].split(",") if each in here)
                emptied[table, name] += kept != row[name]
                row[name] = kept
                if not kept:
                    del row[name]
        return [rows[sys_id] for sys_id in sorted(rows)]


def _is_read(column: Column, kind: str) -> bool:
    return kind not in NOT_READ and column.family not in {Family.PASSWORD, Family.JOURNAL}


def _replaced(rows: Rows, changing: Mapping[str, Make]) -> Rows:
    """Return rows with what is written in place of each value, and without what is empty then."""
    make_of = changing.get
    return [
        {name: made for name, value in row.items() if (made := make(value) if (make := make_of(name)) else value)}
        for row in rows
    ]


def _pointing(columns: Mapping[str, Column]) -> dict[str, str]:
    """Return the columns that refer to records of a table, with its name."""
    pointing = (each for each in columns.values() if each.type == "reference" or each.family is Family.LIST)
    return {each.name: each.reference for each in pointing if each.reference}
