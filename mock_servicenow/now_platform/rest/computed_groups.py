"""Groups of records with their aggregates, computed for a request: bounded in entries and text, and shown in parts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from typing import Any, TypeVar

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.values import from_database
from mock_servicenow.now_platform.errors import TransactionCancelled
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query.aggregates import Aggregate, Aggregates, Grouping, Ignore
from mock_servicenow.now_platform.query.operands import Test
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.call import Call
from mock_servicenow.now_platform.rest.parameters import first_of

AT_ONCE = 200
"""Groups that are shown before other requests get a turn."""
MOST_ENTRIES = 25
"""Entries of a list that count: an expression is compiled for each (I)."""
MOST_TEXT = 32 * 1024 * 1024
"""Characters of all groups together, and of all long rows that are grouped (I)."""
_LONG_ROW = 16 * 1024
"""Characters beyond which a row is long: a database that sorts holds several rows in memory, however long."""
Rows = Sequence[Sequence[Any]]
_Shown = TypeVar("_Shown")


def first_entries(call: Call, name: str, entries: Iterable[str]) -> Sequence[str]:
    """Return the entries of a list, each once; those beyond `MOST_ENTRIES` become a finding."""
    return first_of(call, name, list(dict.fromkeys(entries)), MOST_ENTRIES)


class Group(Struct, frozen=True):
    """One group of records, or all of them.

    Attributes:
        aggregates: those that were asked for, each with its value as text.
        common: the values that the group is grouped by, each after the path of its column.
    """

    aggregates: Sequence[tuple[Aggregate, str]]
    common: Sequence[tuple[str, str]]


class Groups(Struct, frozen=True):
    """The rows of the statement: one for each group, or a single one."""

    rows: Rows
    _aggregates: Aggregates

    @property
    def asked(self) -> Grouping:
        """The entries that could be computed."""
        return self._aggregates.asked

    def column(self, path: str) -> Column:
        """Return the column at the end of a path of `asked`."""
        return self._aggregates.column(path)

    def group(self, row: Sequence[Any]) -> Group:
        """Return the group of a row."""
        values, computed = row[: len(self.asked.group_by)], row[len(self.asked.group_by) :]
        pairs = zip(self.asked.aggregates, computed, strict=False)
        aggregates = [(aggregate, self._text(aggregate, value)) for aggregate, value in pairs]
        common = [(path, from_database(value)) for path, value in zip(self.asked.group_by, values, strict=True)]
        return Group(aggregates, common)

    def parts(self, instance: Instance, call: Call, show: Callable[[Session, Rows], _Shown]) -> Iterator[_Shown]:
        """Yield what is shown of the rows, in parts; other requests are answered between them."""
        for start in range(0, len(self.rows), AT_ONCE):
            with instance.next_transaction(call.user, ended=call.findings) as session:
                part = show(session, self.rows[start : start + AT_ONCE])
            yield part

    def _text(self, aggregate: Aggregate, value: float | str | None) -> str:
        if not aggregate.path:
            return str(value)
        if value is None:
            return ""
        if aggregate.function == "avg":
            return f"{float(value):.4f}"
        return str(int(value)) if self.column(aggregate.path).family.storage == "integer" else from_database(value)


def computed_groups(  # noqa: PLR0913, PLR0917 - what a statement is made of
    session: Session, call: Call, table: str, where: Test, asked: Grouping, ignore: Ignore
) -> Groups:
    """Compute aggregates; what cannot be computed is ignored.

    Args:
        session: reads under the rights of its user.
        call: gets the finding that no aggregate is asked for.
        table: of the records.
        where: chooses them.
        asked: the aggregates, and how they are grouped.
        ignore: called as by `Aggregates`.

    Raises:
        TransactionCancelled: the groups have more text than `MOST_TEXT`.
    """
    if not asked.aggregates:
        call.swallowed("aggregate-missing", "no aggregate is asked for: none was computed", "url")
    inserted = session.kernel.store.insertion_order(session.dictionary.sql_table(table))
    aggregates = Aggregates(session.scope, table, where, inserted, asked, ignore)
    transaction = session.work.transaction
    if aggregates.asked.group_by:
        with closing(transaction.stream(aggregates.long_rows(_LONG_ROW))) as long:
            _check_length(long.scalars())
    with closing(transaction.stream(aggregates.statement())) as rows:
        return Groups(_bounded(rows), aggregates)


def _bounded(rows: Iterable[Sequence[Any]]) -> Rows:
    """Return the rows; raises TransactionCancelled if they have more text than `MOST_TEXT`."""
    kept: list[Sequence[Any]] = []

    def lengths() -> Iterator[int]:
        for row in rows:
            kept.append(row)
            yield sum(len(value) for value in row if isinstance(value, str))

    _check_length(lengths())
    return kept


def _check_length(lengths: Iterable[int]) -> None:
    if any(length > MOST_TEXT for length in accumulate(lengths)):
        raise TransactionCancelled
