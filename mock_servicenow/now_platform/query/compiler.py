"""Compile the tree of a query to SQL, with findings for whatever of it has no effect."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.sql import visitors

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.errors import Signal
from mock_servicenow.now_platform.query.clauses import (
    condition,
    joined,
    one_of_many,
    ordering,
    related_list,
    searched_columns,
    semi_join,
)
from mock_servicenow.now_platform.query.needed_texts import Needed, looks_up, needed_texts
from mock_servicenow.now_platform.query.operands import (
    RecordChange,
    Rows,
    Test,
    UnknownColumnError,
    UnreadableTermError,
    UnusableTermError,
    UnusableValueError,
    all_of,
    any_of,
    of_class,
    one_record,
)
from mock_servicenow.now_platform.query.operators import NOT_EMPTY, Takes
from mock_servicenow.now_platform.query.scope import Scope
from mock_servicenow.now_platform.query.script_calls import QueryContext, RefusedScriptError
from mock_servicenow.now_platform.query.sight import Permissions, Sight
from mock_servicenow.now_platform.query.swallowed_terms import SwallowedTerms
from mock_servicenow.now_platform.query.syntax import (
    Block,
    Condition,
    Group,
    Order,
    Parser,
    Query,
    RelatedList,
    SemiJoin,
    Term,
    TextSearch,
)
from privman_core.findings import Finding
from privman_core.near_words import hint

_MOST_PARAMETERS = 30_000  # SQLite takes 32,766 in one statement, PostgreSQL 65,535
_MOST_TESTS = 500  # each takes a fraction of a millisecond to compile, and nothing else is answered meanwhile
_MOST_SORT_KEYS = 20
_DATE_ARITHMETIC = 100  # parameters
_PER_ELEMENT = 1_000  # bytes
_RULES = Parser()
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True, eq=False)
class CompiledQuery:
    """The SQL of a query, and the findings about it; equal only to itself.

    Attributes:
        where: the condition on the rows of ``Dictionary.sql_table``; it limits a hierarchy to the class, and the rows
            to those that the caller may read.
        order_by: sort keys; empty if the query has none.
        findings: about terms that have no effect.
        invalid: whether it has a term that the platform does not understand.
        dropped: the first part of it that has no effect, and why; empty if all of it acts.
        forbidden: whether a term asks for something that the caller may not read.
        barred: whether rules for queries keep the caller from a term; `forbidden` is true then, too.
        depends: whether it is valid only for its `QueryContext`: the user and the moment.
        unreadable: the condition on rows that match but that the caller may not read; None if there are no such rows
            except some that belong to no record.
        readable: the condition on rows of the class that the caller may read, whether they match or not.
        texts: what the texts of every row have that matches; None if nothing is known of them.
        is_looked_up: whether every row that matches has one value in some column with an index of its own.
        sorted_by: the only column that it is sorted by, with its own values, and whether descending; None for others.
        is_dense: whether it matches so many rows that the first ones are found by reading all rows in its order.
        newest_first: whether `order_by` is the order of insertion, reversed.
    """

    where: Test
    order_by: tuple[sa.ColumnElement[Any], ...]
    findings: tuple[Finding, ...]
    invalid: bool
    dropped: str
    forbidden: bool
    barred: bool
    depends: bool
    unreadable: Test | None = None
    readable: Test = field(default_factory=sa.true)
    texts: Needed | None = None
    is_looked_up: bool = False
    sorted_by: tuple[str, bool] | None = None
    is_dense: bool = False
    newest_first: bool = False
    _statements: dict[object, sa.Select[Any]] = field(init=False, default_factory=dict)

    @property
    def bytes(self) -> int:
        """About how much memory it takes with the statements that are made of it."""
        parts = (self.where, *self.order_by, *(() if self.unreadable is None else (self.unreadable,)))
        return sum(map(_weight, parts))

    def statement(self, key: object, build: Callable[[], sa.Select[Any]]) -> sa.Select[Any]:
        """Return the statement that was made of it by that key; build it the first time."""
        known = self._statements.get(key)
        if known is None:
            known = self._statements[key] = build()
        return known


def compile_query(query: Query, table: str, sight: Sight, context: QueryContext) -> CompiledQuery:
    """Return the SQL of a query on a table of the dictionary, for a caller with that sight.

    Never fails because of the query's text: terms that the platform would ignore are left out and become findings
    of the rule ``query-term-ignored``; those that ask for something the caller may not read become findings of the
    rule ``query-term-unreadable``. Values reach the database as bound parameters only.
    """
    compiler = _Compiler(sight, context)
    rows = compiler.scope.queried(table)
    compiled = compiler.compile(query, rows)
    own_class = of_class(sight.dictionary, rows)
    matching = sa.and_(own_class, compiled.where)
    compiled = replace(compiled, where=sa.and_(matching, rows.readable), readable=sa.and_(own_class, rows.readable))
    if sight.is_admin or sight.opens(table, "read"):
        return compiled
    return replace(compiled, unreadable=sa.and_(matching, sa.case((rows.readable, sa.false()), else_=sa.true())))


def compile_condition(query: Query, change: RecordChange, sight: Sight, context: QueryContext) -> CompiledQuery:
    """Return the SQL of whether one record, as it would be, matches: execute ``select(compiled.where)``.

    Only what the record refers to is looked up. ``VALCHANGES``, ``CHANGESFROM`` and ``CHANGESTO`` are understood
    here and nowhere else.
    """
    return _Compiler(sight, context).compile(query, one_record(sight.dictionary, change))


def scope_of(sight: Sight, context: QueryContext) -> Scope:
    """Return the tables as the caller sees them, for SQL that does not come from an encoded query."""
    return _Compiler(sight, context).scope


def permission(table: str, operation: str, sight: Sight, context: QueryContext) -> Test:
    """Return whether the caller may do something to a row of ``Dictionary.sql_table``."""
    return Permissions(sight, scope_of(sight, context).meets).test(table, sight.dictionary.sql_table(table), operation)


def _weight(part: sa.ColumnElement[Any]) -> int:
    return sum(_PER_ELEMENT + len(getattr(each, "name", None) or "") for each in visitors.iterate(part))


class _TooLargeError(Signal):
    """The query binds more values than databases take in one statement, or has too many tests."""


class _Compiler:
    def __init__(self, sight: Sight, context: QueryContext) -> None:
        self._limited: set[str] = set()
        self._depends = False
        self.scope = Scope(sight, context, self._depend, self._meets_rule, self._limited.add)
        self._swallowed = SwallowedTerms()
        self._parameters = self._tests = 0
        self._hinted = False
        self._queried: Rows | None = None
        self._acting: set[Condition] = set()  # on the queried rows

    def compile(self, query: Query, rows: Rows) -> CompiledQuery:
        self._queried = rows
        try:
            where = self._matching(query, rows)
        except _TooLargeError:
            self._swallowed.report("query-too-large", "no row is returned: the query has too many values or conditions")
            where = sa.false()
        order_by = tuple(self._order(query.order, rows))
        if self._swallowed.invalid and self.scope.circumstances.invalid_returns_no_rows:
            where = sa.false()
        swallowed = self._swallowed
        columns = self.scope.dictionary.columns(rows.table)
        for table in sorted(self._limited):
            swallowed.report("rows-unreadable", f"of table '{table}' only rows that the user may read count")
        return CompiledQuery(
            where,
            order_by,
            swallowed.findings(),
            swallowed.invalid,
            swallowed.dropped,
            swallowed.forbidden,
            swallowed.barred,
            self._depends,
            texts=needed_texts(query, self._acting, columns),
            is_looked_up=looks_up(query, self._acting, columns),
            sorted_by=_only_order(query, order_by, columns),
        )

    def _depend(self) -> None:
        self._depends = True

    def _meets_rule(self, condition: str, rows: Rows) -> Test:
        """Return whether a row meets an access rule's condition, which sees everything; an unclear one is never met."""
        everything = Sight(self.scope.dictionary)
        compiled = _Compiler(everything, self.scope.circumstances).compile(_RULES.parse(condition), rows)
        self._depends |= compiled.depends
        return sa.false() if compiled.invalid else compiled.where

    def _matching(self, query: Query, rows: Rows) -> Test:
        """Return whether any group matches; every row does if no group has a usable term."""
        groups = [matching for group in _once(query.groups) if (matching := self._group(group, rows)) is not None]
        return any_of(groups) if groups else sa.true()

    def _group(self, group: Group, rows: Rows) -> Test | None:
        blocks = []
        for block in _once(group):
            tests = self._block(block, rows)
            if tests:
                blocks.append(any_of(tests))
        return all_of(blocks) if blocks else None

    def _block(self, block: Block, rows: Rows) -> list[Test]:
        merged = one_of_many(block, rows, self.scope)
        if merged is not None:
            self._spend(2 * len(block))
            return [merged]
        return [test for term in _once(block) if (test := self._term(term, rows)) is not None]

    def _term(self, term: Term, rows: Rows) -> Test | None:
        try:
            return self._test(term, rows)
        except UnreadableTermError as error:
            self._swallowed.unreadable(term.text, error)
        except (UnusableTermError, RefusedScriptError) as error:
            self._swallowed.ignore(term.text, self._reason(error))
        except UnusableValueError as error:
            self._swallowed.unusable(term.text, str(error))
            return self._without_value(term, rows)
        return None

    def _without_value(self, term: Term, rows: Rows) -> Test:
        """Return the meaning of a term whose value no row can have: nothing, or anything that is not empty."""
        if isinstance(term, Condition) and term.operator.negative:
            return condition(structs.replace(term, operator=NOT_EMPTY), rows, self.scope)
        return sa.false()

    def _test(self, term: Term, rows: Rows) -> Test | None:
        match term:
            case Condition():
                self._spend(_cost(term), tests=0)
                test = condition(term, rows, self.scope)
                self._spend(0, tests=len(term.path) + 2 * term.operator.computes)
                if rows is self._queried:
                    self._acting.add(term)
                return test
            case RelatedList():
                self._spend(2)
                return related_list(term, rows, self.scope, self._matching)
            case SemiJoin():
                self._spend(2)
                return semi_join(term, rows, self.scope, self._matching)
            case TextSearch():
                return self._text_search(term, rows)
        self._swallowed.ignore(term.text, term.reason, invalid=term.invalid)
        return None

    def _text_search(self, term: TextSearch, rows: Rows) -> Test:
        columns = searched_columns(rows, self.scope)
        self._spend(len(columns) + len(term.words), tests=len(term.words))
        text = joined(columns, rows)
        tests = [text.matches("%", word, "%") for word in term.words]
        return sa.exists(sa.select(sa.literal_column("1")).where(all_of(tests)))

    def _order(self, orders: Iterable[Order], rows: Rows) -> Iterable[sa.ColumnElement[Any]]:
        distinct = list(_once(orders))
        for order in distinct[_MOST_SORT_KEYS:]:
            self._swallowed.ignore(order.text, f"it comes after {_MOST_SORT_KEYS} other sort keys", invalid=False)
        for order in distinct[:_MOST_SORT_KEYS]:
            try:
                yield ordering(order, rows, self.scope)
            except UnreadableTermError as error:
                self._swallowed.unreadable(order.text, error)
            except UnusableTermError as error:
                self._swallowed.ignore(order.text, self._reason(error), invalid=False)

    def _reason(self, error: Signal) -> str:
        """Return why a term is ignored; for the first unknown column with the nearest known one."""
        if self._hinted or not isinstance(error, UnknownColumnError):
            return str(error)
        self._hinted = True
        return f"{error}{hint(error.name, error.known, len(error.known))}"

    def _spend(self, parameters: int, tests: int = 1) -> None:
        self._parameters += parameters
        self._tests += tests
        if self._parameters > _MOST_PARAMETERS or self._tests > _MOST_TESTS:
            raise _TooLargeError


def _once(parts: Iterable[_Part]) -> Iterable[_Part]:
    """Return the parts of a query without duplicates, which change nothing."""
    return dict.fromkeys(parts)


def _only_order(
    query: Query, order_by: tuple[sa.ColumnElement[Any], ...], columns: Mapping[str, Column]
) -> tuple[str, bool] | None:
    if len(order_by) != 1 or len(query.order) != 1 or len(query.order[0].path) > 1:
        return None
    [order] = query.order
    name = order.path[0]
    is_plain = not columns[name].is_reference and not any(
        isinstance(each, sa.Case)
        for each in visitors.iterate(order_by[0])  # empty where the caller may not read it
    )
    return (name, order.descending) if is_plain else None


def _cost(term: Condition) -> int:
    """Return at least how many parameters a condition binds."""
    if term.operator.takes is Takes.LIST:
        return 2 + 2 * term.value.count(",")
    return _DATE_ARITHMETIC if term.operator.computes else 2
