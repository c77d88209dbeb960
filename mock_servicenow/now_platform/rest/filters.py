"""``field=value`` pairs in the URL of a list (platform 1.3)."""

from typing import TYPE_CHECKING

from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.records import queries

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session


def filter_query(session: "Session", table: str, filters: tuple[tuple[str, str], ...]) -> CompiledQuery:
    """Return the query for records whose columns have the values, raw or as displayed.

    Raises QueryForbidden as `Session.accept` does.
    """
    query = queries.equal_query(session, table, [(name, _raw(session, table, name, value)) for name, value in filters])
    return session.accept(table, query)


def _raw(session: "Session", table: str, name: str, value: str) -> str:
    column = session.dictionary.columns(table).get(name)
    if column is None:
        return value
    if column.is_reference:
        return session.by_display(column.reference or "", value) or value
    return next((choice.value for choice in column.choices if choice.label.lower() == value.lower()), value)
