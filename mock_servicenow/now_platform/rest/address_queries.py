"""The rows that the address of a table asks for: by query, order, sys_id and number."""

import re
from collections.abc import Iterable

from mock_servicenow.now_platform.query import CompiledQuery, as_operand
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.session import Session
from privman_core.findings import Finding

MOST_ROWS = 10_000
"""Rows of an export unless a property says otherwise."""
COUNT = "sysparm_record_count"
UI_LIMIT = Property("glide.ui.export.limit")
_WHOLE = re.compile(r"[0-9]{1,9}")


def ordered(query: str, column: str, descending: str = "") -> str:
    """Return an encoded query with an order, as far as there are columns to order by."""
    orders = ((column, "ORDERBY"), (descending, "ORDERBYDESC"))
    return "^".join(filter(None, [query, *(f"{word}{as_operand(name)}" for name, word in orders if name)]))


def asked_rows(session: Session, table: str, query: str, sys_id: str, *, strict: bool = False) -> CompiledQuery:
    """Return the query of an address: the record with that sys_id if it names one; raises as `Session.accept` does."""
    if sys_id:
        return session.accept(table, session.equal_query(table, [("sys_id", sys_id)]))
    return session.compiled(table, query, strict=strict)


def row_limit(session: Session, wanted: str, properties: Iterable[Property], usual: int = MOST_ROWS) -> int:
    """Return how much an address gets: what it wants, within the first of the properties that is a number.

    Another text than a whole number becomes a finding.
    """
    numbers = map(session.system_property, properties)
    most = next((int(text) for text in numbers if _WHOLE.fullmatch(text)), usual)
    if wanted and not _WHOLE.fullmatch(wanted):
        message = f"{COUNT} is '{wanted}', expected a whole number: it was ignored"
        session.findings.append(Finding("swallowed", "parameter-ignored", message, COUNT))
        return most
    return min(int(wanted), most) if wanted else most
