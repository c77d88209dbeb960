"""How many rows a list has, counted no further than people care."""

import sqlalchemy as sa

from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.list_url import LAST_ROW

# Counting a million rows takes longer than all the rest of a page.
MOST = LAST_ROW


def count_rows(session: Session, table: str, query: CompiledQuery) -> int:
    """Return how many rows a query matches; ``MOST + 1`` stands for that many or more."""
    physical = session.dictionary.sql_table(table)
    some = sa.select(sa.literal(1)).select_from(physical).where(query.where).limit(MOST + 1).subquery()
    return int(session.work.transaction.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def in_words(first: int, shown: int, count: int) -> str:
    """Return which rows a page shows, of how many."""
    if not shown:
        return "No records to show"
    of = f"more than {MOST:,}" if count > MOST else f"{count:,}"
    return f"{first:,} to {first + shown - 1:,} of {of}"
