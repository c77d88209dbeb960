"""The indexes of a large table for its lists: for the columns that they show by default, to sort and to search by."""

from collections.abc import Iterator

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import CompareAs
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.short_parts import short_parts
from mock_servicenow.now_platform.dictionary.sql_tables import fold, indexed_form, list_index_name
from mock_servicenow.now_platform.records.usual_columns import CREATED, usual_columns

LARGE = 20_000
"""The number of rows from which a table gets such indexes; fewer are sorted and read quickly without."""
BEGINNING = 250
"""Characters, of four bytes at most, of the longest texts that PostgreSQL has whole in an index to sort by."""
_MOST = 12  # each makes every write slower
_TIMES = (CREATED, "sys_updated_on")


def sorting_indexes(dictionary: Dictionary, root: str, dialect: sa.Dialect) -> dict[str, str]:
    """Return the indexes to sort by, each with what follows its name in the statement that makes it.

    PostgreSQL's have the beginnings of texts, since its entries take 2,704 bytes at most, and list the longer texts.
    """
    quote, embedded = dialect.identifier_preparer.quote, dialect.name == "sqlite"
    columns = [column for column in _listed(dictionary, root) if not column.indexed and not column.unique]
    texts = [] if embedded else list(filter(sorts_by_beginning, columns))
    plain = {list_index_name(root, [each.name]): indexed_form(each, dialect) for each in columns if each not in texts}
    begun = {list_index_name(root, [each.name]): f"{beginning(quote(each.name))} NULLS FIRST" for each in texts}
    long = {
        long_texts_name(root, each.name): f"({length(quote(each.name))}) WHERE {length(quote(each.name))} > {BEGINNING}"
        for each in texts
    }
    return {name: f"ON {quote(root)} ({form})" for name, form in (plain | begun).items()} | {
        name: f"ON {quote(root)} {form}" for name, form in long.items()
    }


def sorts_by_beginning(column: Column) -> bool:
    """Return whether PostgreSQL has the beginnings of a column's texts in order; other texts are short."""
    return _is_text(column) and not column.indexed and not column.unique


def beginning(column: str) -> str:
    """Return the SQL of the beginning of a text on PostgreSQL, by which its rows are almost in order."""
    return f"left({fold(column, 'postgresql')}, {BEGINNING})"


def length(column: str) -> str:
    """Return the SQL of the length of a text, by which those are listed that are longer than a `beginning`."""
    return f"length({column})"


def long_texts_name(root: str, column: str) -> str:
    """Return the name of the index that lists the rows with a long text."""
    return list_index_name(root, [column, "long"])


def short_parts_name(root: str, column: str) -> str:
    """Return the name of the index of the short parts of a column's texts."""
    return list_index_name(root, [column, "short"])


def searching_indexes(dictionary: Dictionary, root: str, dialect: sa.Dialect, *, trigrams: bool) -> dict[str, str]:
    """Return the indexes of parts of texts on PostgreSQL, those of trigrams only if it has the extension pg_trgm."""
    quote = dialect.identifier_preparer.quote
    found: dict[str, str] = {}
    for column in filter(_is_text, _listed(dictionary, root)):
        name = quote(column.name)
        if trigrams:
            parts = f"{fold(name, dialect.name)} gin_trgm_ops"
            found[list_index_name(root, [column.name, "parts"])] = f"ON {quote(root)} USING gin ({parts})"
        found[short_parts_name(root, column.name)] = f"ON {quote(root)} USING gin ({short_parts(name)})"
    return found


def _is_text(column: Column) -> bool:
    return column.family.compare_as is CompareAs.TEXT


def _listed(dictionary: Dictionary, root: str) -> list[Column]:
    found = {column.name: column for name in dictionary.family(root) for column in _of_class(dictionary, name)}
    stored = dictionary.sql.columns(root)
    return [stored[name] for name in list(found)[:_MOST] if name in stored]


def _of_class(dictionary: Dictionary, table: str) -> Iterator[Column]:
    """Yield the columns of a class that sort by their own value: references sort by the name of their record."""
    columns = dictionary.columns(table)
    names = dict.fromkeys((*_TIMES, *usual_columns(columns, dictionary.display_column(table))))
    return (columns[name] for name in names if name in columns and not columns[name].is_reference)
