"""Encoded queries, asked by one session."""

from array import array
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.values import DATE_TIME
from mock_servicenow.now_platform.query import (
    Change,
    CompiledQuery,
    Query,
    QueryContext,
    Scope,
    compile_condition,
    compile_query,
    permission,
    scope_of,
)
from mock_servicenow.now_platform.query.operators import EQUALS
from mock_servicenow.now_platform.query.script_calls import RefusedError, evaluate
from mock_servicenow.now_platform.query.syntax import Condition

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.reader import Values
    from mock_servicenow.now_platform.records.session import Session
    from privman_core.findings import Finding


def compiled(session: "Session", table: str, encoded: str) -> CompiledQuery:
    """Return the SQL of a query; what of it has no effect is not yet among the session's findings."""
    before = session.instance.store.end_brief
    return session.instance.queries.compile(encoded, table, session.sight, _context(session), before)


def _context(session: "Session") -> QueryContext:
    return QueryContext(
        now=datetime.strptime(session.now, DATE_TIME).replace(tzinfo=UTC),
        user_id=session.user.sys_id,
        user_name=session.user.user_name,
        timezone=session.time_zone,
        invalid_returns_no_rows=session.property("glide.invalid_query.returns_no_rows") == "true",
    )


def equal_query(session: "Session", table: str, pairs: Iterable[tuple[str, str]]) -> CompiledQuery:
    """Return the SQL for records whose columns have the values; neither can be mistaken for query syntax."""
    conditions = [Condition(f"{name}={value}", tuple(name.split(".")), EQUALS, value) for name, value in pairs]
    query = Query(groups=(tuple((condition,) for condition in conditions),))
    return compile_query(query, table, session.sight, _context(session))


def page(session: "Session", table: str, query: CompiledQuery, limit: int | None, offset: int) -> "list[Values]":
    """Return a page of the rows that a query matches, in its order, else as they were inserted."""
    return session.reader.fetch(table, *_page(session, table, query, limit, offset))


def beginning(
    session: "Session", table: str, query: CompiledQuery, limit: int, offset: int
) -> "tuple[list[Values], bool]":
    """Return the first rows of a page, less those that would be too much at a time, and whether that is all of it."""
    return session.reader.fetch_some(table, *_page(session, table, query, limit, offset))


def _page(
    session: "Session", table: str, query: CompiledQuery, limit: int | None, offset: int
) -> "tuple[sa.Select[Any], dict[str, int]]":
    """Return the statement for a page, and its values."""
    bounds = {"page_offset": offset} if limit is None else {"page_offset": offset, "page_limit": limit}
    key = session.instance.store.embedded, *bounds
    return query.statement(key, lambda: _select_page(session, table, query, bounds)), bounds


def _select_page(session: "Session", table: str, query: CompiledQuery, bounds: Iterable[str]) -> "sa.Select[Any]":
    order = query.order_by or session.instance.store.insertion_order(session.dictionary.sql_table(table))
    offset, *limit = (sa.bindparam(name, type_=sa.BigInteger) for name in bounds)
    rows = session.reader.select(table).where(query.where).order_by(*order).offset(offset)
    return rows.limit(*limit) if limit else rows


def sys_ids(session: "Session", table: str, query: CompiledQuery, limit: int, offset: int) -> list[str]:
    """Return the sys_ids of a page of the rows that a query matches, in its order."""
    physical = session.dictionary.sql_table(table)
    order = query.order_by or session.instance.store.insertion_order(physical)
    statement = sa.select(physical.c.sys_id).where(query.where).order_by(*order).limit(limit).offset(offset)
    return list(session.work.transaction.execute(statement).scalars())


def positions(session: "Session", table: str, query: CompiledQuery, limit: int, offset: int) -> "array[int]":
    """Return the positions of a page of the rows that a query matches, in its order: 8 bytes a row."""
    [position] = insertion = session.instance.store.insertion_order(session.dictionary.sql_table(table))
    order = query.order_by or insertion
    statement = sa.select(position).select_from(session.dictionary.sql_table(table)).where(query.where)
    page = statement.order_by(*order).limit(limit).offset(offset)
    return array("q", session.work.transaction.execute(page).scalars())


