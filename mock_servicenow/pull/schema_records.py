"""The records of an instance that define tables, columns, choices and numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from mock_servicenow.now_platform.dictionary.column_types import MEANT
from mock_servicenow.now_platform.dictionary.definitions import Column, is_name
from mock_servicenow.pull.harmless_words import HarmlessWords, is_prefix
from mock_servicenow.pull.page_log import Rows
from mock_servicenow.pull.read_only import REFUSED, ReadOnlyInstance, Replace
from mock_servicenow.pull.treatments import Treatments
from privman_core.natural_numbers import natural_number
from privman_core.table_reader import UnreadableTableError

FLAGS = ("mandatory", "display", "unique", "read_only")
REMOVED = "(removed)"
"""Takes the place of a text until it is reported."""
_TABLE_FIELDS = ["sys_id", "name", "label", "super_class.name", "is_extendable"]
_COLUMN_FIELDS = [
    *("sys_id", "name", "element", "column_label", "internal_type", "max_length", "reference", *FLAGS),
    *("default_value", "use_dynamic_default", "reference_qual", "use_reference_qualifier", "virtual"),
]
_CHOICE_FIELDS = ["sys_id", "name", "element", "value", "label", "sequence", "language"]
_NAMES = frozenset({"name", "element", "internal_type", "reference", "super_class.name", "language"})
_LABELS = frozenset({"label", "column_label"})
_ENGLISH = "en"
_NAMES_A_QUERY = 50
_LAST = 2**63


class SchemaRecords:
    """The records that have been read, without secrets and what is plainly personal.

    Args:
        instance: they are read from it.
        treatments: what becomes of their texts, before they are kept anywhere.
        words: of the tables that ship.

    Attributes:
        tables: records of sys_db_object by name.
        columns: records of sys_dictionary by table.
        choices: records of sys_choice by table and column, in order.
        prefixes: of numbers, by table; None before they are read.
        lines: what was left out, a line each, without repetition.
        reads: how often records were added.
    """

    def __init__(self, instance: ReadOnlyInstance, treatments: Treatments, words: HarmlessWords) -> None:
        self._instance = instance
        self._words = words
        self._offered: set[str] = set()  # choices
        self._treatments = treatments
        self._absent: set[str] = set()
        self.tables: dict[str, dict[str, str]] = {}
        self.columns: dict[str, Rows] = {}
        self.choices: dict[tuple[str, str], Rows] = {}
        self.prefixes: dict[str, str] | None = None
        self.lines: dict[str, None] = {}
        self.reads = 0

    def lineage(self, name: str) -> list[str]:
        """Return a table and those that it extends, the nearest first."""
        found: dict[str, None] = {}
        each = name
        while each in self.tables and each not in found:
            found[each] = None
            each = self.tables[each]["super_class.name"]
        return list(found)

    async def read_tables(self, names: Iterable[str]) -> None:
        """Read those of tables and of what they extend; raises what `ReadOnlyInstance.rows` raises."""
        pending = [name for name in names if name not in self.tables and name not in self._absent]
        while pending:
            self.reads += 1
            rows = await self._read("sys_db_object", "name", pending, _TABLE_FIELDS)
            for row in rows:
                if self.tables.setdefault(row["name"], row) != row:
                    self.leave_out(f"table '{row['name']}'", "a second record of sys_db_object defines it")
            self._absent |= set(pending) - self.tables.keys()
            parents = dict.fromkeys(row["super_class.name"] for row in rows)
            pending = [each for each in parents if each and each not in self.tables and each not in self._absent]
        for row in self.tables.values():
            if row["name"] in self.lineage(row["super_class.name"]):
                self.leave_out(f"table '{row['name']}'", f"it extends itself through '{row['super_class.name']}'")
                row["super_class.name"] = ""

    async def read_columns(self, names: Sequence[str], more: str = "") -> None:
        """Read those of columns of tables, of their choices, and of numbers; raises what `rows` raises."""
        if not names:
            return
        self.reads += 1
        await self._read_choices(names)
        query = f"^active=true{more}"
        for row in await self._read("sys_dictionary", "name", names, _COLUMN_FIELDS, query, self._cleaned):
            self.columns.setdefault(row["name"], []).append(row)
        for name in names:
            self.columns.setdefault(name, [])
        if self.prefixes is None:
            self.prefixes = await self._read_prefixes()

    async def _read_choices(self, names: Sequence[str]) -> None:
        try:
            choices = await self._read(
                "sys_choice", "name", names, _CHOICE_FIELDS, "^inactive=false", self._cleaned_choices
            )
        except UnreadableTableError as error:
            choices = []
            self.lines[f"choices were left out: {REFUSED} ({error.answered})"] = None
        for row in sorted(choices, key=lambda row: (to_number(row["sequence"]), row["sys_id"])):
            self.choices.setdefault((row["name"], row["element"]), []).append(row)
        for (name, element), rows in self.choices.items():
            self.choices[name, element] = self._in_one_language(name, element, rows)
        self._offered |= {row["value"] for row in choices}

    def leave_out(self, where: str, what: str) -> None:
        """Add a line about what was left out."""
        self.lines[f"{where}: left out: {what}"] = None

    def _in_one_language(self, name: str, element: str, rows: Rows) -> Rows:
        """Return a row for each value: in English, else in the first language that has one, with a line."""
        found: dict[str, dict[str, str]] = {}
        for row in sorted(rows, key=lambda row: (row["language"] not in {_ENGLISH, ""}, row["language"])):
            found.setdefault(row["value"], row)
        if others := sorted({row["language"] for row in found.values()} - {_ENGLISH, ""}):
            shown = ", ".join(map(repr, others))
            self.lines[f"column '{name}.{element}': choices without an English label have that of {shown}"] = None
        kept = {id(row) for row in found.values()}
        return [row for row in rows if id(row) in kept]

    async def _read_prefixes(self) -> dict[str, str]:
        """Return the prefixes of the numbers of all tables: rows of one may have numbers of any that extends it."""
        fields = ["sys_id", "category", "prefix"]
        try:
            rows = await self._instance.rows("sys_number", "prefixISNOTEMPTY", fields, replace=_with_prefixes)
        except UnreadableTableError as error:
            self.lines[f"prefixes of numbers were left out: {REFUSED} ({error.answered})"] = None
            return {}
        return {row["category"]: row["prefix"] for row in rows if "category" in row}

    def _cleaned(self, rows: Rows) -> Rows:
        """Take secrets and what is plainly personal out of the texts of columns' definitions."""
        cleaning: Mapping[str, Callable[[str, Column, str], str]] = {
            "default_value": self._treatments.definition,
            "reference_qual": partial(self._treatments.qualifier, is_word=self._is_word),
        }
        for row in rows:
            most = natural_number(row.get("max_length", "")) or 0
            type_ = MEANT.get(row.get("internal_type", ""), row.get("internal_type", "")) or "string"
            column = Column(row.get("element", ""), type=type_, max_length=most)
            for field, clean in cleaning.items():
                if field in row:
                    row[field] = clean(row.get("name", ""), column, row[field]) or REMOVED
        return rows

    def _is_word(self, value: str) -> bool:
        return value in self._offered or value in self.tables or self._words.is_name(value)

    def _cleaned_choices(self, rows: Rows) -> Rows:
        """Leave out choices of columns that are not even read."""
        return [row for row in rows if not self._treatments.has_secrets(Column(row.get("element", "")))]

    def _screened(self, rows: Rows) -> Rows:
        """Take what is plainly personal, and secrets, out of all other texts: names may be anything, too."""
        clean = self._treatments.label
        for row in rows:
            row |= {field: clean(row[field]) for field in _LABELS & row.keys()}
            if row.get("value"):
                row["value"] = self._treatments.value(row["value"]) or REMOVED
            named = ((field, row[field]) for field in _NAMES & row.keys())
            row |= {field: clean(name) or REMOVED for field, name in named if not is_name(name)}
        return rows

    async def _read(  # noqa: PLR0913, PLR0917 - what a query is made of
        self,
        table: str,
        key: str,
        names: Sequence[str],
        fields: list[str],
        query: str = "",
        replace: Replace = list,
    ) -> Rows:
        """Return the rows of a table of the dictionary about these; raises what `ReadOnlyInstance.rows` raises."""
        found = []
        for start in range(0, len(names), _NAMES_A_QUERY):
            some = names[start : start + _NAMES_A_QUERY]
            query_of = f"{key}IN{','.join(some)}{query}"
            found += await self._instance.rows(
                table, query_of, fields, replace=lambda rows: self._screened(replace(rows))
            )
        return [dict.fromkeys(fields, "") | row for row in found]


def to_number(text: str) -> int:
    """Return a whole number, which may have separators; what is none comes last."""
    number = natural_number(text.replace(",", ""))
    return _LAST if number is None else number


def _with_prefixes(rows: Rows) -> Rows:
    return [row for row in rows if is_prefix(row.get("prefix", ""))]
