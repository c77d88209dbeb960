"""What queries on a large table of a shared database use of its indexes for lists, beyond what its planner does."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.short_parts import MOST_CHARACTERS_OF_A_PART, has_short_parts, parts_of
from mock_servicenow.now_platform.dictionary.sql_tables import ascii_lower
from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.query.needed_texts import AllOf, HasText, Needed
from mock_servicenow.now_platform.records.list_indexes import (
    BEGINNING,
    beginning,
    length,
    long_texts_name,
    short_parts_name,
    sorts_by_beginning,
)
from mock_servicenow.now_platform.storage.database import Prepared
from mock_servicenow.now_platform.storage.transaction import Transaction

_RARE = 0.1  # of the rows; those of more frequent parts are soon found by reading the table
_FREQUENCIES = Prepared(
    "SELECT most_common_elems::text::text[], most_common_elem_freqs FROM pg_stats "
    "WHERE schemaname = current_schema() AND tablename = %s"
)
_HAS_LONG = (  # in the order of an index, which is then read: the planner expects a third of the rows
    "SELECT CASE WHEN to_regclass(quote_ident(%s)) IS NOT NULL THEN "
    "EXISTS (SELECT 1 FROM {table} WHERE {length} > {longest} ORDER BY {length} OFFSET 0 LIMIT 1) END"
)


class _SortIndex(NamedTuple):
    """Whether a column has an index to sort by, and then whether it has texts that are longer than a `beginning`."""

    exists: bool
    has_long: bool


class SharedLookup:
    """The indexes as the queries of one transaction use them."""

    def __init__(self, transaction: Transaction, dictionary: Dictionary, dialect: sa.Dialect) -> None:
        self._transaction = transaction
        self._dictionary = dictionary
        self._quote = dialect.identifier_preparer.quote
        self._sort_indexes: dict[tuple[str, str], _SortIndex] = {}
        self._narrowed: dict[tuple[str, Needed], list[sa.ColumnElement[bool]]] = {}

    def narrowing(self, table: str, query: CompiledQuery) -> list[sa.ColumnElement[bool]]:
        """Return a condition that all rows meet that a query matches, if an index finds few rows by it."""
        if query.texts is None or self._dictionary.is_view(table):
            return []
        known = self._narrowed.get((table, query.texts))
        if known is None:
            test = self._test(table, query.texts)
            known = self._narrowed[table, query.texts] = [] if test is None else [test]
        return known

    def order(self, table: str, query: CompiledQuery) -> Sequence[sa.ColumnElement[Any]]:
        """Return the sort keys of a query, in a form that an index has in this order if there is one."""
        if query.sorted_by is None or self._dictionary.is_view(table):
            return query.order_by
        (name, descending), root = query.sorted_by, self._dictionary.root(table)
        index = self._sort_index(root, name)
        if not index.exists:
            return query.order_by
        begun = self._beginning(root, name)
        first = begun.desc().nulls_last() if descending else begun.asc().nulls_first()
        return [first, *query.order_by] if index.has_long else [first]

    def _beginning(self, root: str, column: str) -> sa.ColumnElement[str]:
        return sa.literal_column(beginning(f"{self._quote(root)}.{self._quote(column)}"), sa.Text())

    def _is_in_order(self, table: str, needed: HasText) -> bool:
        """Return whether an index has the beginnings of a column in order, and a text is none but ASCII and short."""
        is_plain = needed.text.isascii() and len(needed.text) <= BEGINNING
        return is_plain and self._sort_index(self._dictionary.root(table), needed.column).exists

    def _sort_index(self, root: str, column: str) -> _SortIndex:
        """Return what is known of a column's index to sort by, which is asked once."""
        if not sorts_by_beginning(self._dictionary.sql.columns(root)[column]):
            return _SortIndex(exists=False, has_long=False)
        if (root, column) not in self._sort_indexes:
            asked = _HAS_LONG.format(table=self._quote(root), length=length(self._quote(column)), longest=BEGINNING)
            [[has_long]] = self._transaction.run(Prepared(asked), (long_texts_name(root, column),))
            self._sort_indexes[root, column] = _SortIndex(has_long is not None, bool(has_long))
        return self._sort_indexes[root, column]

    def _test(self, table: str, needed: Needed) -> sa.ColumnElement[bool] | None:
        """Return a test that all rows meet that have what is needed; None if it would not help."""
        if isinstance(needed, HasText):
            return self._test_text(table, needed)
        tests = [self._test(table, part) for part in needed.parts]
        return _test_all(tests) if isinstance(needed, AllOf) else _test_any(tests)

    def _test_text(self, table: str, needed: HasText) -> sa.ColumnElement[bool] | None:
        if needed.begins and self._is_in_order(table, needed):
            begun = self._beginning(self._dictionary.root(table), needed.column)
            return begun.startswith(ascii_lower(needed.text), autoescape=True, escape="\\")
        needs_short_parts = not needed.text.isascii() or len(needed.text) <= MOST_CHARACTERS_OF_A_PART
        return self._short_test(table, needed) if needs_short_parts else None

    def _short_test(self, table: str, needed: HasText) -> sa.ColumnElement[bool] | None:
        found = self._transaction.run(_FREQUENCIES, (short_parts_name(self._dictionary.root(table), needed.column),))
        if not found:  # no index, or one that is being made
            return None
        frequencies = dict(zip(found[0][0] or (), found[0][1] or (), strict=False))
        if min(frequencies.get(part, 0) for part in parts_of(needed.text)) > _RARE:
            return None
        return has_short_parts(self._dictionary.sql_table(table).c[needed.column], needed.text)


_Tests = Sequence[sa.ColumnElement[bool] | None]


def _test_all(tests: _Tests) -> sa.ColumnElement[bool] | None:
    known = [test for test in tests if test is not None]
    return sa.and_(*known) if known else None


def _test_any(tests: _Tests) -> sa.ColumnElement[bool] | None:
    """Return a test of any; None if one is not known, since its rows would be missed."""
    known = [test for test in tests if test is not None]
    return sa.or_(*known) if len(known) == len(tests) else None
