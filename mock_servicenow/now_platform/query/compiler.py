"""From the tree of a query to SQL."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from privman_testbench.findings import Finding

from mock_servicenow.now_platform.query import conditions
from mock_servicenow.now_platform.query.conditions import Test, UnusableTermError
from mock_servicenow.now_platform.query.javascript import RefusedError
from mock_servicenow.now_platform.query.operands import Operand, UnusableValueError
from mock_servicenow.now_platform.query.operators import Operator
from mock_servicenow.now_platform.query.syntax import Condition, Group, Ignored, Order, Query, Term
from mock_servicenow.now_platform.query.walk import Path, Rows, stored_rows

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary import Dictionary
    from mock_servicenow.now_platform.query.context import QueryContext

_LONGEST_QUOTE = 100
_ON_THE_KEY = frozenset(
    {
        Operator.EQUALS,
        Operator.NOT_EQUALS,
        Operator.IN,
        Operator.NOT_IN,
        Operator.EMPTY,
        Operator.NOT_EMPTY,
        Operator.ANYTHING,
    }
)


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """What to ask of the database.

    Attributes:
        where: the condition on the rows of ``Dictionary.sql_table``; it limits a hierarchy to the class.
        order_by: what to sort by, empty if the query does not say.
        findings: what of the query has no effect.
    """

    where: Test
    order_by: tuple[sa.ColumnElement[Any], ...]
    findings: tuple[Finding, ...]


def compile_query(query: Query, table: str, dictionary: "Dictionary", context: "QueryContext") -> CompiledQuery:
    """Return the SQL of a query on a table that the dictionary has.

    Never fails on account of what the query says: terms that the platform would ignore are left out and
    become findings of the rule ``query-term-ignored``. Values reach the database as bound parameters only.
    """
    compiler = _Compiler(dictionary, context)
    rows = stored_rows(dictionary, table)
    matching = compiler.query(query, rows)
    order_by = tuple(compiler.order(query.order, rows))
    if compiler.invalid and context.invalid_returns_no_rows:
        matching = sa.false()
    where = sa.and_(sa.true(), of_class(dictionary, rows), matching)
    return CompiledQuery(where, order_by, tuple(compiler.findings))


def of_class(dictionary: "Dictionary", rows: Rows) -> Test:
    """Return whether a row of a hierarchy is of the table's class or of one that extends it."""
    if dictionary.root(rows.table) == rows.table:
        return sa.true()
    return rows.column("sys_class_name").in_(dictionary.family(rows.table))


class _Compiler:
    def __init__(self, dictionary: "Dictionary", context: "QueryContext") -> None:
        self.findings: list[Finding] = []
        self.invalid = False
        self._dictionary = dictionary
        self._context = context

    def query(self, query: Query, rows: Rows) -> Test:
        """Return whether any group matches; every row does if no group has a usable term."""
        groups = [matching for group in query.groups if (matching := self._group(group, rows)) is not None]
        return sa.or_(*groups) if groups else sa.true()

    def order(self, orders: Iterable[Order], rows: Rows) -> Iterable[sa.ColumnElement[Any]]:
        """Return what to sort by; empty values come first, as on the platform's own database."""
        for order in orders:
            try:
                path = Path(self._dictionary, rows.table, order.path)
            except UnusableTermError as error:
                self._ignore(Ignored(order.text, str(error), invalid=False))
                continue
            path.to_display()
            value = path.operand(rows).comparable
            yield value.desc().nulls_last() if order.descending else value.asc().nulls_first()

    def _group(self, group: Group, rows: Rows) -> Test | None:
        blocks = [
            sa.or_(*matching)
            for block in group
            if (matching := [test for term in block if (test := self._term(term, rows)) is not None])
        ]
        return sa.and_(*blocks) if blocks else None

    def _term(self, term: Term, rows: Rows) -> Test | None:
        try:
            return self._test(term, rows)
        except (UnusableTermError, RefusedError) as error:
            self._ignore(Ignored(term.text, str(error)))
        except UnusableValueError as error:
            self._report("query-value-unusable", f"{_short(term.text)} matches no row: {error}")
            return sa.false()
        return None

    def _test(self, term: Term, rows: Rows) -> Test | None:
        match term:
            case Condition():
                return self._condition(term, rows)
            case Ignored():
                self._ignore(term)
        return None

    def _condition(self, term: Condition, rows: Rows) -> Test:
        path = Path(self._dictionary, rows.table, term.path)
        if term.operator not in _ON_THE_KEY:
            path.to_display()

        def test(operand: Operand) -> Test:
            return conditions.test(operand, term.operator, term.value, self._context)

        if conditions.may_accept_empty(term.operator, term.value, path.last):
            return test(path.operand(rows))
        return path.meets(rows, test)

    def _ignore(self, term: Ignored) -> None:
        self.invalid |= term.invalid
        self._report("query-term-ignored", f"{_short(term.text)} is ignored: {term.reason}")

    def _report(self, rule: str, message: str) -> None:
        self.findings.append(Finding("swallowed", rule, message, "sysparm_query"))


def _short(text: str) -> str:
    return f"'{text}'" if len(text) <= _LONGEST_QUOTE else f"'{text[:_LONGEST_QUOTE]}…'"
