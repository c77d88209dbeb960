"""The conditions in the query of a path that asks for records of a table."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

_TABLE = re.compile(r"/api/now/(?:v[12]/)?(?:table|stats)/([^/?]+)")
_TERM = re.compile(r"(?:NQ|OR|EQ)*(?:ORDERBYDESC|ORDERBY|GROUPBY)?([a-z_][a-z0-9_]*+)(.*)", re.DOTALL)
_COMPARED = re.compile(r"(!?=|NOT IN|IN)(.*)", re.DOTALL)
_SCRIPT = "javascript:"


class Condition(NamedTuple):
    """One condition.

    Attributes:
        values: what the column is compared with; empty where nobody can tell.
    """

    column: str
    values: tuple[str, ...]


def table_of(path: str) -> str:
    """Return the table whose records a path asks for, as it is sent; empty where it asks for something else."""
    found = _TABLE.match(unquote(path.partition("?")[0]))
    return found[1] if found else ""


def conditions(path: str) -> Iterator[Condition]:
    """Yield each condition of the query, in ``sysparm_query`` or as a parameter of its own (platform 1.2, 2.2)."""
    for name, value in parse_qsl(path.partition("?")[2], keep_blank_values=True):
        if name == "sysparm_query":
            yield from (_condition(*term.groups()) for term in map(_TERM.fullmatch, value.split("^")) if term)
        elif not name.startswith("sysparm_"):
            yield Condition(name, (value,))


def _condition(column: str, rest: str) -> Condition:
    compared = _COMPARED.fullmatch(rest)
    if compared is None or compared[2].startswith(_SCRIPT):
        return Condition(column, ())
    return Condition(column, tuple(compared[2].split(",")) if compared[1].endswith("IN") else (compared[2],))
