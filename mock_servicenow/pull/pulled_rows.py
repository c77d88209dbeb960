"""A sample of an instance's rows, with the records to which they refer."""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, Column
from mock_servicenow.now_platform.dictionary.values import is_storable
from mock_servicenow.now_platform.provisioning.provisioning import ADMIN_ID
from mock_servicenow.pull.page_log import Rows
from mock_servicenow.pull.pulled_schema import PulledSchema
from mock_servicenow.pull.read_only import ReadOnlyInstance
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

    Attributes:
        lines: what was left out, a line each.
        refused: tables of the sample whose rows the user may not read.
        treated: the treatment of columns, by table and column.
    """

    def __init__(self, instance: ReadOnlyInstance, schema: PulledSchema, treatments: Treatments) -> None:
        self._instance = instance
        self._schema = schema
        self._treatments = treatments
        self.lines: dict[str, None] = {}
        self.refused: list[str] = []
        self.treated: dict[tuple[str, str], str] = {}
        self._rows: dict[str, dict[str, Row]] = {}  # by class and sys_id
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
        if dictionary.table(table) is None or not most:
            return
        columns = self._schema.columns(table)
        kinds = self._treatments.of(dictionary.lineage(table), columns.values(), self._schema.declared(table))
        read = [name for name, column in columns.items() if _is_read(column, kinds[name])]
        words = self._schema.words()
        makes = {name: self._treatments.making(columns[name], kinds[name], words) for name in read}
        try:
            rows = await self._instance.rows(table, query, read, most, lambda rows: _replaced(rows, makes))
        except UnreadableTableError as error:
            self.lines[f"rows were left out: {error}"] = None
            self.refused += [table] * named
            return
        self.treated |= {(table, name): kind for name, kind in kinds.items()}
        if named and not rows:
            self.refused += [table] * (table in self._instance.hidden)
            self.lines[f"table '{table}': no rows: there are none, or {self._instance.user} may not read them"] = None
        await self._keep(table, rows)

    async def _keep(self, table: str, rows: Rows) -> None:
        """Keep the rows under their classes; one of a class that is not known here is of the table that was read."""
        classes = dict.fromkeys(row.get(CLASS_COLUMN.name, "") or table for row in rows)
        await self._schema.read([name for name in classes if name != table])
        family = self._schema.dictionary().family(table)
        for row in rows:
            named = row.pop(CLASS_COLUMN.name, "") or table
            if (table, row["sys_id"]) != ("sys_user", ADMIN_ID):  # the mock has its own administrator
                known = self._rows.setdefault(named if named in family else table, {})
                known[row["sys_id"]] = self._stored(table, row) | known.get(row["sys_id"], {})

    def _stored(self, table: str, row: Row) -> Row:
        """Return the values of a row that can be stored."""
        filled = {name: text for name, text in row.items() if text}
        if is_storable("".join(filled.values())):
            return filled
        stored = {name: text for name, text in filled.items() if is_storable(text)}
        for name in sorted(filled.keys() - stored.keys()):
            self.lines[f"column '{table}.{name}': values were left out that are not of its type"] = None
        return stored

    def _missing(self) -> dict[str, list[str]]:
        """Return the sys_ids of records that rows refer to and that have not been asked for, by table."""
        here = {ADMIN_ID, *(sys_id for rows in self._rows.values() for sys_id in rows)}
        dictionary = self._schema.dictionary()
        found: dict[str, dict[str, None]] = {}
        for table, rows in self._rows.items():
            pointing = _pointing(dictionary.columns(table))
            for row in rows.values():
                for name in (name for name in pointing.keys() & row.keys() if row[name] not in here):
                    wanted = found.setdefault(pointing[name], {})
                    if row[name] not in wanted:
                        wanted.update(dict.fromkeys(each for each in sys_ids(row[name]) if each not in here))
        found = {
            target: {each: None for each in wanted if (target, each) not in self._asked}
            for target, wanted in found.items()
        }
        self._asked |= {(target, sys_id) for target, wanted in found.items() for sys_id in wanted}
        return {target: sorted(wanted) for target, wanted in sorted(found.items())}

    def _whole(
        self, table: str, rows: Mapping[str, Row], here: set[str], emptied: Counter[tuple[str, str]]
    ) -> list[Row]:
        pointing = _pointing(self._schema.dictionary().columns(table)).keys()
        for row in rows.values():
            for name in pointing & row.keys():
                if row[name] not in here:
                    kept = ",".join(each for each in row[name].split(",") if each in here)
                    emptied[table, name] += kept != row[name]
                    row[name] = kept
                    if not kept:
                        del row[name]
        return [rows[sys_id] for sys_id in sorted(rows)]


def _is_read(column: Column, kind: str) -> bool:
    return kind not in NOT_READ and column.family not in {Family.PASSWORD, Family.JOURNAL}


def _replaced(rows: Rows, makes: Mapping[str, Make | None]) -> Rows:
    """Put what is written in place of each value into rows."""
    changing = {name: make for name, make in makes.items() if make}
    for row in rows:
        for name in changing.keys() & row.keys():
            row[name] = changing[name](row[name])
    return rows


def _pointing(columns: Mapping[str, Column]) -> dict[str, str]:
    """Return the columns that refer to records of a table, with its name."""
    pointing = (each for each in columns.values() if each.type == "reference" or each.family is Family.LIST)
    return {each.name: each.reference for each in pointing if each.reference}
