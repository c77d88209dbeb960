"""Rows as SQLite gives them fastest: whole, as JSON arrays of texts.

Python's driver describes and converts every value of a row by itself, which takes longer than the rest of a read.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import orjson

from mock_servicenow.now_platform.dictionary.column_types import storage_kind
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.storage.database import Row

_MOST_COLUMNS = 120  # of the 127 arguments that SQLite takes for a function


def expressions(columns: Iterable[Column], quote: Callable[[str], str]) -> Iterator[str]:
    """Return the SQL that fetches the columns; fractions come as numbers, for databases write them differently."""
    texts = (_text(column, quote(column.name)) for column in columns)
    while some := list(islice(texts, _MOST_COLUMNS)):
        yield f"json_array({', '.join(some)})"


def values(columns: Iterable[str], row: Row) -> dict[str, str]:
    """Return the texts that were fetched by column, in the order of the columns."""
    first, *further = row
    texts = orjson.loads(first)
    for part in further:
        texts += orjson.loads(part)
    return dict(zip(columns, texts, strict=True))


def _text(column: Column, name: str) -> str:
    kind = storage_kind(column.type)
    if kind == "number":
        return name
    return f"ifnull({name if kind == 'text' else f'CAST({name} AS TEXT)'}, '')"
