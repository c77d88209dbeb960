"""Indexes the texts of a table a little at a time."""

from collections.abc import Iterable, Sequence

import orjson

from mock_servicenow.now_platform.dictionary.text_index import TextIndex
from mock_servicenow.now_platform.storage.database import Prepared
from mock_servicenow.now_platform.storage.transaction import Transaction

ROWS_AT_A_TIME = 200
"""The rows that are indexed between two requests. After as many writes, `ListUpkeep` looks for rows to index."""
_CHARACTERS_AT_A_TIME, _LONGEST, _PAGES_AT_A_TIME = 32_000, 8_000, 64


def indexed_columns(index: TextIndex, transaction: Transaction) -> tuple[str, ...]:
    """Return the columns that the database has indexed; none if it has no such index."""
    return tuple(name for (name,) in transaction.run(Prepared(index.columns_query), ()))


def index_some(index: TextIndex, transaction: Transaction) -> bool:
    """Index some late rows of a table; return whether there are more."""
    begun = transaction.run(Prepared(index.begun), ())
    if begun:
        rows = transaction.run(Prepared(index.older(ROWS_AT_A_TIME)), begun[0])
    else:
        rows = transaction.run(Prepared(index.next_late(ROWS_AT_A_TIME)), ())
    places, long = _some(rows)
    for statement in index.indexing():
        transaction.run(Prepared(statement), (orjson.dumps(places).decode(),))
    transaction.run(Prepared(index.keeping_late), (orjson.dumps(long).decode(),))
    transaction.run(Prepared(index.merging(_PAGES_AT_A_TIME)), ())
    if begun and rows:
        transaction.run(Prepared(index.going_on), (max(places + long),))
    elif begun:
        transaction.run(Prepared(index.ending), ())
    return bool(begun) or len(rows) == ROWS_AT_A_TIME


def _some(rows: Iterable[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Return the places of the first rows, as many as are indexed at a time, and those of rows with long texts."""
    places: list[int] = []
    long: list[int] = []
    characters = 0
    for place, length in rows:
        if characters > _CHARACTERS_AT_A_TIME:
            break
        (long if length > _LONGEST else places).append(place)
        characters += min(length, _LONGEST)
    return places, long
