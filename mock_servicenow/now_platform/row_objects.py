"""Rows as SQLite gives them fastest: whole, as JSON objects of texts.

Python's driver describes and converts every value of a row by itself, which takes several times as long as the rest of
a read.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import orjson

from mock_servicenow.now_platform.column_types import storage_kind
from mock_servicenow.now_platform.database import Row
from mock_servicenow.now_platform.dictionary import Column
from mock_servicenow.now_platform.physical import text_literal

_MOST_COLUMNS = 60  # two arguments each, of the 127 that SQLite takes for a function


def expressions(columns: Iterable[Column], quote: Callable[[str], str]) -> Iterator[str]:
    """Return the SQL that fetches the columns; fractions come as numbers, for databases write them differently."""
    parts = (f"{text_literal(column.name)}, {_text(column, quote(column.name))}" for column in columns)
    while some := list(islice(parts, _MOST_COLUMNS)):
        yield f"json_object({', '.join(some)})"


def values(row: Row) -> dict[str, str]:
    """Return the texts that were fetched by column, in the order of the columns."""
    first, *further = row
    found: dict[str, str] = orjson.loads(first)
    for part in further:
        found.update(orjson.loads(part))
    return found


def _text(column: Column, name: str) -> str:
    kind = storage_kind(column.type)
    if kind == "number":
        return name
    return f"ifnull({name if kind == 'text' else f'CAST({name} AS TEXT)'}, '')"
