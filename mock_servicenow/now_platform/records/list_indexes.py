"""The indexes of a large table for its lists: for the columns that they show by default, to sort and to search by."""

from collections.abc import Iterator

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import CompareAs
from mock_servicenow.now_platform.dictionary.definitions import SYSTEM_COLUMNS, Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import fold, indexed_form, list_index_name

LARGE = 20_000
"""The number of rows from which a table gets such indexes; fewer are sorted and read quickly without."""
MOST_COLUMNS = 7
"""Columns of a table besides the one that names a record and the times that a list shows by default."""
_MOST = 12  # each makes every write slower
_TIMES = ("sys_created_on", "sys_updated_on")
_SYSTEM = {column.name for column in SYSTEM_COLUMNS}


def sorting_indexes(dictionary: Dictionary, root: str, dialect: sa.Dialect) -> dict[str, str]:
    """Return the indexes to sort by, each with what follows its name in the statement that makes it.

    PostgreSQL gets none of texts, of which its entries take 2,704 bytes at most.
    """
    quote, embedded = dialect.identifier_preparer.quote, dialect.name == "sqlite"
    return {
        list_index_name(root, [column.name]): f"ON {quote(root)} ({indexed_form(column, dialect)})"
        for column in _listed(dictionary, root)
        if not column.indexed and not column.unique and (embedded or not _is_text(column))
    }


def searching_indexes(dictionary: Dictionary, root: str, dialect: sa.Dialect) -> dict[str, str]:
    """Return the indexes of parts of texts on PostgreSQL, which take its extension pg_trgm."""
    quote = dialect.identifier_preparer.quote
    return {
        list_index_name(root, [column.name, "parts"]): (
            f"ON {quote(root)} USING gin ({fold(quote(column.name), dialect.name)} gin_trgm_ops)"
        )
        for column in _listed(dictionary, root)
        if _is_text(column)
    }


def _is_text(column: Column) -> bool:
    return column.family.compare_as is CompareAs.TEXT


def _listed(dictionary: Dictionary, root: str) -> list[Column]:
    found = {column.name: column for name in dictionary.family(root) for column in _of_class(dictionary, name)}
    stored = dictionary.sql.columns(root)
    return [stored[name] for name in list(found)[:_MOST] if name in stored]


def _of_class(dictionary: Dictionary, table: str) -> Iterator[Column]:
    """Return the columns of a class that sort by their own value: references sort by the name of their record."""
    columns, display = dictionary.columns(table), dictionary.display_column(table)
    own = [name for name, column in columns.items() if name not in {*_SYSTEM, display} and not column.family.concealed]
    listed = (columns[name] for name in dict.fromkeys((*_TIMES, display, *own[:MOST_COLUMNS])) if name in columns)
    return (column for column in listed if not column.is_reference and not column.family.concealed)