def those(session: "Session", table: str, query: CompiledQuery, places: "array[int]") -> "list[Values] | None":
    """Return the rows at these positions, in their order, less those that the query's caller may read no more.

    None if they are too much at a time; a single row never is.
    """
    physical = session.dictionary.sql_table(table)
    [position] = session.instance.store.insertion_order(physical)
    there = position.in_([*places])
    named = sa.select(physical.c.sys_id.label("sys_id"), position.label("place")).where(there)
    place = {row["sys_id"]: row["place"] for row in session.work.transaction.execute(named).mappings()}
    rows, whole = session.reader.fetch_some(table, session.reader.select(table).where(query.readable, there))
    if not whole:
        return None
    order = {each: number for number, each in enumerate(places)}
    return sorted(rows, key=lambda row: order[place[row["sys_id"]]])


def count(session: "Session", table: str, query: CompiledQuery) -> int:
    """Return how many rows a query matches."""
    statement = query.statement("count", lambda: _count(session, table, query))
    return int(session.work.transaction.execute(statement).scalar_one())


def _count(session: "Session", table: str, query: CompiledQuery) -> "sa.Select[Any]":
    physical = session.dictionary.sql_table(table)
    return sa.select(sa.func.count()).select_from(physical).where(query.where)


def reaches(session: "Session", table: str, query: CompiledQuery, offset: int) -> bool:
    """Return whether a query matches a row at an offset, without counting them all."""
    physical = session.dictionary.sql_table(table)
    statement = sa.select(sa.true()).select_from(physical).where(query.where).offset(offset).limit(1)
    return session.work.transaction.execute(statement).first() is not None


def permitted(session: "Session", operation: str, table: str, sys_ids: Iterable[str]) -> set[str]:
    """Return to which records of a class the user may do something."""
    physical = session.dictionary.sql_table(table)
    may = permission(table, operation, session.sight, _context(session))
    statement = sa.select(physical.c.sys_id).where(may, physical.c.sys_id.in_(list(sys_ids)))
    return set(session.work.transaction.execute(statement).scalars())


def matches_unreadable(session: "Session", table: str, query: CompiledQuery) -> bool:
    """Return whether a query matches rows that the user may not read."""
    if query.unreadable is None:
        return False
    rows = session.dictionary.sql_table(table)
    statement = sa.select(sa.true()).select_from(rows).where(query.unreadable).limit(1)
    return session.work.transaction.execute(statement).first() is not None


def scope(session: "Session") -> Scope:
    """Return the tables as the session's user sees them, for SQL that is no encoded query."""
    return scope_of(session.sight, _context(session))


def would_match(session: "Session", encoded: str, change: Change) -> bool | None:
    """Return whether a record, as it would be after a write, meets a condition; None if it cannot be evaluated."""
    condition = _condition(session, encoded, change)
    if condition.invalid:
        return None
    return bool(session.work.transaction.execute(sa.select(condition.where)).scalar())


def unknown_terms(session: "Session", table: str, encoded: str) -> "tuple[Finding, ...]":
    """Return why a condition on records of a table cannot be evaluated; empty if it can."""
    condition = _condition(session, encoded, Change(table, {}))
    return condition.findings if condition.invalid else ()


def evaluated(session: "Session", value: str) -> str | None:
    """Return a value as a rule sets it: as written, or what its script call gives; None if no such call is known."""
    try:
        return evaluate(value, _context(session))
    except RefusedError:
        return None


def _condition(session: "Session", encoded: str, change: Change) -> CompiledQuery:
    query = session.instance.queries.parser.parse(encoded)
    return compile_condition(query, change, session.instance.queries.stored, _context(session))
