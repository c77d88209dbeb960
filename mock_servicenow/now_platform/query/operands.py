"""A column as a condition sees it: its SQL, and values in the form in which it stores them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import Kind, kind_of, storage_kind
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.sql_tables import Folded, UnicodeFolded, ascii_lower
from mock_servicenow.now_platform.dictionary.values import to_database, to_stored
from mock_servicenow.now_platform.query.junctions import Test, any_of

_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?\s*")
_INTEGER_DIGITS = 18  # fewer than a 64-bit integer holds
_LONGEST_PATTERN = 50_000  # bytes; SQLite refuses longer ones

Sql = sa.ColumnElement[Any]


class UnusableTermError(Exception):
    """The term cannot be asked; the message completes "it is ignored: …"."""


class UnreadableTermError(UnusableTermError):
    """The caller may not read what the term asks about."""


class UnusableValueError(Exception):
    """No stored value of the column could ever equal or be compared with the value."""


def parameter(column: Column, value: str) -> Sql:
    """Return a stored value as a bound parameter, in the place of the column."""
    kind = {"integer": sa.BigInteger, "number": sa.Double, "text": sa.Text}[storage_kind(column.type)]
    return sa.cast(sa.bindparam(None, to_database(column, value), type_=kind()), kind())


@dataclass(frozen=True, slots=True)
class Operand:
    """A column in SQL, empty values being NULL."""

    column: Column
    sql: Sql

    @property
    def kind(self) -> Kind:
        """How its values compare."""
        return kind_of(self.column.type)

    @property
    def comparable(self) -> Sql:
        """The SQL to compare with a `literal`, to sort by, and to index."""
        return Folded(self.sql) if self.kind is Kind.TEXT else self.sql

    def literal(self, value: str) -> Sql:
        """Return a caller's value as a bound parameter in the column's form.

        Raises:
            UnusableValueError: it is no number, date or boolean although the column holds those.
        """
        stored = self._stored(value)
        return sa.literal(stored, _type_of(stored))

    def equals_any(self, values: Sequence[str]) -> Test:
        """Return whether the column holds one of the values; false or NULL for an empty column.

        Raises:
            UnusableValueError: as `literal`, if it could hold none of them.
        """
        if self.kind is not Kind.TEXT:
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
        if self.kind is Kind.IDENTIFIER:  # sys_ids are lower case, unless a client chose one
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
        match self.kind:
            case Kind.TEXT:
                return ascii_lower(value)
            case Kind.NUMBER:
                return _number(value)
            case Kind.IDENTIFIER:
                return value
        stored = to_stored(self.column, value)
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
        text = self.sql if self.kind is not Kind.NUMBER else sa.cast(self.sql, sa.Text())
        pattern = f"{before}{literal}{after}"
        if value.isascii():
            return Folded(text).like(sa.literal(ascii_lower(pattern), sa.Text()), escape="\\")
        return UnicodeFolded(text).like(UnicodeFolded(sa.literal(pattern, sa.Text())), escape="\\")


def _type_of(stored: str | float) -> sa.types.TypeEngine[Any]:
    if isinstance(stored, str):
        return sa.Text()
    return sa.BigInteger() if isinstance(stored, int) else sa.Double()


def _number(value: str) -> float:
    if _NUMBER.fullmatch(value) is None:
        raise UnusableValueError("it is no number")
    return int(value) if "." not in value and len(value) <= _INTEGER_DIGITS else float(value)
