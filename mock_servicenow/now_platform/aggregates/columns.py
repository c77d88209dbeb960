"""The columns that aggregates are computed of, and what cannot be computed (platform 3.3)."""

from collections.abc import Callable
from dataclasses import replace

from mock_servicenow.now_platform.aggregates.parameters import Aggregate, StatsParameters
from mock_servicenow.now_platform.dictionary.column_types import PASSWORD_TYPES, Kind
from mock_servicenow.now_platform.query.operands import Operand, UnusableTermError
from mock_servicenow.now_platform.query.scope import Path, Scope

Ignore = Callable[[str, str], None]


class StatsColumns:
    """Columns of one table by their dotted path, those of other tables included.

    Args:
        scope: the tables as the user sees them.

    Attributes:
        source: where the rows of the table are stored.
        used: every column that has been required.
    """

    def __init__(self, scope: Scope, table: str) -> None:
        self.source = scope.dictionary.sql_table(table)
        self._rows = scope.queried(table)
        self._scope = scope
        self.used: dict[str, Operand] = {}

    def require(self, path: str) -> None:
        """Make a column available; raises UnusableTermError if there is none that the user may read."""
        column = Path(self._scope, self._rows.table, path.split("."))
        if column.last.type in PASSWORD_TYPES:
            raise UnusableTermError(f"column '{path}' holds passwords")
        self.used[path] = column.operand(self._rows)

    def require_for(self, aggregate: Aggregate) -> None:
        """Make available what an aggregate is computed of; raises UnusableTermError if it cannot be."""
        if not aggregate.path:
            return
        self.require(aggregate.path)
        if aggregate.of_numbers and self.used[aggregate.path].kind is not Kind.NUMBER:
            raise UnusableTermError(f"column '{aggregate.path}' holds no numbers")


def drop_unusable(parameters: StatsParameters, columns: StatsColumns, ignore: Ignore) -> StatsParameters:
    """Return the parameters without what cannot be computed, which ``ignore`` is told, parameter and reason."""

    def usable(name: str, entry: str, require: Callable[[], None]) -> bool:
        try:
            require()
        except UnusableTermError as error:
            ignore(name, f"holds '{entry}', but {error}")
            return False
        return True

    def group(path: str) -> bool:
        return usable("sysparm_group_by", path, lambda: columns.require(path))

    def aggregate(name: str, entry: str, one: Aggregate) -> bool:
        return usable(name, entry, lambda: columns.require_for(one))

    group_by = tuple(path for path in parameters.group_by if group(path))

    def order(entry: str, by: Aggregate | str) -> bool:
        if isinstance(by, Aggregate):
            return aggregate("sysparm_order_by", entry, by)
        if by not in group_by:
            ignore("sysparm_order_by", f"holds '{entry}', but the groups have no such column")
        return by in group_by

    return replace(
        parameters,
        group_by=group_by,
        aggregates=tuple(
            one for one in parameters.aggregates if aggregate(f"sysparm_{one.function}_fields", one.path, one)
        ),
        having=tuple(one for one in parameters.having if aggregate("sysparm_having", one.text, one.aggregate)),
        order_by=tuple(one for one in parameters.order_by if order(one.text, one.by)),
    )
