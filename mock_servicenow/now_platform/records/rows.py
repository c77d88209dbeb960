"""Reads and writes rows in one transaction, without access control."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import compress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.operators import custom_op

from mock_servicenow.now_platform.dictionary.column_types import CompareAs
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.sql_tables import Folded, index_name, text_literal
from mock_servicenow.now_platform.dictionary.values import from_database, is_storable, utc_form
from mock_servicenow.now_platform.errors import UniqueKeyViolation, ViewIsReadOnly
from mock_servicenow.now_platform.query import CompiledQuery, Sight
from mock_servicenow.now_platform.records.kernel import Kernel, Schema
from mock_servicenow.now_platform.records.plans import TablePlan
from mock_servicenow.now_platform.records.shared_lookup import SharedLookup
from mock_servicenow.now_platform.records.text_lookup import TextLookup
from mock_servicenow.now_platform.storage.database import Row, row_expressions, row_values
from mock_servicenow.now_platform.storage.transaction import DuplicateError, Transaction
from privman_core.findings import Finding

Values = dict[str, str]
VALUES_PER_STATEMENT = 500
_NO_INDEX = custom_op[bool]("+")
MOST_TEXT = 2 * 1024 * 1024
"""Characters of rows that are fetched at a time, where the rest can be fetched later."""


class Record:
    """One record; its columns read as text, an empty one as ``""``.

    Attributes:
        table: the class of the record: where several tables share a hierarchy, the one it was inserted into.
        values: every column of the table that it was read from, in stored form.
    """

    __slots__ = ("table", "values")

    def __init__(self, table: str, values: Mapping[str, str]) -> None:
        self.table = table
        self.values = values

    @property
    def sys_id(self) -> str:
        """The primary key."""
        return self.values["sys_id"]

    def __getitem__(self, column: str) -> str:
        return self.values[column]


class Work:
    """One transaction: its reads and writes of rows, each a mapping from column to text, and its follow-ups.

    Access control is the business of a session.

    Attributes:
        schema: the tables of the instance when the transaction began, or those that it has defined since.
        defined: the tables that the transaction has defined before its commit; None if there are none.
        findings: what was swallowed so far.
        rules: names of the business rules now running, the outermost first.
        written: the tables written so far.
        described: those of them whose rows only describe the tables as they are.
        after_commit: called once the commit has succeeded.
        insert_status: the HTTP status of an insert that succeeds.
        answered: whether a rule has answered an insert with a record that was there.
        referenced: cache of referenced records by sight, then table and sys_id; emptied by any write.
        entries: cache of the entries of journal columns by root table and sys_id; emptied by any write.
    """

    def __init__(self, kernel: Kernel, transaction: Transaction, findings: list[Finding]) -> None:
        self.transaction = transaction
        self.findings = findings
        self.rules: list[str] = []
        self.written: set[str] = set()
        self.described: frozenset[str] = frozenset()
        self.after_commit: list[Callable[[], None]] = []
        self.insert_status = 201
        self.answered = False
        self.referenced: dict[Sight, dict[tuple[str, str], Record | None]] = {}
        self.entries: dict[tuple[str, str], list[Values]] = {}
        self._kernel = kernel
        # On a shared database another thread may adopt other tables at any time.
        used = None if kernel.store.embedded else kernel.cache.schema
        self.defined: Schema | None = None
        self.schema = schema = used or kernel.schema
        self._plans = schema.plans
        self._dictionary = schema.dictionary
        self._statements = schema.statements
        self._store = kernel.store
        self._due: set[str] = set()  # the tables that are indexed after the commit
        self._lookup = TextLookup(transaction, schema.dictionary, embedded=kernel.store.embedded)
        self._shared = SharedLookup(transaction, schema.dictionary, kernel.store.dialect)

    def describe(self) -> None:
        """Say that what was written so far describes the tables as they are, and so need not be read for others."""
        self.described |= self.written
        self.written.clear()

    def define(self, schema: Schema) -> None:
        """Go on with the tables that the transaction has given the database."""
        self.defined = self.schema = schema
        self._plans = schema.plans
        self._dictionary = schema.dictionary
        self._statements = schema.statements
        self._lookup = TextLookup(self.transaction, schema.dictionary, embedded=self._store.embedded)
        self._shared = SharedLookup(self.transaction, schema.dictionary, self._store.dialect)

    @cached_property
    def now(self) -> str:
        """The time of the transaction in stored form."""
        return utc_form(self._kernel.clock.now())

    def get(self, table: str, sys_id: str, *, lock: bool = False) -> Values | None:
        """Return one row; with ``lock``, nobody else writes it before this transaction ends. Raises InvalidTable."""
        family = self._plans[table].family
        if not sys_id.isalnum() and not is_storable(sys_id):
            return None
        prepared = self._statements.prepared(("get", table, lock), lambda: self._select_one(table, lock=lock))
        rows = self.transaction.run(prepared, {"id": sys_id})
        if not rows:
            return None
        values = self._to_values(table, rows[0])
        return values if values.get("sys_class_name", table) in family else None

    def get_both(self, table: str, one: str, other: str) -> list[Values]:
        """Return those of two rows that exist; faster than `get_many`. The sys_ids must be storable."""
        prepared = self._statements.prepared(("both", table), lambda: self._select_both(table))
        return [self._to_values(table, row) for row in self.transaction.run(prepared, {"one": one, "other": other})]

    def get_many(self, table: str, sys_ids: Iterable[str]) -> dict[str, Values]:
        """Return the rows that exist by sys_id."""
        return {row["sys_id"]: row for row in self.with_values(table, "sys_id", sys_ids)}

    def with_values(self, table: str, column: str, values: Iterable[str]) -> Iterator[Values]:
        """Return the rows that have one of the values in a text column; rows of equal value in order of insertion."""
        physical, wanted = self._dictionary.sql_table(table), list(values)
        for start in range(0, len(wanted), VALUES_PER_STATEMENT):
            chosen = physical.c[column].in_(wanted[start : start + VALUES_PER_STATEMENT])
            ordered = self.select(table).where(chosen).order_by(*self._store.insertion_order(physical))
            yield from self.fetch(table, ordered)

    def newest_with_values(
        self, table: str, chosen: Mapping[str, Iterable[str]], most: int
    ) -> tuple[list[Values], bool]:
        """Return the rows whose text columns each have one of the given values, newest first.

        At most ``most`` rows, fewer if texts exceed `MOST_TEXT`; the flag says whether these are all.
        """
        physical = self._dictionary.sql_table(table)
        newest = [clause.desc() for clause in self._store.insertion_order(physical)]
        tests = [physical.c[column].in_(list(values)) for column, values in chosen.items()]
        rows, whole = self.fetch_some(table, self.select(table).where(*tests).order_by(*newest).limit(most + 1))
        return rows[:most], whole and len(rows) <= most

    def find(
        self, table: str, equal: Mapping[str, str], most: int | None = None, *, exact: bool = True
    ) -> list[Values]:
        """Return the rows whose columns have these stored values, at most ``most``, in order of insertion.

        A text may differ in capital letters, as in queries, unless it must be ``exact``.
        """
        columns = self._dictionary.columns(table)
        stored = {name: _stored(columns[name], text) for name, text in equal.items()}
        if None in stored.values():  # no row has a value of another type
            return []
        named = tuple((name, bool(text)) for name, text in stored.items())
        key = "find", table, named, most, exact
        prepared = self._statements.prepared(key, lambda: self._select_equal(table, named, most, exact=exact))
        values = {name: columns[name].to_database(text or "") for name, text in stored.items()}
        return [self._to_values(table, row) for row in self.transaction.run(prepared, values)]

    def fetch(self, table: str, statement: sa.Select[Any], values: Mapping[str, object] | None = None) -> list[Values]:
        """Return the rows of a statement made from `select`."""
        return [self._to_values(table, row) for row in self.transaction.execute(statement, values).all()]

    def fetch_some(
        self, table: str, statement: sa.Select[Any], values: Mapping[str, object] | None = None
    ) -> tuple[list[Values], bool]:
        """Return the rows of a statement made from `select`, up to `MOST_TEXT`, and whether these are all."""
        result = self.transaction.stream(statement, values)
        rows: list[Values] = []
        length = 0
        for row in result:
            if length > MOST_TEXT:
                result.close()
                return rows, False
            length += sum(len(text) for text in row if isinstance(text, (bytes, str)))
            rows.append(self._to_values(table, row))
        return rows, True

    def select(self, table: str) -> sa.Select[Any]:
        """Return a statement for the table's columns in the dictionary's order, without any condition."""
        return self._statements.statement(("select", table), lambda: self._select(table))

    def class_filter(self, table: str) -> list[sa.ColumnElement[bool]]:
        """Return the condition that keeps other classes of the hierarchy out; none for a root."""
        if self._dictionary.root(table) == table:
            return []
        family: list[sa.ColumnElement[str]] = [
            sa.literal_column(text_literal(name)) for name in self._dictionary.family(table)
        ]
        return [self._dictionary.sql_table(table).c.sys_class_name.in_(family)]

    def page(self, table: str, query: CompiledQuery, limit: int | None, offset: int) -> list[Values]:
        """Return a page of the rows that a query matches, in its order, else in order of insertion."""
        return self.fetch(table, *self._page(table, query, limit, offset))

    def beginning(self, table: str, query: CompiledQuery, limit: int, offset: int) -> tuple[list[Values], bool]:
        """Return the first rows of a page, up to `MOST_TEXT`, and whether these are all."""
        return self.fetch_some(table, *self._page(table, query, limit, offset))

    def sys_ids(self, table: str, query: CompiledQuery, limit: int, offset: int) -> list[str]:
        """Return the sys_ids of a page of the rows that a query matches, in its order."""
        sys_id = self._dictionary.sql_table(table).c.sys_id
        statement, values = self._ordered(table, query, sa.select(sys_id))
        return list(self.transaction.execute(statement.limit(limit).offset(offset), values).scalars())

    def positions(self, table: str, query: CompiledQuery, limit: int, offset: int) -> "array[int]":
        """Return the positions of a page of the rows that a query matches, in its order: 8 bytes a row."""
        if self._dictionary.is_view(table):  # no number tells the rows of a join apart, so a place is that in the page
            return array("q", range(offset, offset + self._count_page(table, query, limit, offset)))
        physical = self._dictionary.sql_table(table)
        [position] = self._store.insertion_order(physical)
        statement, values = self._ordered(table, query, sa.select(position).select_from(physical))
        return array("q", self.transaction.execute(statement.limit(limit).offset(offset), values).scalars())

    def at_positions(self, table: str, query: CompiledQuery, places: "array[int]") -> list[Values] | None:
        """Return the rows at these positions, in their order, except those that the caller may no longer read.

        None if they exceed `MOST_TEXT`; a single row never does.
        """
        if self._dictionary.is_view(table):
            rows, whole = self.beginning(table, query, len(places), places[0])
            return rows if whole or len(places) == 1 else None
        physical = self._dictionary.sql_table(table)
        [position] = self._store.insertion_order(physical)
        there = position.in_([*places])
        named = sa.select(physical.c.sys_id.label("sys_id"), position.label("place")).where(there)
        place = {row["sys_id"]: row["place"] for row in self.transaction.execute(named).mappings()}
        rows, whole = self.fetch_some(table, self.select(table).where(query.readable, there))
        if not whole:
            return None
        order = {each: number for number, each in enumerate(places)}
        return sorted(rows, key=lambda row: order[place[row["sys_id"]]])

    def _count_page(self, table: str, query: CompiledQuery, limit: int, offset: int) -> int:
        physical = self._dictionary.sql_table(table)
        page = sa.select(sa.true()).select_from(physical).where(query.where).limit(limit).offset(offset).subquery()
        return int(self.transaction.execute(sa.select(sa.func.count()).select_from(page)).scalar_one())

    def count(self, table: str, query: CompiledQuery) -> int:
        """Return how many rows a query matches."""
        texts = self._lookup.wanted(table, query, few=True)
        statement = query.statement(
            ("count", bool(texts)), lambda: self._matching(table, query.where, texts).with_only_columns(sa.func.count())
        ).where(*self._narrowing(table, query))
        return int(self.transaction.execute(statement, {"texts": texts}).scalar_one())

    def count_some(self, table: str, query: CompiledQuery, most: int) -> int:
        """Return how many rows a query matches, at most that many: it counts no further."""
        texts = self._lookup.wanted(table, query, few=False)
        matching = self._matching(table, query.where, texts).where(*self._narrowing(table, query))
        some = matching.limit(most).subquery()
        return int(
            self.transaction.execute(sa.select(sa.func.count()).select_from(some), {"texts": texts}).scalar_one()
        )

    def matches(self, table: str, query: CompiledQuery, offset: int = 0) -> bool:
        """Return whether a query matches more rows than ``offset``, without counting them all."""
        return self._has(table, query, query.where, offset)

    def matches_unreadable(self, table: str, query: CompiledQuery) -> bool:
        """Return whether a query would match rows that the caller may not read."""
        return query.unreadable is not None and self._has(table, query, query.unreadable)

    def _has(self, table: str, query: CompiledQuery, condition: sa.ColumnElement[bool], offset: int = 0) -> bool:
        texts = self._lookup.wanted(table, query, few=False)
        matching = self._matching(table, condition, texts).where(*self._narrowing(table, query))
        statement = matching.offset(offset).limit(1)
        return self.transaction.execute(statement, {"texts": texts}).first() is not None

    def _matching(
        self, table: str, condition: sa.ColumnElement[bool], texts: str, *, newest_first: bool = False
    ) -> sa.Select[Any]:
        """Return a statement for the rows that meet a condition and may have the texts, if there are any."""
        rows = self._lookup.through(table, newest_first=newest_first) if texts else self._dictionary.sql_table(table)
        return sa.select(sa.literal_column("1")).select_from(rows).where(condition)

    def evaluate(self, expression: sa.ColumnElement[Any]) -> object:
        """Return the value of an expression over no table."""
        return self.transaction.execute(sa.select(expression)).scalar()

    def matching_ids(self, table: str, condition: sa.ColumnElement[bool], sys_ids: Iterable[str]) -> set[str]:
        """Return those of the sys_ids whose rows meet a condition."""
        physical = self._dictionary.sql_table(table)
        statement = sa.select(physical.c.sys_id).where(condition, physical.c.sys_id.in_(list(sys_ids)))
        return set(self.transaction.execute(statement).scalars())

    def insert(self, table: str, rows: Iterable[Values]) -> None:
        """Insert rows; raises UniqueKeyViolation."""
        plan = self._plans[table]
        for values in rows:
            texts = values.values()
            prepared = self._statements.insertion(plan.root, tuple(compress(values, texts)))
            try:
                self.transaction.run(prepared, tuple(filter(None, texts)))
            except DuplicateError as error:
                raise _violation(plan, values, error) from None
            self._note_row(plan.root)
        self._forget(plan)

    def update(self, table: str, sys_id: str, changes: Values) -> None:
        """Change columns of a row; raises UniqueKeyViolation."""
        plan = self._plans[table]
        prepared = self._statements.update(plan.root, tuple(changes))
        try:
            self.transaction.run(prepared, [*(text or None for text in changes.values()), sys_id])
        except DuplicateError as error:
            raise _violation(plan, changes, error) from None
        self._note_row(plan.root)
        self._forget(plan)

    def delete(self, table: str, sys_id: str) -> None:
        """Delete a row; does nothing if there is none."""
        prepared = self._statements.prepared(("delete", table), lambda: self._delete_one(table))
        self.transaction.run(prepared, {"id": sys_id})
        self._forget(self._plans[table])

    def _page(
        self, table: str, query: CompiledQuery, limit: int | None, offset: int
    ) -> tuple[sa.Select[Any], dict[str, Any]]:
        """Return the statement for a page, and its parameters."""
        bounds = {"page_offset": offset} if limit is None else {"page_offset": offset, "page_limit": limit}
        texts = self._lookup.wanted(table, query, few=self._is_sorted(query))
        key = self._store.embedded, *bounds, bool(texts)
        if self._narrowing(table, query) or self._order(table, query) is not query.order_by:
            return self._select_page(table, query, bounds, texts), bounds
        statement = query.statement(key, lambda: self._select_page(table, query, bounds, texts))
        return statement, {**bounds, "texts": texts}

    def _select_page(self, table: str, query: CompiledQuery, bounds: Iterable[str], texts: str) -> sa.Select[Any]:
        offset, *limit = (sa.bindparam(name, type_=sa.BigInteger) for name in bounds)
        rows = self._in_order(table, query, self.select(table), texts).offset(offset)
        return rows.limit(*limit) if limit else rows

    def _ordered(
        self, table: str, query: CompiledQuery, selected: sa.Select[Any]
    ) -> tuple[sa.Select[Any], dict[str, str]]:
        texts = self._lookup.wanted(table, query, few=self._is_sorted(query))
        return self._in_order(table, query, selected, texts), {"texts": texts}

    def _in_order(self, table: str, query: CompiledQuery, selected: sa.Select[Any], texts: str) -> sa.Select[Any]:
        """Return a statement for the rows that a query matches, in its order, found by the texts if there are any."""
        matching = selected.where(query.where, *self._narrowing(table, query))
        ordered = None if texts else self._lookup.in_order(table, query)
        if ordered is not None:
            return matching.select_from(ordered)
        if texts:
            matching = matching.select_from(self._lookup.through(table, newest_first=query.newest_first))
        if texts and not self._is_sorted(query):
            return matching  # that is the order in which the index is read
        insertion = self._store.insertion_order(self._dictionary.sql_table(table))
        if self._dictionary.is_view(table):  # further parts are read by their places in this order
            return matching.order_by(*query.order_by, *insertion)
        return matching.order_by(*(self._order(table, query) or insertion))

    def _order(self, table: str, query: CompiledQuery) -> Sequence[sa.ColumnElement[Any]]:
        return query.order_by if self._store.embedded else self._shared.order(table, query)

    def _narrowing(self, table: str, query: CompiledQuery) -> list[sa.ColumnElement[bool]]:
        return [] if self._store.embedded else self._shared.narrowing(table, query)

    @staticmethod
    def _is_sorted(query: CompiledQuery) -> bool:
        """Return whether a query has an order other than that of insertion or its reverse."""
        return bool(query.order_by) and not query.newest_first

    def _select(self, table: str) -> sa.Select[Any]:
        physical, columns = self._dictionary.sql_table(table), self._dictionary.columns(table)
        if not self._store.embedded:
            return sa.select(*[physical.c[name] for name in columns])
        arrays: list[sa.ColumnElement[Any]] = [
            sa.literal_column(expression) for expression in row_expressions(columns.values(), self._store.quote)
        ]
        return sa.select(*arrays).select_from(physical)

    def _select_equal(
        self, table: str, named: Iterable[tuple[str, bool]], most: int | None, *, exact: bool
    ) -> sa.Select[Any]:
        physical = self._dictionary.sql_table(table)
        tests = [self._is(table, name, exact) if filled else physical.c[name].is_(None) for name, filled in named]
        ordered = self.select(table).order_by(*self._store.insertion_order(physical))
        rows = ordered.where(*self._class_tests(table, named), *tests)
        return rows if most is None else rows.limit(sa.literal_column(str(most))).offset(sa.literal_column("0"))

    def _class_tests(self, table: str, named: Iterable[tuple[str, bool]]) -> list[sa.ColumnElement[bool]]:
        """Return `class_filter` beside tests of those columns.

        Without statistics SQLite prefers the index on classes to that on a column, of which far fewer rows have one
        value. A plus sign keeps it from the first.
        """
        tests, columns = self.class_filter(table), self._dictionary.columns(table)
        indexed = any(filled and (columns[name].indexed or columns[name].unique) for name, filled in named)
        if not self._store.embedded or not indexed:
            return tests
        return [sa.UnaryExpression(test, operator=_NO_INDEX, type_=sa.Boolean()) for test in tests]

    def _is(self, table: str, name: str, exact: bool) -> sa.ColumnElement[bool]:  # noqa: FBT001 - as `find` has it
        """Return the condition that a column equals the bound parameter of the same name.

        Indexes on texts are folded, so the database finds the row by one condition and checks capitals by the other.
        """
        physical = self._dictionary.sql_table(table).c[name]
        given: sa.ColumnElement[Any] = sa.bindparam(name, type_=physical.type)
        if self._dictionary.columns(table)[name].family.compare_as is not CompareAs.TEXT:
            return physical == given
        alike = Folded(physical) == Folded(sa.cast(given, physical.type))
        return sa.and_(alike, physical == given) if exact else alike

    def _select_one(self, table: str, *, lock: bool) -> sa.Select[Any]:
        if lock and self._dictionary.is_view(table):
            raise ViewIsReadOnly(table)
        statement = self.select(table).where(self._dictionary.sql_table(table).c.sys_id == sa.bindparam("id"))
        return statement.with_for_update() if lock else statement

    def _delete_one(self, table: str) -> sa.Delete:
        physical = self._dictionary.sql_table(table)
        return sa.delete(physical).where(physical.c.sys_id == sa.bindparam("id"))

    def _select_both(self, table: str) -> sa.Select[Any]:
        sys_id = self._dictionary.sql_table(table).c.sys_id
        return self.select(table).where(sa.or_(sys_id == sa.bindparam("one"), sys_id == sa.bindparam("other")))

    def _to_values(self, table: str, row: Row) -> Values:
        plan = self._plans[table]
        if not self._store.embedded:
            return dict(zip(plan.columns, map(from_database, row), strict=True))
        values = row_values(plan.columns, row)
        for name in plan.decimals:
            values[name] = from_database(values[name])
        return values

    def _note_row(self, root: str) -> None:
        upkeep = self._kernel.list_upkeep
        if upkeep.count_write(root) and root not in self._due:
            self._due.add(root)
            self.after_commit.append(partial(upkeep.index_table, root))

    def _forget(self, plan: TablePlan) -> None:
        """Forget facts derived from a table that is being written."""
        self.referenced.clear()
        self.entries.clear()
        self.written.update(plan.lineage)
        self._kernel.cache.forget(plan.lineage)


def _violation(plan: TablePlan, values: Values, error: DuplicateError) -> UniqueKeyViolation:
    """Return the platform's error; each driver names the key in its own way."""
    for column in plan.columns.values():
        names = (f"{plan.root}.{column.name}", index_name(plan.root, column.name))
        if column.unique and any(name in error.names for name in names):
            return UniqueKeyViolation(values.get(column.name, ""), column.name)
    return UniqueKeyViolation(values.get("sys_id", ""), "PRIMARY")


def _stored(column: Column, text: str) -> str | None:
    return column.to_stored(text) if is_storable(text) else None
