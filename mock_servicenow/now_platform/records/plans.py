"""Facts about each table that every read and write of a record needs, looked up once."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import DEFAULT_CALLS, Column, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.errors import InvalidTable

LONGEST_TEXT = 1024 * 1024
"""Most characters stored of one text (I): far above any documented column length, yet bounded, because pages, lists and
journals read many texts at once. The platform cuts a text at the length of its column."""
LONGEST_INDEXED = 600
"""The same for a column with an index: an index entry of PostgreSQL has at most 2,704 bytes."""
CALLS: Mapping[str, Callable[[Any], str]] = dict(
    zip(DEFAULT_CALLS, map(attrgetter, ("user.sys_id", "user.user_name", "now")), strict=True)
)
"""The calls of default scripts, each a function of the view that creates the record."""


class TablePlan(Struct, frozen=True):
    """One table.

    Attributes:
        lineage: the table and its parents, the nearest first.
        family: the table and every table that extends it.
        columns: every column by name, in the dictionary's order.
        decimals: the columns with fractions.
        journals: the columns to which writes append entries.
        passwords: the columns with passwords.
        defaults: the values of a new record: each column's literal default, or empty.
        scripted: columns whose default is a call, each with a function of the view that creates the record.
        lengths: text columns that clients may write, each with the length up to which a text is stored as it is.
        verbatim_choices: columns with choices, each with the choices that are stored unchanged.
        may_be_numbered: whether a counter may give its records a number of prefix and digits.
    """

    table: Table
    root: str
    lineage: tuple[str, ...]
    family: frozenset[str]
    columns: Mapping[str, Column]
    decimals: tuple[str, ...]
    journals: tuple[str, ...]
    passwords: tuple[str, ...]
    defaults: Mapping[str, str]
    scripted: tuple[tuple[str, Callable[[Any], str]], ...]
    lengths: Mapping[str, int]
    verbatim_choices: Mapping[str, frozenset[str]]
    may_be_numbered: bool


class Plans(dict[str, TablePlan]):
    """The plans by table; looking up an unknown table raises InvalidTable."""

    def __init__(self, dictionary: Dictionary) -> None:
        super().__init__()
        self._dictionary = dictionary

    def __missing__(self, name: str) -> TablePlan:
        table = self._dictionary.table(name)
        if table is None:
            raise InvalidTable(name)
        plan = self[name] = _plan(self._dictionary, table)
        return plan


def stored_length(column: Column) -> int:
    """Return how many characters of a text are stored."""
    return LONGEST_INDEXED if column.indexed or column.unique else max(column.max_length, LONGEST_TEXT)


def _plan(dictionary: Dictionary, table: Table) -> TablePlan:
    name, columns = table.name, dictionary.columns(table.name)
    scripts = dictionary.scripted_defaults(name)
    return TablePlan(
        table=table,
        root=dictionary.root(name),
        lineage=dictionary.lineage(name),
        family=frozenset(dictionary.family(name)),
        columns=columns,
        decimals=tuple(dictionary.columns_of(name, Family.DECIMAL)),
        journals=tuple(dictionary.columns_of(name, Family.JOURNAL)),
        passwords=tuple(dictionary.columns_of(name, Family.PASSWORD)),
        defaults=dictionary.new_record(name),
        scripted=tuple((column, CALLS[call]) for column, call in scripts.items() if call in CALLS),
        lengths={each.name: _unchanged_length(each) for each in columns.values() if _is_free_text(each)},
        verbatim_choices={
            each.name: _verbatim_choices(each) for each in columns.values() if each.choices and not each.read_only
        },
        may_be_numbered="number" in columns and columns["number"].type == "string",
    )


def _is_free_text(column: Column) -> bool:
    """Return whether every text that is short enough is stored as it is."""
    restricted = column.read_only or column.choices or column.reference is not None
    return not restricted and column.family in {Family.TEXT, Family.CURRENCY, Family.JOURNAL}


def _unchanged_length(column: Column) -> int:
    return min(column.max_length, stored_length(column)) if column.type == "string" else stored_length(column)


def _verbatim_choices(column: Column) -> frozenset[str]:
    """Return the choices that are their own stored form."""
    return frozenset(choice.value for choice in column.choices if column.to_stored(choice.value) == choice.value)
