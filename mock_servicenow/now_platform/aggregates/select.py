"""The statement that computes aggregates (platform 3.3)."""

from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from mock_servicenow.now_platform.aggregates.columns import StatsColumns
    from mock_servicenow.now_platform.aggregates.parameters import Aggregate, GroupOrder, Having, StatsParameters

Sql = sa.ColumnElement[Any]
_COMPARISONS = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


class StatsSelect:
    """Builds the statement for parameters of which everything can be computed."""

    def __init__(self, columns: "StatsColumns", where: sa.ColumnElement[bool]) -> None:
        self._columns = columns
        # An inner select gives dot-walked values names, by which every database can group.
        named = [operand.sql.label(f"column_{number}") for number, operand in enumerate(columns.used.values())]
        self._rows = sa.select(sa.literal_column("1"), *named).select_from(columns.source).where(where).subquery()
        self._values: dict[str, Sql] = dict(zip(columns.used, list(self._rows.c)[1:], strict=True))

    def statement(self, parameters: "StatsParameters") -> "sa.Select[Any]":
        """Return a select of one row a group: the values it is grouped by, its aggregates, its number of rows."""
        groups = [self._values[path] for path in parameters.group_by]
        computed = [self._computed(one) for one in parameters.aggregates]
        having = [self._holds(one) for one in parameters.having]
        order = [self._sorted(one) for one in parameters.order_by]
        ordered = [*order, *(group.asc().nulls_first() for group in groups)]
        counted = sa.select(*groups, *computed, sa.func.count()).select_from(self._rows)
        return counted.group_by(*groups).having(*having).order_by(*ordered)

    def long_rows(self, beyond: int) -> "sa.Select[Any]":
        """Return a select of the lengths of rows whose texts have more characters than that, as it would read them."""
        texts = [value for value in self._values.values() if isinstance(value.type, sa.Text)]
        length: Sql = sum((sa.func.coalesce(sa.func.length(text), 0) for text in texts), start=sa.literal_column("0"))
        return sa.select(length).select_from(self._rows).where(length > beyond)

    def _holds(self, one: "Having") -> Sql:
        """Return a condition on an aggregate; the least and the greatest of texts are texts."""
        path = one.aggregate.path
        is_text = one.aggregate.function in ("min", "max") and isinstance(self._values[path].type, sa.Text)
        holds: Sql = _COMPARISONS[one.comparison](
            self._computed(one.aggregate), one.value if is_text else float(one.value)
        )
        return holds

    def _computed(self, one: "Aggregate") -> Sql:
        if not one.path:
            return sa.func.count()
        value = self._values[one.path]
        # The sum of 64-bit integers may be none.
        added: Sql = sa.cast(value, sa.Double()) if one.of_numbers else value
        return sa.Function(one.function, added)

    def _sorted(self, order: "GroupOrder") -> Sql:
        value = self._values[order.by] if isinstance(order.by, str) else self._computed(order.by)
        return value.desc().nulls_last() if order.descending else value.asc().nulls_first()
