"""How rows are fetched."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import NUMBER_TYPES, Kind, kind_of
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import Folded, text_literal
from mock_servicenow.now_platform.dictionary.values import from_database, is_storable, to_database, to_stored
from mock_servicenow.now_platform.storage.database import Row, row_expressions, row_values
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.now_platform.storage.transaction import Transaction

Values = dict[str, str]
VALUES_PER_STATEMENT = 500
MOST_TEXT = 2 * 1024 * 1024
"""Characters of rows that are fetched at a time, where what is left can be fetched later."""


class Reader:
    """The rows of one transaction, each as a mapping from column to text."""

    def __init__(self, dictionary: Dictionary, store: Store, transaction: Transaction) -> None:
        self._dictionary = dictionary
        self._store = store
        self._transaction = transaction

    def get(self, table: str, sys_id: str, *, lock: bool = False) -> Values | None:
        """Return one row; with ``lock``, nobody else writes it before this transaction ends."""
        if not is_storable(sys_id):
            return None
        prepared = self._store.prepared(("get", table, lock), lambda: self._select_one(table, lock=lock))
        rows = self._transaction.run(prepared, {"id": sys_id})
        return self._of_class(table, rows[0]) if rows else None

    def get_both(self, table: str, one: str, other: str) -> list[Values]:
        """Return those of two rows that exist; faster than `get_many`. The sys_ids must be storable."""
        prepared = self._store.prepared(("both", table), lambda: self._select_both(table))
        return [self._values(table, row) for row in self._transaction.run(prepared, {"one": one, "other": other})]

    def get_many(self, table: str, sys_ids: Iterable[str]) -> dict[str, Values]:
        """Return the rows that exist by sys_id."""
        return {row["sys_id"]: row for row in self.among(table, "sys_id", sys_ids)}

    def among(self, table: str, column: str, values: Iterable[str]) -> Iterator[Values]:
        """Return the rows that have one of the values in a text column, those of one value as they were inserted."""
        physical, wanted = self._dictionary.sql_table(table), list(values)
        for start in range(0, len(wanted), VALUES_PER_STATEMENT):
            chosen = physical.c[column].in_(wanted[start : start + VALUES_PER_STATEMENT])
            ordered = self.select(table).where(chosen).order_by(*self._store.insertion_order(physical))
            yield from self.fetch(table, ordered)

    def newest_among(self, table: str, chosen: Mapping[str, Iterable[str]], most: int) -> tuple[list[Values], bool]:
        """Return the rows inserted last whose text columns each have one of the given values, the last one first.

        They are at most as many as that and as far as `MOST_TEXT` goes, and whether these are all.
        """
        physical = self._dictionary.sql_table(table)
        newest = [clause.desc() for clause in self._store.insertion_order(physical)]
        tests = [physical.c[column].in_(list(values)) for column, values in chosen.items()]
        rows, whole = self.fetch_some(table, self.select(table).where(*tests).order_by(*newest).limit(most + 1))
        return rows[:most], whole and len(rows) <= most

    def find(
        self, table: str, equal: Mapping[str, str], most: int | None = None, *, exact: bool = True
    ) -> list[Values]:
        """Return the rows whose columns have those stored values, at most so many, in order of their insertion.

        A text may differ in capital letters, as in queries, unless it must be ``exact``.
        """
        columns = self._dictionary.columns(table)
        stored = {name: _stored(columns[name], text) for name, text in equal.items()}
        if None in stored.values():  # no row has a value of another type
            return []
        named = tuple((name, bool(text)) for name, text in stored.items())
        key = "find", table, named, most, exact
        prepared = self._store.prepared(key, lambda: self._select_equal(table, named, most, exact=exact))
        values = {name: to_database(columns[name], text or "") for name, text in stored.items()}
        return [self._values(table, row) for row in self._transaction.run(prepared, values)]

    def fetch(
        self, table: str, statement: "sa.Select[Any]", values: Mapping[str, object] | None = None
    ) -> list[Values]:
        """Return the rows of a statement made from `select`."""
        return [self._values(table, row) for row in self._transaction.execute(statement, values).all()]

    def fetch_some(
        self, table: str, statement: "sa.Select[Any]", values: Mapping[str, object] | None = None
    ) -> tuple[list[Values], bool]:
        """Return the rows of a statement made from `select`, as far as `MOST_TEXT` goes, and whether these are all."""
        result = self._transaction.stream(statement, values)
        rows: list[Values] = []
        length = 0
        for row in result:
            if length > MOST_TEXT:
                result.close()
                return rows, False
            length += sum(len(text) for text in row if isinstance(text, str))
            rows.append(self._values(table, row))
        return rows, True

    def select(self, table: str) -> "sa.Select[Any]":
        """Return a statement for the table's columns in the dictionary's order, without any condition."""
        return self._store.statement(("select", table), lambda: self._select(table))

    def class_filter(self, table: str) -> "list[sa.ColumnElement[bool]]":
        """Return the condition that keeps other classes of the hierarchy out; none for a root."""
        if self._dictionary.root(table) == table:
            return []
        family: list[sa.ColumnElement[str]] = [
            sa.literal_column(text_literal(name)) for name in self._dictionary.family(table)
        ]
        return [self._dictionary.sql_table(table).c.sys_class_name.in_(family)]

    def _select(self, table: str) -> "sa.Select[Any]":
        physical, columns = self._dictionary.sql_table(table), self._dictionary.columns(table)
        if not self._store.embedded:
            return sa.select(*[physical.c[name] for name in columns])
        arrays: list[sa.ColumnElement[Any]] = [
            sa.literal_column(expression) for expression in row_expressions(columns.values(), self._store.quote)
        ]
        return sa.select(*arrays).select_from(physical)

    def _select_equal(
        self, table: str, named: Iterable[tuple[str, bool]], most: int | None, *, exact: bool
    ) -> "sa.Select[Any]":
        physical = self._dictionary.sql_table(table)
        tests = [self._is(table, name, exact) if filled else physical.c[name].is_(None) for name, filled in named]
        ordered = self.select(table).order_by(*self._store.insertion_order(physical))
        rows = ordered.where(*self.class_filter(table), *tests)
        return rows if most is None else rows.limit(sa.literal_column(str(most))).offset(sa.literal_column("0"))

    def _is(self, table: str, name: str, exact: bool) -> "sa.ColumnElement[bool]":  # noqa: FBT001 - as `find` has it
        """Return the condition that a column has the value given by its name.

        Indexes on texts are folded, so the database finds the row by one condition and proves it by the other.
        """
        physical = self._dictionary.sql_table(table).c[name]
        given: sa.ColumnElement[Any] = sa.bindparam(name, type_=physical.type)
        if kind_of(self._dictionary.columns(table)[name].type) is not Kind.TEXT:
            return physical == given
        alike = Folded(physical) == Folded(sa.cast(given, physical.type))
        return sa.and_(alike, physical == given) if exact else alike

    def _select_one(self, table: str, *, lock: bool) -> "sa.Select[Any]":
        statement = self.select(table).where(self._dictionary.sql_table(table).c.sys_id == sa.bindparam("id"))
        return statement.with_for_update() if lock else statement

    def _select_both(self, table: str) -> "sa.Select[Any]":
        sys_id = self._dictionary.sql_table(table).c.sys_id
        return self.select(table).where(sa.or_(sys_id == sa.bindparam("one"), sys_id == sa.bindparam("other")))

    def _of_class(self, table: str, row: Row) -> Values | None:
        values = self._values(table, row)
        name = values.get("sys_class_name", table)
        return values if name in self._dictionary.family(table) else None

    def _values(self, table: str, row: Row) -> Values:
        if not self._store.embedded:
            return dict(zip(self._dictionary.columns(table), map(from_database, row), strict=True))
        values = row_values(self._dictionary.columns(table), row)
        for name in self._dictionary.columns_of_type(table, NUMBER_TYPES):
            values[name] = from_database(values[name])
        return values


def _stored(column: Column, text: str) -> str | None:
    return to_stored(column, text) if is_storable(text) else None
