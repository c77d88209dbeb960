"""Indexes for the columns that large lists are filtered and sorted by, made on first use."""

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, DropIndex

from mock_servicenow.now_platform.dictionary.definitions import CLASS_COLUMN
from mock_servicenow.now_platform.dictionary.sql_tables import is_of_list, list_index_name
from mock_servicenow.now_platform.query import is_long
from mock_servicenow.now_platform.query.operands import Operand
from mock_servicenow.now_platform.query.operators import EQUALS
from mock_servicenow.now_platform.query.syntax import Condition, Query
from mock_servicenow.now_platform.records.view import View

LARGE = 20_000
"""The number of rows from which a table gets such indexes; fewer are sorted quickly without."""
MOST = 16
"""Such indexes of a table; beyond that the oldest is dropped, since each slows down every write."""


def serve_list(view: View, table: str, encoded: str) -> None:
    """Make the index that answers a query about a large table, no view, if it has only equality and order.

    The first request waits for the index: some seconds for 1,000,000 rows. A query of many conditions gets none. The
    database must be embedded: the tables of a shared one are left to its administrator.
    """
    if is_long(encoded) or not _is_large(view, table):
        return
    names = _served(view, table, view.schema.queries.parser.parse(encoded))
    if not names:
        return
    index, known = _index(view, table, names), _known(view, table)
    if index.name not in known:
        view.work.transaction.lock()
        made = [name for name in known if is_of_list(name, view.dictionary.root(table))]
        for oldest in made[: max(0, len(made) + 1 - MOST)]:
            view.work.transaction.execute(DropIndex(sa.Index(oldest)))
        view.work.transaction.execute(CreateIndex(index))


def _served(view: View, table: str, query: Query) -> list[str]:
    """Return the columns that are compared, then the one that sorts.

    References are left out: those in filters have an index, and they sort by the display value of their targets.
    """
    columns = view.dictionary.columns(table)
    usable = {name for name, column in columns.items() if not column.is_reference} - {"sys_id"}
    order = [order.path[0] for order in query.order[:1] if order.path[0] in usable and len(order.path) == 1]
    equal = sorted(_compared(query) & usable)
    if not order and not equal:
        return []
    classes = [CLASS_COLUMN.name] if view.dictionary.root(table) != table else []
    names = list(dict.fromkeys([*classes, *equal, *order]))
    return [] if len(names) == 1 and columns[names[0]].indexed else names


def _compared(query: Query) -> set[str]:
    """Return the columns that have to have one value; none where the query has alternatives."""
    blocks = query.groups[0] if len(query.groups) == 1 else ()
    terms = [block[0] for block in blocks if len(block) == 1]
    conditions = [term for term in terms if isinstance(term, Condition) and term.operator is EQUALS]
    return {condition.path[0] for condition in conditions if len(condition.path) == 1}


def _index(view: View, table: str, names: list[str]) -> sa.Index:
    root, columns = view.dictionary.root(table), view.dictionary.columns(table)
    physical = view.dictionary.sql_table(table)
    # A table of its own: an index added to the real one would be described to every statement.
    copies = [sa.Column(name, physical.c[name].type) for name in names]
    sa.Table(root, sa.MetaData(), *copies)
    expressions = [Operand(columns[copy.name], copy).comparable for copy in copies]
    return sa.Index(list_index_name(root, names), *expressions)


def _is_large(view: View, table: str) -> bool:
    if view.dictionary.is_view(table):
        return False
    rows = sa.table(view.dictionary.root(table))
    newest: sa.Select[tuple[int]] = sa.select(sa.func.max(sa.literal_column("rowid"))).select_from(rows)
    return int(view.work.transaction.execute(newest).scalar_one() or 0) >= LARGE


def _known(view: View, table: str) -> list[str]:
    """Return the names of the indexes that the table has, the oldest first."""
    listed = sa.text("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = :root ORDER BY rowid")
    found = view.work.transaction.execute(listed.bindparams(root=view.dictionary.root(table)))
    return list(found.scalars())
