"""Rows, columns and values in SQL, and how tests of them are joined."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct, field
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mock_servicenow.now_platform.dictionary.column_types import CompareAs
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.short_parts import MOST_CHARACTERS_OF_A_PART, seldom
from mock_servicenow.now_platform.dictionary.sql_tables import Folded, UnicodeFolded, ascii_lower
from mock_servicenow.now_platform.errors import Signal

_WIDEST = 20  # SQLite counts each AND of a row of ANDs as one level, and allows 1,000 levels in a statement

Test = sa.ColumnElement[bool]


class Bracketed(FunctionElement[bool]):
    """A test in brackets; SQLAlchemy drops its own where it finds them superfluous."""

    name = "bracketed"
    type = sa.Boolean()
    inherit_cache = True


@compiles(Bracketed)
def _brackets(element: Bracketed, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"({compiler.process(element.clauses, **kw)})"


def any_of(tests: Sequence[Test]) -> Test:
    """Return whether any of the tests is true; there must be at least one."""
    return _tree(sa.or_, tests)


def all_of(tests: Sequence[Test]) -> Test:
    """Return whether all of the tests are true; there must be at least one."""
    return _tree(sa.and_, tests)


def _tree(join: Callable[..., Test], tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) <= _WIDEST:
        return join(*tests)
    size = -(-len(tests) // _WIDEST)
    branches = [tests[start : start + size] for start in range(0, len(tests), size)]
    return join(*(Bracketed(_tree(join, branch)) for branch in branches))


class RecordChange(Struct, frozen=True):
    """One record as it would be; it need not be stored.

    Attributes:
        table: its class.
        values: its stored values by column, an empty text for none.
        previous: the same before the change; nothing for a new record.
    """

    table: str
    values: Mapping[str, str]
    previous: Mapping[str, str] = field(default_factory=dict)

    def before(self, column: str) -> str:
        """Return the value of a column before the change."""
        return self.previous.get(column, "")

    def after(self, column: str) -> str:
        """Return the value of a column after the change."""
        return self.values.get(column, "")


_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?\s*")
_INTEGER_DIGITS = 18  # always fit a 64-bit integer
_LONGEST_PATTERN = 50_000  # bytes; SQLite refuses longer ones

Sql = sa.ColumnElement[Any]


class UnusableTermError(Signal):
    """A term is ignored; the message completes "it is ignored: …"."""


class UnknownColumnError(UnusableTermError):
    """A term names a column that its table does not have.

    Attributes:
        name: the column.
        known: the columns that the table has, as far as the caller may read them.
    """

    def __init__(self, table: str, name: str, known: Collection[str]) -> None:
        super().__init__(f"table '{table}' has no column '{name}'")
        self.name = name
        self.known = known


class UnreadableTermError(UnusableTermError):
    """A term is about something that the caller may not read."""


class BarredTermError(UnreadableTermError):
    """A term asks something of a column that rules for queries keep from the caller."""


class UnusableValueError(Signal):
    """No stored value of the column can be compared with the value."""


def parameter(column: Column, value: str) -> Sql:
    """Return a stored value as a bound parameter, in the place of the column."""
    kind = {"integer": sa.BigInteger, "number": sa.Double, "text": sa.Text}[column.family.storage]
    return sa.cast(sa.bindparam(None, column.to_database(value), type_=kind()), kind())


class Operand(Struct, frozen=True):
    """A column in SQL, empty values being NULL."""

    column: Column
    sql: Sql

    @property
    def compare_as(self) -> CompareAs:
        """How its values compare."""
        return self.column.family.compare_as

    @property
    def comparable(self) -> Sql:
        """The SQL to compare with a `literal`, to sort by, and to index."""
        return Folded(self.sql) if self.compare_as is CompareAs.TEXT else self.sql

    def literal(self, value: str) -> Sql:
        """Return a caller's value as a bound parameter in the column's form.

        Raises:
            UnusableValueError: it is not a number, date or boolean as the column needs.
        """
        stored = self._stored(value)
        return sa.literal(stored, _type_of(stored))

    def equals_any(self, values: Sequence[str]) -> Test:
        """Return whether the column has one of the values; false or NULL for an empty column.

        Raises:
            UnusableValueError: as `literal`, if every value is unusable.
        """
        if self.compare_as is not CompareAs.TEXT:
            return self._in(self._usable(values))
        tests = [UnicodeFolded(self.sql) == UnicodeFolded(sa.literal(value)) for value in values if not value.isascii()]
        plain = [ascii_lower(value) for value in values if value.isascii()]
        return any_of([*tests, self._in(plain)] if plain else tests)

    def _in(self, stored: Sequence[str | float]) -> Test:
        if len(stored) == 1:
            return self.comparable == sa.literal(stored[0], _type_of(stored[0]))
        kind = max(map(_type_of, stored), key=lambda kind: isinstance(kind, sa.Double))
        return self.comparable.in_(sa.bindparam(None, list(stored), type_=kind))

    def _usable(self, values: Sequence[str]) -> list[str | float]:
        if self.compare_as is CompareAs.IDENTIFIER:  # sys_ids are lower case, unless a client chose one
            return list(dict.fromkeys([*values, *map(str.lower, values)]))
        stored: list[str | float] = []
        unusable: list[UnusableValueError] = []
        for value in values:
            try:
                stored.append(self._stored(value))
            except UnusableValueError as error:
                unusable.append(error)
        if not stored:
            raise unusable[0]
        return stored

    def _stored(self, value: str) -> str | float:
        match self.compare_as:
            case CompareAs.TEXT:
                return ascii_lower(value)
            case CompareAs.NUMBER:
                return _number(value)
            case CompareAs.IDENTIFIER:
                return value
        stored = self.column.to_stored(value)
        if stored is None:
            raise UnusableValueError(f"'{self.column.name}' holds values of type {self.column.type}")
        return stored

    def matches(self, before: str, value: str, after: str) -> Test:
        """Return whether the text is the value between the wildcards; what the caller sent is literal.

        Raises:
            UnusableValueError: the value is longer than any stored text.
        """
        literal = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        if len(literal.encode()) + 2 > _LONGEST_PATTERN:
            raise UnusableValueError(f"it is longer than {_LONGEST_PATTERN} bytes")
        text = self.sql if self.compare_as is not CompareAs.NUMBER else sa.cast(self.sql, sa.Text())
        pattern = f"{before}{literal}{after}"
        if value.isascii():
            test = Folded(text).like(sa.literal(ascii_lower(pattern), sa.Text()), escape="\\")
            is_part = len(value) <= MOST_CHARACTERS_OF_A_PART and before and after
            return seldom(test) if is_part else test
        return seldom(UnicodeFolded(text).like(UnicodeFolded(sa.literal(pattern, sa.Text())), escape="\\"))


def _type_of(stored: str | float) -> sa.types.TypeEngine[Any]:
    if isinstance(stored, str):
        return sa.Text()
    return sa.BigInteger() if isinstance(stored, int) else sa.Double()


def _number(value: str) -> float:
    if _NUMBER.fullmatch(value) is None:
        raise UnusableValueError("it is not a number")
    return int(value) if "." not in value and len(value) <= _INTEGER_DIGITS else float(value)


class Rows(Struct, frozen=True):
    """The rows that a query is about.

    Attributes:
        table: its name in the dictionary.
        column: returns the SQL of a column; raises UnusableTermError if the caller may not read it.
        source: the table or alias they are selected from; None for the values of a single record.
        change: the single record before and after its change; None for stored rows.
        readable: whether the caller may read a row.
    """

    table: str
    column: Callable[[str], Sql]
    source: sa.FromClause | None = None
    change: RecordChange | None = None
    readable: Test = field(default_factory=sa.true)

    @property
    def key(self) -> Sql:
        """The SQL of the sys_id of stored rows, which everybody may read who may read the row."""
        assert self.source is not None  # noqa: S101 - a single record refers to stored rows, never the other way round
        return self.source.c.sys_id

    def select(self, value: Sql, *conditions: Test) -> sa.Select[tuple[Any]]:
        """Return a value of those rows that may be read and meet the conditions.

        Such a sub-query depends on nothing outside, which lets the database start at either end.
        """
        return sa.select(value).where(sa.and_(sa.true(), self.readable, *conditions)).correlate(None)


def one_record(dictionary: Dictionary, change: RecordChange) -> Rows:
    """Return a record as it would be, whether it is stored or not."""
    columns = dictionary.columns(change.table)
    return Rows(change.table, lambda name: parameter(columns[name], change.after(name)), change=change)


def of_class(dictionary: Dictionary, rows: Rows) -> Test:
    """Return whether a stored row of a hierarchy is of the table's class or of one that extends it."""
    if rows.source is None or dictionary.root(rows.table) == rows.table:
        return sa.true()
    return rows.source.c.sys_class_name.in_(dictionary.family(rows.table))
