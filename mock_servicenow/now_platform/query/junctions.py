"""AND and OR over any number of tests, in trees shallow enough for every database."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_WIDEST = 20  # SQLite counts each AND of a row of ANDs as one level, and allows 1,000 levels in a statement

Test = sa.ColumnElement[bool]


class Bracketed(FunctionElement[bool]):
    """A test in brackets that stay; SQLAlchemy drops those it finds superfluous."""

    name = "bracketed"
    type = sa.Boolean()
    inherit_cache = True


@compiles(Bracketed)
def _brackets(element: Bracketed, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"({compiler.process(element.clauses, **kw)})"


def any_of(tests: Sequence[Test]) -> Test:
    """Return whether any of the tests holds; there must be one at least."""
    return _tree(sa.or_, tests)


def all_of(tests: Sequence[Test]) -> Test:
    """Return whether all of the tests hold; there must be one at least."""
    return _tree(sa.and_, tests)


def _tree(join: Callable[..., Test], tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) <= _WIDEST:
        return join(*tests)
    size = -(-len(tests) // _WIDEST)
    branches = [tests[start : start + size] for start in range(0, len(tests), size)]
    return join(*(Bracketed(_tree(join, branch)) for branch in branches))
