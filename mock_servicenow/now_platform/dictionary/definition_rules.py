"""Rules of the names and types of tables and columns that are stored together.

Each function returns why a definition breaks a rule, to go after its name in a sentence; empty if it breaks none.
"""

from collections.abc import Mapping

from mock_servicenow.now_platform.dictionary.definitions import SYSTEM_COLUMNS, Column
from mock_servicenow.now_platform.dictionary.sql_tables import is_reserved_column, is_reserved_table

SYSTEM_NAMES = frozenset(column.name for column in SYSTEM_COLUMNS)


def why_no_table(name: str, others: Mapping[str, str]) -> str:
    """Return why no table can have that name beside others, whose names are given by the same in lower case."""
    alike = others.get(name.lower())
    if alike is not None:
        return "is defined already" if alike == name else f"differs only in case from table '{alike}'"
    return "has a name that is reserved" if is_reserved_table(name) else ""


def why_no_column(name: str) -> str:
    """Return why no column can have that name."""
    if name in SYSTEM_NAMES:
        return "is one that every table has"
    return "has a name that databases reserve" if is_reserved_column(name) else ""


def why_other_name(column: Column, stored: Column) -> str:
    """Return why a column cannot be stored beside one whose name is the same in lower case."""
    return "" if stored.name == column.name else f"differs only in case from column '{stored.name}'"


def why_other_type(column: Column, stored: Column) -> str:
    """Return why a column cannot be stored as one of the same name in its hierarchy."""
    if stored.family.storage == column.family.storage:
        return ""
    return f"has type '{column.type}'; its hierarchy stores that column as '{stored.type}'"
