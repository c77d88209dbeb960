"""The search boxes of a list: a text with wildcards becomes a condition (Docs: available list search wildcards)."""

from collections.abc import Iterator

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.query import as_operand
from mock_servicenow.now_platform.records.list_columns import listable
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.instance_gate import InstanceVisit
from mock_servicenow.ui.list_query import ListQuery, ListUrl

SEARCH = "search."
"""The name of a column's box begins so."""
_CONTAINS = Property("glide.ui.goto_use_contains", "false")
_STARTS_WITH = Property("glide.ui.goto_use_starts_with", "false")
_PREFIXES = (("!=", "!="), ("!*", "NOT LIKE"), ("=", "="), ("*", "LIKE"))


def searched(session: Session, visit: InstanceVisit, url: ListUrl) -> str:
    """Return the query of a list with the conditions of its search boxes, at most one for each column."""
    query, columns = ListQuery(url.query), listable(session, url.table)
    for name, text in _asked(visit):
        if name in columns:
            query = ListQuery(query.with_condition(as_operand(_condition(session, columns[name], text))))
    return query.text


def _asked(visit: InstanceVisit) -> Iterator[tuple[str, str]]:
    """Yield the columns and texts of the box in the head, then of those above the columns."""
    if text := visit.query.get("search_text", ""):
        yield visit.query.get("search_field", ""), text
    for name, text in visit.query.items():
        if name.startswith(SEARCH) and text:
            yield name.removeprefix(SEARCH), text


def _condition(session: Session, column: Column, text: str) -> str:
    operator, value = _read(session, text.strip())
    value = _stored(session, column, value)
    if column.is_reference:
        name = session.dictionary.display_column(column.reference or "")
        return f"{column.name}.{name}{operator}{value}"
    if operator == ">=" and any(choice.value == value for choice in column.choices):
        operator = "="
    return f"{column.name}{operator}{value}"


def _read(session: Session, text: str) -> tuple[str, str]:
    """Return the operator and the value that a text spells."""
    if len(text) > 1 and text.startswith("%") and text.endswith("%"):
        return "LIKE", text[1:-1]
    for prefix, operator in _PREFIXES:
        if text.startswith(prefix):
            return operator, text.removeprefix(prefix)
    if text.startswith("%"):
        return "ENDSWITH", text[1:]
    if text.endswith("%"):
        return "STARTSWITH", text[:-1]
    if session.is_on(_CONTAINS):
        return "LIKE", text
    return ("STARTSWITH" if session.is_on(_STARTS_WITH) else ">="), text


def _stored(session: Session, column: Column, text: str) -> str:
    """Return the value that a displayed text stands for."""
    if column.family is Family.DATE_TIME:
        return session.formats.to_utc(text)
    if column.family is Family.DATE:
        return session.formats.to_date(text)
    return next((each.value for each in column.choices if each.label.casefold() == text.casefold()), text)
