"""Aggregates of the rows that a query matches, as SQL."""

import re
from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from mock_servicenow.now_platform.dictionary.column_types import CompareAs, Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.query.operands import Operand, Sql, Test, UnusableTermError
from mock_servicenow.now_platform.query.scope import Path, Scope

FUNCTIONS = ("avg", "sum", "min", "max")
LAST = "last"
"""The value of the record that was inserted last (I); SOAP alone has this function."""
Ignore = Callable[[str, str], None]
COMPARISONS = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


class Aggregate(Struct, frozen=True):
    """One number about the rows of a group.

    Attributes:
        function: ``count``, `LAST` or one of `FUNCTIONS`.
        path: the dotted path of the column; empty for the count of rows.
    """

    function: str
    path: str = ""

    @property
    def of_numbers(self) -> bool:
        """Whether it needs a column of numbers."""
        return self.function in ("avg", "sum")


class Having(Struct, frozen=True):
    """A condition on an aggregate, which keeps or drops whole groups.

    Attributes:
        comparison: one of `COMPARISONS`.
        value: a number.
    """

    text: str
    aggregate: Aggregate
    comparison: str
    value: str


_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


def read_having(text: str) -> Having | None:
    """Return the condition ``aggregate^field^operator^number``; None for another text."""
    match text.split("^"):
        case [function, path, comparison, value] if comparison in COMPARISONS and _NUMBER.fullmatch(value):
            aggregate = Aggregate(function.lower(), path)
            return Having(text, aggregate, comparison, value) if aggregate.function in (*FUNCTIONS, "count") else None
        case _:
            return None


class GroupOrder(Struct, frozen=True):
    """A sort key of groups: an aggregate, or a column by which they are grouped."""

    text: str
    by: Aggregate | str
    descending: bool


class Grouping(Struct, frozen=True):
    """The aggregates that a client asks for."""

    aggregates: tuple[Aggregate, ...] = ()
    group_by: tuple[str, ...] = ()
    having: tuple[Having, ...] = ()
    order_by: tuple[GroupOrder, ...] = ()


