"""The tables of an instance, as files of tables can define them beside those that ship."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.column_types import MEANT, TYPES, Family
from mock_servicenow.now_platform.dictionary.definition_rules import (
    SYSTEM_NAMES,
    expected_default,
    stored_default,
    why_other_type,
)
from mock_servicenow.now_platform.dictionary.definitions import (
    MOST_LENGTH,
    SCRIPT,
    Choice,
    Column,
    DictionaryError,
    Table,
    is_name,
    to_label,
)
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.dictionary_rows import COLLECTION
from mock_servicenow.pull.harmless_words import HarmlessWords
from mock_servicenow.pull.schema_records import FLAGS, REMOVED, SchemaRecords, to_number
from privman_core.inputs import quoted
from privman_core.table_reader import UnreadableInstanceError, UnreadableTableError

_WITH_TARGETS = frozenset({Family.REFERENCE, Family.LIST})


class PulledSchema:
    """The tables that have been read, and what cannot be carried over.

    Args:
        records: define them.
        base: the tables that ship with the mock.

    Attributes:
        lines: what cannot be carried over, a line each, without repetition.
        without_columns: tables of which the instance shows no column.
    """

    def __init__(self, records: SchemaRecords, base: Dictionary) -> None:
        self._records = records
        self._base = base
        self.lines = records.lines
        self.without_columns: set[str] = set()
        self._made: tuple[int, Dictionary] | None = None
        self._words: HarmlessWords | None = None

    async def read(self, names: Iterable[str]) -> list[str]:
        """Read tables with those that they extend; returns those that the instance has.

        Raises UnreadableInstanceError, also where the user may not read the dictionary.
        """
        try:
            return await self._read_all(list(dict.fromkeys(names)))
        except UnreadableTableError as error:
            expected = "a user who may read the dictionary, such as an administrator"
            raise UnreadableInstanceError(f"{error}; expected {expected}") from None

    async def _read_all(self, wanted: list[str]) -> list[str]:
        await self._records.read_tables(wanted)
        found = [name for name in wanted if name in self._records.tables]
        new = list(dict.fromkeys(each for name in found for each in self._records.lineage(name)))
        unread = [name for name in new if name not in self._records.columns]
        await self._records.read_columns(unread)
        for name in unread:
            if not self._records.columns[name]:
                self.without_columns.add(name)
                why = "the instance shows the user no record of sys_dictionary about it"
                self.lines[f"table '{name}': its columns were not read: {why}"] = None
        targets = dict.fromkeys(row["reference"] for rows in self._records.columns.values() for row in rows)
        await self._records.read_tables([name for name in targets if name and not self._ships(name)])
        return found

    async def read_displays(self) -> None:
        """Read the display columns of the tables to which columns refer, of which nothing else is known."""
        await self._records.read_columns(
            [name for name in self._records.tables if name not in self._records.columns], "^display=true"
        )

    def columns(self, name: str) -> Mapping[str, Column]:
        """Return the columns of a table that the instance has, the system's among them."""
        here = {row["element"] for each in self._records.lineage(name) for row in self._records.columns[each]}
        shown = here | SYSTEM_NAMES
        return {each: column for each, column in self.dictionary().columns(name).items() if each in shown}

    def declared(self, name: str) -> dict[str, str]:
        """Return the type of each column of a table on the instance, by name."""
        rows = (row for each in reversed(self._records.lineage(name)) for row in self._records.columns[each])
        return {row["element"]: MEANT.get(row["internal_type"], row["internal_type"]) or "string" for row in rows}

    def shipping(self, name: str) -> AbstractSet[str]:
        """Return the names of a table's columns that ship with the mock, the system's among them."""
        near = next((each for each in self.dictionary().lineage(name) if self._ships(each)), None)
        return SYSTEM_NAMES | (self._base.columns(near).keys() if near else set())

    def words(self) -> HarmlessWords:
        """Return the words of all tables that ship or have been read."""
        if self._words is None or self._words.dictionary is not self.dictionary():
            self._words = HarmlessWords(self.dictionary(), (self._records.prefixes or {}).values())
        return self._words

    def dictionary(self) -> Dictionary:
        """Return the tables that ship with all that has been read; what contradicts itself is left out, with a line."""
        if self._made is None or self._made[0] != self._records.reads:
            self._made = (self._records.reads, self._built())
        return self._made[1]

    def _built(self) -> Dictionary:
        tables = {table.name: table for table in self._base}
        for name in sorted(self._records.tables, key=lambda name: len(self._records.lineage(name))):
            if is_name(name):
                tables[name] = self._table(name, tables)
            else:
                self._records.leave_out(f"table {quoted(name)}", "its name is invalid")
        while True:
            try:
                return Dictionary(tables.values())
            except DictionaryError as error:
                self._drop(tables, error)

    def _ships(self, name: str) -> bool:
        return self._base.table(name) is not None

    def _table(self, name: str, tables: Mapping[str, Table]) -> Table:
        row = self._records.tables[name]
        parent = row["super_class.name"] or None
        before = tables.get(name) or Table(name, parent=parent, extendable=row["is_extendable"] == "true")
        if self._ships(name) and before.parent != parent:
            here = f"extends '{before.parent}'" if before.parent else "extends no table"
            self._records.leave_out(
                f"table '{name}'", f"extending '{parent or ''}', but for its columns: the mock's {here}"
            )
        sources = self._sources(name)
        inherited = self._inherited(before, tables)
        columns = {column.name: column for column in before.columns}
        for given in (row for source in sources for row in self._records.columns.get(source, ())):
            column = self._column(given, columns.get(given["element"]) or inherited.get(given["element"]))
            if column is not None and column != inherited.get(column.name):
                columns[column.name] = column
        for source in sources:
            columns |= self._with_choices(source, {**inherited, **columns})
        columns = {each: self._with_a_choice(name, column) for each, column in columns.items()}
        prefix = (self._records.prefixes or {}).get(name) or before.number_prefix
        prefix = prefix if "number" in {**inherited, **columns} else None
        return replace(
            before, label=row["label"] or before.label, columns=tuple(columns.values()), number_prefix=prefix
        )

    def _sources(self, name: str) -> list[str]:
        """Return the tables whose columns a table has: itself last, before it those that the mock's does not extend."""
        above = self._records.lineage(name)[1:] if self._ships(name) else []
        kept = self._base.lineage(name) if self._ships(name) else ()
        return [*reversed([each for each in above if each not in kept]), name]

    @staticmethod
    def _inherited(table: Table, tables: Mapping[str, Table]) -> dict[str, Column]:
        found: dict[str, Column] = {}
        each = tables.get(table.parent or "")
        while each is not None:
            found = {column.name: column for column in each.columns} | found
            each = tables.get(each.parent or "")
        return {name: replace(column, choices=()) for name, column in found.items()}

    def _column(self, row: Mapping[str, str], known: Column | None) -> Column | None:
        """Return a column as its record describes it, with the type and the target that a known one has."""
        name, where = row["element"], f"column '{row['name']}.{row['element']}'"
        if name in SYSTEM_NAMES or row["internal_type"] == COLLECTION:
            return None
        if not is_name(name):
            self._records.leave_out(where, "its name is invalid")
            return None
        column = self._typed(row, where)
        if known is not None:
            if column.reference != known.reference or why_other_type(column, known):
                self._records.leave_out(where, f"type {_typed_words(column)}: the mock's is {_typed_words(known)}")
            column = replace(column, type=known.type, reference=known.reference, indexed=known.indexed)
            column = replace(column, unique=known.unique, read_only=known.read_only, choices=known.choices)
        length = to_number(row["max_length"])
        column = replace(column, max_length=length) if 0 < length <= MOST_LENGTH else column
        return self._with_default(replace(column, reference_qual=self._qualifier(row, where)), row, where)

    def _typed(self, row: Mapping[str, str], where: str) -> Column:
        type_ = MEANT.get(row["internal_type"], row["internal_type"]) or "string"
        if type_ not in TYPES:
            self._records.leave_out(where, f"type '{type_}', which the mock does not know: it holds texts")
            type_ = "string"
        target = row["reference"] or None
        mandatory, display, unique, read_only = (row[flag] == "true" for flag in FLAGS)
        column = Column(
            row["element"],
            row["column_label"] or to_label(row["element"]),
            type_,
            mandatory=mandatory,
            display=display,
            unique=unique,
            read_only=read_only,
        )
        if column.family not in _WITH_TARGETS:
            return column
        if target is not None and target not in self._records.tables and not self._ships(target):
            self._records.leave_out(
                where, f"the table '{target}' to which it refers: the instance has none of that name"
            )
            target = None
        return replace(column, type="string" if type_ == "reference" and target is None else type_, reference=target)

    def _qualifier(self, row: Mapping[str, str], where: str) -> str:
        kind, query = row["use_reference_qualifier"], row["reference_qual"]
        if kind in {"dynamic", "advanced"} or query.startswith(SCRIPT):
            self._records.leave_out(where, f"its {kind or 'scripted'} reference qualifier")
            return ""
        if query == REMOVED:
            self._records.leave_out(where, "its reference qualifier, which may name somebody or have a secret")
            return ""
        return query

    def _with_default(self, column: Column, row: Mapping[str, str], where: str) -> Column:
        if row["virtual"] == "true":
            self._records.leave_out(where, "its calculation: rows have the values as they were")
        if row["use_dynamic_default"] == "true":
            self._records.leave_out(where, "its dynamic default")
            return column
        if row["default_value"] == REMOVED:
            self._records.leave_out(where, "its default, which may be a secret")
            return column
        defaulting = replace(column, default=row["default_value"] or None)
        if expected := expected_default(defaulting):
            self._records.leave_out(where, f"default {quoted(row['default_value'])}: expected {expected}")
            return column
        return replace(defaulting, default=stored_default(defaulting))

    def _with_choices(self, table: str, columns: Mapping[str, Column]) -> Iterator[tuple[str, Column]]:
        """Yield the columns of which the table has choices, by name."""
        for (name, element), rows in self._records.choices.items():
            column = columns.get(element) if name == table else None
            if column is None:
                continue
            choices = {choice.value: choice for choice in column.choices}
            if stay := choices.keys() - {row["value"] for row in rows}:
                self._records.leave_out(
                    f"column '{table}.{element}'", f"that it lacks choices of the mock: {', '.join(sorted(stay))}"
                )
            for row in rows:
                if row["value"] == REMOVED:
                    self._records.leave_out(f"column '{table}.{element}'", "a choice, which may be a secret")
                elif row["value"] and column.to_stored(row["value"]) is None:
                    self._records.leave_out(
                        f"column '{table}.{element}'", f"choice {quoted(row['value'])}: it is no {column.type}"
                    )
                elif row["value"]:
                    choices[row["value"]] = Choice(row["value"], row["label"] or row["value"])
            yield element, replace(column, choices=tuple(choices.values()))

    def _with_a_choice(self, table: str, column: Column) -> Column:
        """Return the column without a default that is none of its choices."""
        default = column.default or ""
        if not column.choices or not default or default.startswith(SCRIPT):
            return column
        if default in {choice.value for choice in column.choices}:
            return column
        self._records.leave_out(
            f"column '{table}.{column.name}'", f"default {quoted(default)}: it is none of its choices"
        )
        return replace(column, default=None)

    def _drop(self, tables: dict[str, Table], error: DictionaryError) -> None:
        """Leave out of the tables what an error is about."""
        name, *path = error.path
        table = tables[name]
        match path:
            case ["columns", column, *_]:
                kept = tuple(each for each in table.columns if each.name != column)
                tables[name] = replace(table, columns=kept)
                self._records.leave_out(f"column '{name}.{column}'", str(error))
            case ["extends"]:
                tables[name] = replace(table, parent=None)
                self._records.leave_out(f"table '{name}'", str(error))
            case _:
                del tables[name]
                self._records.leave_out(f"table '{name}'", str(error))


def _typed_words(column: Column) -> str:
    return f"{column.type} to {column.reference}" if column.reference else column.type
