"""The records that describe the tables, columns and choices that ship, or come from files, by their sys_ids."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN, SYSTEM_COLUMNS, Column, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.dictionary_rows import CHOICES, TABLES, Values, column_row, rows, seed_id


@lru_cache(maxsize=4)
def shipped_tables(base: Dictionary) -> Mapping[str, Table]:
    """Return each table by the sys_id of its record."""
    return {seed_id(TABLES, table.name): table for table in base}


class ShippedColumn(NamedTuple):
    """A column with the record that describes it, as far as the record has not been changed."""

    table: Table
    column: Column
    described: Values


@lru_cache(maxsize=4)
def shipped_columns(base: Dictionary) -> Mapping[str, ShippedColumn]:
    """Return each column by the sys_id of its record."""
    columns = ((table, column) for table in base for column in (*SYSTEM_COLUMNS, CLASS_COLUMN, *table.columns))
    described = (ShippedColumn(*each, column_row(*each) | {"active": "true"}) for each in columns)
    return {each.described["sys_id"]: each for each in described}


@lru_cache(maxsize=4)
def shipped_choices(base: Dictionary) -> frozenset[str]:
    """Return the sys_id of the record of each choice."""
    return frozenset(row["sys_id"] for table, row in rows(base) if table == CHOICES)