class Aggregates:
    """The statement that computes aggregates, as far as they can be computed.

    Args:
        scope: the tables as the user sees them.
        where: the rows that count.
        inserted: the sort keys by which rows are in the order of their insertion.
        ignore: called for each entry that cannot be computed, with a reason and what it is one of: the name of an
            aggregate's function, or a field of `Grouping`.

    Attributes:
        asked: the entries that can be computed.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a statement is made of
        self, scope: Scope, table: str, where: Test, inserted: Sequence[Sql], asked: Grouping, ignore: Ignore
    ) -> None:
        self._scope = scope
        self._table = scope.queried(table)
        self._ignore = ignore
        self._used: dict[str, Operand] = {}
        self.asked = self._usable(asked)
        # An inner select names dot-walked values, by which every database can group.
        named = [operand.sql.label(f"column_{number}") for number, operand in enumerate(self._used.values())]
        lasts = [self._last(path, inserted).label(f"last_{number}") for number, path in enumerate(self._last_paths())]
        stored = scope.dictionary.sql_table(table)
        self._rows = sa.select(sa.literal_column("1"), *named, *lasts).select_from(stored).where(where).subquery()
        selected = list(self._rows.c)[1:]
        self._values: dict[str, Sql] = dict(zip(self._used, selected, strict=False))
        self._lasts: dict[str, Sql] = dict(zip(self._last_paths(), selected[len(named) :], strict=True))

    def column(self, path: str) -> Column:
        """Return the column at the end of a path of `asked`."""
        return self._used[path].column

    def statement(self) -> sa.Select[Any]:
        """Return a select of one row a group: the values it is grouped by, its aggregates, its number of rows."""
        groups = [self._values[path] for path in self.asked.group_by]
        computed = [self._computed(one) for one in self.asked.aggregates]
        having = [self._holds(one) for one in self.asked.having]
        order = [self._sorted(one) for one in self.asked.order_by]
        ordered = [*order, *(group.asc().nulls_first() for group in groups)]
        counted = sa.select(*groups, *computed, sa.func.count()).select_from(self._rows)
        return counted.group_by(*groups).having(*having).order_by(*ordered)

    def long_rows(self, beyond: int) -> sa.Select[Any]:
        """Return a select of the lengths of rows that have more characters than that, as the statement reads them."""
        texts = [value for value in self._values.values() if isinstance(value.type, sa.Text)]
        length: Sql = sum((sa.func.coalesce(sa.func.length(text), 0) for text in texts), start=sa.literal_column("0"))
        return sa.select(length).select_from(self._rows).where(length > beyond)

    def _last_paths(self) -> list[str]:
        return [one.path for one in self.asked.aggregates if one.function == LAST]

    def _last(self, path: str, inserted: Sequence[Sql]) -> Sql:
        """Return the value in the last row of each group, and nothing in the other rows."""
        groups = [self._used[each].sql for each in self.asked.group_by]
        newest = [each.desc() for each in inserted]
        place = sa.func.row_number().over(partition_by=groups or None, order_by=newest)
        return sa.case((place == 1, self._used[path].sql))

    def _usable(self, asked: Grouping) -> Grouping:
        group_by = tuple(path for path in asked.group_by if self._can("group_by", path, path))
        return Grouping(
            tuple(one for one in asked.aggregates if self._can_compute(one.function, one.path, one)),
            group_by,
            tuple(one for one in asked.having if self._can_compute("having", one.text, one.aggregate)),
            tuple(one for one in asked.order_by if self._can_sort(one, group_by)),
        )

    def _can(self, of: str, entry: str, path: str, *, numbers: bool = False) -> bool:
        """Return whether a column is there that the user may read, of numbers if need be."""
        try:
            self._require(path, numbers=numbers)
        except UnusableTermError as error:
            self._ignore(of, f"holds '{entry}', but {error}")
            return False
        return True

    def _require(self, path: str, *, numbers: bool) -> None:
        column = Path(self._scope, self._table.table, path.split("."))
        if column.last.family is Family.PASSWORD:
            raise UnusableTermError(f"column '{path}' holds passwords")
        operand = column.operand(self._table)
        if numbers and operand.compare_as is not CompareAs.NUMBER:
            raise UnusableTermError(f"column '{path}' does not hold numbers")
        self._used[path] = operand

    def _can_compute(self, of: str, entry: str, one: Aggregate) -> bool:
        return not one.path or self._can(of, entry, one.path, numbers=one.of_numbers)

    def _can_sort(self, order: GroupOrder, group_by: tuple[str, ...]) -> bool:
        if isinstance(order.by, Aggregate):
            return self._can_compute("order_by", order.text, order.by)
        if order.by not in group_by:
            self._ignore("order_by", f"holds '{order.text}', but the groups have no such column")
        return order.by in group_by

    def _holds(self, one: Having) -> Sql:
        path = one.aggregate.path
        # The least and the greatest of texts are texts.
        is_text = one.aggregate.function in ("min", "max") and isinstance(self._values[path].type, sa.Text)
        value = one.value if is_text else float(one.value)
        holds: Sql = COMPARISONS[one.comparison](self._computed(one.aggregate), value)
        return holds

    def _computed(self, one: Aggregate) -> Sql:
        if not one.path:
            return sa.func.count()
        if one.function == LAST:
            return sa.func.max(self._lasts[one.path])  # of one value
        value = self._values[one.path]
        # An int64 sum can overflow, so cast to double.
        added: Sql = sa.cast(value, sa.Double()) if one.of_numbers else value
        return sa.Function(one.function, added)

    def _sorted(self, order: GroupOrder) -> Sql:
        value = self._values[order.by] if isinstance(order.by, str) else self._computed(order.by)
        return value.desc().nulls_last() if order.descending else value.asc().nulls_first()
