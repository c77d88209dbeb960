"""AND and OR over any number of tests, in trees shallow enough for every database."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from mock_servicenow.now_platform.query.operands import Test

_WIDEST = 20  # SQLite counts each AND of a row of ANDs as one level, and allows 1,000 levels in a statement


def any_of(tests: Sequence[Test]) -> Test:
    """Return whether any of the tests holds; there must be one at least."""
    return _tree(sa.or_, tests)


def all_of(tests: Sequence[Test]) -> Test:
    """Return whether all of the tests hold; there must be one at least."""
    return _tree(sa.and_, tests)


def _tree(join: Callable[..., Test], tests: Sequence[Test]) -> Test:
    if len(tests) <= _WIDEST:
        return join(*tests)
    size = -(-len(tests) // _WIDEST)
    branches = [tests[start : start + size] for start in range(0, len(tests), size)]
    return join(*(Grouping(_tree(join, branch)) for branch in branches))
