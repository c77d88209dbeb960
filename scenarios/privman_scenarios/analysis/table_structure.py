"""Tell the app's tables by what refers to what and by the types of columns, whatever they are called."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import permutations

from privman_contracts import WireNames
from privman_contracts.wire_names import WireName
from privman_scenarios.analysis.instance_facts import InstanceFacts, SeenColumn

STRUCTURE = "its columns and references"
# More tables in more orders would take seconds.
_MOST_TABLES = 8
_TYPED = ("flag", "number", "duration")
_IMPOSSIBLE = -1_000


class TableStructure:
    """What an instance's tables refer to, beside what the app's do.

    Args:
        tables: those that may be the app's.
    """

    def __init__(self, facts: InstanceFacts, names: WireNames, tables: Sequence[str]) -> None:
        nouns = names.group("tables")
        self._wanted = {noun: [name for name in names if name.group == f"columns.{noun}"] for noun in nouns}
        self._columns = {table: [*facts.columns_of(table).values()] for table in tables}

    def assign(self, known: Mapping[str, str]) -> dict[str, str]:
        """Return a table for each noun that is not known; nothing where not just one order of tables fits best."""
        unknown = [noun for noun in self._wanted if noun not in known]
        left = [table for table in self._columns if table not in known.values()]
        if not unknown or len(left) > _MOST_TABLES:
            return {}
        orders = [dict(zip(unknown, order, strict=True)) for order in permutations(left, len(unknown))]
        scores = [self._fit({**known, **order}) for order in orders]
        best = max(scores, default=0)
        return orders[scores.index(best)] if best and scores.count(best) == 1 else {}

    def _fit(self, tables: Mapping[str, str]) -> int:
        """Return how many columns of the app's have their counterparts; 0 where one that must have it has none."""
        fits = [self._fit_of(noun, tables) for noun in tables]
        return max(0, sum(fits)) if min(fits) > _IMPOSSIBLE else 0

    def _fit_of(self, noun: str, tables: Mapping[str, str]) -> int:
        """Return for how many typed columns and references a table has one, less those that it has beside them."""
        wanted = Counter(kind for name in self._wanted[noun] if (kind := _kind(name, tables)))
        must = Counter(kind for name in self._wanted[noun] if not name.optional and (kind := _kind(name, tables)))
        seen = Counter(kind for column in self._columns[tables[noun]] if (kind := _kind_seen(column, tables)))
        return _IMPOSSIBLE if must - seen else (wanted & seen).total() - (seen - wanted).total()


def _kind(name: WireName, tables: Mapping[str, str]) -> str:
    """Return the table to which a column refers, or its type; empty for one that any text may hold."""
    return tables.get(name.holds, name.holds if name.holds in _TYPED else "")


def _kind_seen(column: SeenColumn, tables: Mapping[str, str]) -> str:
    family = column.family
    return column.reference if column.reference in tables.values() else family if family in _TYPED else ""
