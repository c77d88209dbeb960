"""A sample of an instance's rows, with the records to which they refer."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, Column
from mock_servicenow.now_platform.dictionary.values import is_storable, is_sys_id
from mock_servicenow.now_platform.provisioning.provisioning import ADMIN_ID
from mock_servicenow.pull.page_log import Rows
from mock_servicenow.pull.pseudonyms import DROP, NEVER, PseudonymRule, Pseudonyms, treatment_of
from mock_servicenow.pull.pulled_schema import PulledSchema
from mock_servicenow.pull.read_only import ReadOnlyInstance, UnreadableTableError

_IDS_A_QUERY = 100
_WITHOUT_WORDS = frozenset({Family.BOOLEAN, Family.DATE, Family.DATE_TIME, Family.DURATION})
_IDENTIFYING = frozenset({"sys_id", CLASS_COLUMN.name})
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
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


class Treatments:
    """What becomes of the values of each column.

    Args:
        rules: the first that fits a column decides.
        keeps_text: whether what rules would drop is copied.
    """

    def __init__(self, rules: Sequence[PseudonymRule], pseudonyms: Pseudonyms, *, keeps_text: bool) -> None:
        self._rules = rules
        self._pseudonyms = pseudonyms
        self._keeps_text = keeps_text

    def of(self, lineage: Sequence[str], columns: Iterable[Column]) -> dict[str, str]:
        """Return the treatment of each column, by name; what is copied has none."""
        found = {column.name: self._of(lineage, column) for column in columns if column.name not in _IDENTIFYING}
        return {name: kind for name, kind in found.items() if kind}

    def _of(self, lineage: Sequence[str], column: Column) -> str:
        kind = treatment_of(self._rules, lineage, column)
        if kind in {DROP, NEVER}:
            return "" if kind == DROP and self._keeps_text else kind
        return "" if column.reference or column.family in _WITHOUT_WORDS else kind

    def replaced(self, kind: str, value: str) -> str:
        """Return the pseudonym of a value; empty for one that is dropped."""
        return "" if kind in {DROP, NEVER} else self._pseudonyms.replaced(kind, value)


class PulledRows:
    """The rows that have been read.

    Args:
        instance: they are read from it.
        schema: the tables.
        treatments: what becomes of their values, before they are kept anywhere.

    Attributes:
        lines: what was left out, a line each.
        refused: tables of the sample that the user may not read.
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
        """Read the sample, and what it refers to; raises PullError."""
        for table in sample.tables:
            await self._read(table, sample.queries.get(table, ""), sample.most, named=True)
        for _ in range(sample.levels):
            for target, sys_ids in self._missing().items():
                if await self._schema.read([target]):
                    await self._read_all(target, sys_ids)

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

    async def _read_all(self, table: str, sys_ids: Sequence[str]) -> None:
        for start in range(0, len(sys_ids), _IDS_A_QUERY):
            some = sys_ids[start : start + _IDS_A_QUERY]
            await self._read(table, f"sys_idIN{','.join(some)}", len(some), named=False)

    async def _read(self, table: str, query: str, most: int, *, named: bool) -> None:
        dictionary = self._schema.dictionary()
        if dictionary.table(table) is None or not most:
            return
        columns, lineage = dictionary.columns(table), dictionary.lineage(table)
        kinds = self._treatments.of(lineage, columns.values())
        read = [name for name, column in columns.items() if _is_read(column, kinds.get(name, ""))]
        lists = {name for name in read if columns[name].family is Family.LIST}
        try:
            rows = await self._instance.rows(table, query, read, most, lambda rows: self._replaced(rows, lists, kinds))
        except UnreadableTableError as error:
            self.lines[f"rows were left out: {error}"] = None
            self.refused += [table] * named
            return
        self.treated |= {(table, name): kind for name, kind in kinds.items()}
        await self._keep(table, rows)

    async def _keep(self, table: str, rows: Rows) -> None:
        """Keep the rows under their classes; one of a class that is not known here is of the table that was read."""
        classes = dict.fromkeys(row.get(CLASS_COLUMN.name, "") or table for row in rows)
        await self._schema.read([name for name in classes if name != table])
        family, columns = self._schema.dictionary().family(table), self._schema.dictionary().columns(table)
        converted = {name: column for name, column in columns.items() if column.family.convert is not None}
        for row in rows:
            named = row.pop(CLASS_COLUMN.name, "") or table
            if (table, row["sys_id"]) != ("sys_user", ADMIN_ID):  # the mock has its own administrator
                known = self._rows.setdefault(named if named in family else table, {})
                known[row["sys_id"]] = self._stored(table, row, converted) | known.get(row["sys_id"], {})

    def _replaced(self, rows: Rows, lists: AbstractSet[str], kinds: Mapping[str, str]) -> Rows:
        """Put pseudonyms into rows, and keep of lists, such as watchers, the sys_ids alone."""
        for row in rows:
            for name in lists & row.keys():
                row[name] = ",".join(_targets(row[name]))
            for name in kinds.keys() & row.keys():
                row[name] = self._treatments.replaced(kinds[name], row[name])
        return rows

    def _stored(self, table: str, row: Row, converted: Mapping[str, Column]) -> Row:
        """Return the values of a row in the form in which they are stored."""
        stored: dict[str, str | None] = {name: text for name, text in row.items() if is_storable(text)}
        stored |= {name: converted[name].to_stored(text or "") for name, text in stored.items() if name in converted}
        for name in (name for name in row if stored.get(name) is None):
            self.lines[f"column '{table}.{name}': values were left out that are not of its type"] = None
        return {name: text for name, text in stored.items() if text}

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
                    wanted.update(dict.fromkeys(each for each in _targets(row[name]) if each not in here))
        found = {
            target: {each: None for each in sys_ids if (target, each) not in self._asked}
            for target, sys_ids in found.items()
        }
        self._asked |= {(target, sys_id) for target, sys_ids in found.items() for sys_id in sys_ids}
        return {target: sorted(sys_ids) for target, sys_ids in sorted(found.items())}

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
    return kind not in {NEVER, DROP} and column.family not in {Family.PASSWORD, Family.JOURNAL}


def _pointing(columns: Mapping[str, Column]) -> dict[str, str]:
    """Return the columns that refer to records of a table, with its name."""
    pointing = (each for each in columns.values() if each.type == "reference" or each.family is Family.LIST)
    return {each.name: each.reference for each in pointing if each.reference}


def _targets(value: str) -> list[str]:
    return [each for each in map(str.strip, value.split(",")) if is_sys_id(each)]
