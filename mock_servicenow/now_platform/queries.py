"""Encoded queries, asked by one session."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from mock_servicenow.now_platform.query import CompiledQuery, Query, QueryContext, compile_query
from mock_servicenow.now_platform.query.operators import Operator
from mock_servicenow.now_platform.query.syntax import Condition
from mock_servicenow.now_platform.store import DuplicateError
from mock_servicenow.now_platform.values import DATE_TIME, to_database

if TYPE_CHECKING:
    from mock_servicenow.now_platform.session import Session


def compiled(session: "Session", table: str, encoded: str) -> CompiledQuery:
    """Return the SQL of a query; what of it has no effect is not yet among the session's findings."""
    return _compile(session, table, session.instance.parser.parse(encoded))


def _compile(session: "Session", table: str, query: Query) -> CompiledQuery:
    context = QueryContext(
        now=datetime.strptime(session.now, DATE_TIME).replace(tzinfo=UTC),
        user_id=session.user.sys_id,
        user_name=session.user.user_name,
        timezone=session.time_zone,
        invalid_returns_no_rows=session.property("glide.invalid_query.returns_no_rows") == "true",
    )
    return compile_query(query, table, session.dictionary, context)


def equal_query(session: "Session", table: str, pairs: Iterable[tuple[str, str]]) -> CompiledQuery:
    """Return the SQL for records whose columns have the values; neither can be mistaken for query syntax."""
    conditions = [Condition(f"{name}={value}", tuple(name.split(".")), Operator.EQUALS, value) for name, value in pairs]
    query = Query(groups=(tuple((condition,) for condition in conditions),))
    return _compile(session, table, query)


def ordered(session: "Session", table: str, query: CompiledQuery) -> "sa.Select[Any]":
    """Return the statement for the rows that a query matches, in its order, else as they were inserted."""
    physical = session.dictionary.sql_table(table)
    order = query.order_by or session.instance.store.insertion_order(physical)
    return session.reader.select(table).where(query.where).order_by(*order)


def count(session: "Session", table: str, query: CompiledQuery) -> int:
    """Return how many rows a query matches."""
    physical = session.dictionary.sql_table(table)
    statement = sa.select(sa.func.count()).select_from(physical).where(query.where)
    return int(session.work.transaction.execute(statement).scalar_one())


def matching(session: "Session", table: str, encoded: str, sys_ids: Iterable[str]) -> set[str]:
    """Return which of the records meet a condition, such as an access rule's."""
    physical = session.dictionary.sql_table(table)
    where = compiled(session, table, encoded).where
    statement = sa.select(physical.c.sys_id).where(where, physical.c.sys_id.in_(list(sys_ids)))
    return set(session.work.transaction.execute(statement).scalars())


def would_match(session: "Session", table: str, encoded: str, values: Mapping[str, str]) -> bool:
    """Return whether a record with those values would meet a condition.

    The record is stored, asked for, and taken back, so that a condition means here exactly what it means in a query.
    A record that cannot be stored meets none.
    """
    physical = session.dictionary.sql_table(table)
    columns = session.dictionary.columns(table)
    row = {name: to_database(column, values[name]) for name, column in columns.items()}
    with session.work.transaction.taken_back():
        try:
            session.work.transaction.execute(sa.delete(physical).where(physical.c.sys_id == row["sys_id"]))
            session.work.transaction.execute(sa.insert(physical).values(row))
        except DuplicateError:
            return False
        return bool(matching(session, table, encoded, [values["sys_id"]]))
