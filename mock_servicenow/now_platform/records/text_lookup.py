"""Finds the rows of a large table by the texts that they need, where an embedded database has an index of them."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import index_name, indexed_form, list_index_name
from mock_servicenow.now_platform.dictionary.text_index import TextIndex, in_order
from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.query.needed_texts import Needed, expression
from mock_servicenow.now_platform.records.text_steps import indexed_columns
from mock_servicenow.now_platform.storage.database import Prepared
from mock_servicenow.now_platform.storage.transaction import Transaction

_FEW, _MOST_LATE = 10_000, 5_000
"""Rows that are sorted or counted at once, and rows beside the index that a search reads."""
_SQLITE = sqlite.dialect()
_INDEX = Prepared("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name IN (?, ?)")


class TextLookup:
    """The index of texts as the queries of one transaction use it.

    Args:
        embedded: whether the database is; another one plans by itself.
    """

    def __init__(self, transaction: Transaction, dictionary: Dictionary, *, embedded: bool) -> None:
        self._transaction = transaction
        self._dictionary = dictionary
        self._embedded = embedded
        self._wanted: dict[tuple[str, Needed], str] = {}

    def wanted(self, table: str, query: CompiledQuery, *, few: bool) -> str:
        """Return what the index is asked for; empty if the query is answered without it.

        Args:
            table: the table that is queried.
            query: a query on it.
            few: whether the index has to leave few rows; otherwise they are read in its order, and as far as needed.
        """
        if query.texts is None or not self._embedded or self._dictionary.is_view(table):
            return ""
        index = self._index(table)
        wanted = self._wanted.get((index.root, query.texts))
        if wanted is None:
            wanted = self._wanted[index.root, query.texts] = self._expression(index, query.texts)
        if not wanted:
            return ""
        is_many = (few or query.is_looked_up) and self._count(index.count_found(_FEW), {"texts": wanted}) == _FEW
        return "" if is_many else wanted

    def through(self, table: str, *, newest_first: bool = False) -> sa.FromClause:
        """Return the rows of a table that the index finds, in the order of insertion or the reversed one."""
        return self._index(table).through(self._dictionary.sql_table(table), newest_first=newest_first)

    def in_order(self, table: str, query: CompiledQuery) -> sa.FromClause | None:
        """Return the rows of a large table in the order of a query that matches many; None without an index for it."""
        if not query.is_dense or query.sorted_by is None or not self._embedded or self._dictionary.is_view(table):
            return None
        (name, descending), root = query.sorted_by, self._dictionary.root(table)
        column = self._dictionary.sql.columns(root)[name]
        made = self._transaction.run(_INDEX, (list_index_name(root, [name]), index_name(root, name)))
        if not made:
            return None
        return in_order(self._dictionary.sql_table(table), indexed_form(column, _SQLITE), descending=descending)

    def _index(self, table: str) -> TextIndex:
        root = self._dictionary.root(table)
        return TextIndex.of(root, self._dictionary.sql.columns(root))

    def _expression(self, index: TextIndex, texts: Needed) -> str:
        known = indexed_columns(index, self._transaction)
        if not known or self._count(index.count_late(_MOST_LATE), {}) == _MOST_LATE:
            return ""
        return expression(texts, _Terms(self._transaction, index, known))

    def _count(self, statement: str, values: dict[str, str]) -> int:
        return count(self._transaction, statement, values)


class _Terms:
    """What an index of texts has, as `expression` asks it."""

    def __init__(self, transaction: Transaction, index: TextIndex, columns: Collection[str]) -> None:
        self.columns = columns
        self._transaction = transaction
        self._index = index

    def share(self, wanted: str) -> float:
        """Return about which share of the rows the index finds."""
        [[share]] = self._transaction.run(Prepared(self._index.share), {"texts": wanted})
        return float(share)

    def beginning(self, text: str, most: int) -> list[str] | None:
        """Return the terms that begin with a text; None if there are more than that."""
        found = self._transaction.run(Prepared(self._index.beginning(most + 1)), {"text": text})
        return None if len(found) > most else [term for (term,) in found]


def count(transaction: Transaction, statement: str, values: Mapping[str, str]) -> int:
    """Return the number that a statement counts."""
    [[number]] = transaction.run(Prepared(statement), dict(values))
    return int(number)
