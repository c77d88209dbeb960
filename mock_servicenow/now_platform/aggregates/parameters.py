"""The parameters of the Aggregate API (platform 3.3)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mock_servicenow.now_platform.rest.call import Call

FUNCTIONS = ("avg", "sum", "min", "max")
_KNOWN = frozenset(
    f"sysparm_{name}"
    for name in (
        *("query", "count", "group_by", "having", "order_by", "display_value", "query_category"),
        *(f"{function}_fields" for function in FUNCTIONS),
    )
)
MOST_ENTRIES = 25
"""How many entries of a list count, since each costs the compiling of an expression (I)."""
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One number about the rows of a group.

    Attributes:
        function: ``count`` or one of `FUNCTIONS`.
        path: the column, dot-walk allowed; empty for the count of rows.
    """

    function: str
    path: str = ""

    @property
    def of_numbers(self) -> bool:
        """Whether only numbers have it."""
        return self.function in ("avg", "sum")


@dataclass(frozen=True, slots=True)
class Having:
    """A condition on an aggregate, which keeps or drops whole groups.

    Attributes:
        value: a number.
    """

    text: str
    aggregate: Aggregate
    comparison: str
    value: str


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """What groups are sorted by: an aggregate, or the value of a column by which they are grouped."""

    text: str
    by: Aggregate | str
    descending: bool


@dataclass(frozen=True, slots=True)
class StatsParameters:
    """What a call asks for.

    Attributes:
        filters: ``field=value`` pairs, in the place of a query.
        display: ``false``, ``true`` or ``all``.
    """

    query: str
    filters: tuple[tuple[str, str], ...]
    aggregates: tuple[Aggregate, ...]
    group_by: tuple[str, ...]
    having: tuple[Having, ...]
    order_by: tuple[GroupOrder, ...]
    display: str


def read_stats_parameters(call: Call) -> StatsParameters:
    """Return the parameters of a call; what means nothing to the platform becomes a finding."""
    given = call.query
    for name in given:
        if name.startswith("sysparm_") and name not in _KNOWN:
            ignore(call, name, "means nothing here")
    counted = (Aggregate("count"),) * (given.get("sysparm_count", "").lower() == "true")
    display = given.get("sysparm_display_value", "false")
    return StatsParameters(
        query=given.get("sysparm_query", ""),
        filters=() if "sysparm_query" in given else _filters(call),
        aggregates=(*counted, *_aggregates(call)),
        group_by=tuple(_entries(call, "sysparm_group_by")),
        having=tuple(_having(call)),
        order_by=tuple(map(_order, _entries(call, "sysparm_order_by"))),
        display=display if display in ("true", "all") else "false",
    )


def _entries(call: Call, name: str) -> list[str]:
    """Return the entries of a list, each once; those beyond `MOST_ENTRIES` become a finding."""
    entries = list(dict.fromkeys(entry.strip() for entry in call.query.get(name, "").split(",") if entry.strip()))
    if len(entries) > MOST_ENTRIES:
        more = f"{name} has {len(entries)} distinct entries; those after the first {MOST_ENTRIES} were ignored"
        call.swallowed("parameter-ignored", more, name)
    return entries[:MOST_ENTRIES]


def _filters(call: Call) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in call.query.items() if not name.startswith("sysparm_"))


def _aggregates(call: Call) -> Iterable[Aggregate]:
    for function in FUNCTIONS:
        for path in _entries(call, f"sysparm_{function}_fields"):
            yield Aggregate(function, path)


def _having(call: Call) -> Iterable[Having]:
    for entry in _entries(call, "sysparm_having"):
        match entry.split("^"):
            case [function, path, comparison, value] if _is_having(function.lower(), comparison, value):
                yield Having(entry, Aggregate(function.lower(), path), comparison, value)
            case _:
                ignore(call, "sysparm_having", f"holds '{entry}', expected aggregate^field^operator^number")


def _is_having(function: str, comparison: str, value: str) -> bool:
    known = function in (*FUNCTIONS, "count") and comparison in _COMPARISONS
    return known and _NUMBER.fullmatch(value) is not None


def _order(entry: str) -> GroupOrder:
    words = entry.removesuffix("^DESC").split("^")
    function = words[0].lower()
    by = Aggregate(function, "^".join(words[1:])) if function in (*FUNCTIONS, "count") else words[0]
    return GroupOrder(entry, by, entry.endswith("^DESC"))


def ignore(call: Call, name: str, reason: str) -> None:
    """Record that a parameter, or an entry of it, has no effect."""
    call.swallowed("parameter-ignored", f"{name} {reason}: it was ignored", name)
