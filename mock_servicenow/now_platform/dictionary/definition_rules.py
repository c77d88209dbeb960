"""Rules of the names and types of tables and columns that are stored together.

Each function returns why a definition breaks a rule, to go after its name in a sentence, or what was expected of it;
empty if it breaks none.
"""

from collections.abc import Mapping

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import (
    CLASS_COLUMN,
    DEFAULT_CALLS,
    SCRIPT,
    SYSTEM_COLUMNS,
    Column,
)
from mock_servicenow.now_platform.dictionary.sql_tables import is_reserved_column, is_reserved_table
from mock_servicenow.now_platform.dictionary.values import is_sys_id

SYSTEM_NAMES = frozenset(column.name for column in (*SYSTEM_COLUMNS, CLASS_COLUMN))


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


def expected_default(column: Column) -> str:
    """Return what the column's default should be, if it is something else."""
    default = column.default or ""
    if default.startswith(SCRIPT):
        known = default.removeprefix(SCRIPT) in DEFAULT_CALLS
        return "" if known else f"one of {', '.join(f'{SCRIPT}{call}' for call in DEFAULT_CALLS)}"
    if column.type == "reference" and default and not is_sys_id(default):
        return f"a sys_id, or {SCRIPT}{DEFAULT_CALLS[0]}"
    if column.family is Family.BOOLEAN and default not in {"", "true", "false"}:
        return "true or false"
    return "" if column.to_stored(default) is not None else f"a value of type {column.type}"


def stored_default(column: Column) -> str | None:
    """Return the column's default in the form that records store: a call as it is, and what is invalid as it is."""
    default = column.default
    return default if default is None or default.startswith(SCRIPT) else column.to_stored(default) or default
