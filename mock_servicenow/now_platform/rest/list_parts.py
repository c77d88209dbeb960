"""The rest of a long list: its rows as they are by then, read a few at a time in transactions of their own."""

from array import array
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.records import queries
from mock_servicenow.now_platform.records.reader import Values
from mock_servicenow.now_platform.rest.call import Call
from mock_servicenow.now_platform.rest.xml_text import Result

if TYPE_CHECKING:
    from mock_servicenow.now_platform.instance import Instance
    from mock_servicenow.now_platform.records.session import Session

AT_ONCE = 100
"""Records of a list that are shown before others get a turn."""
_FEWER = 10
"""By which they are divided where they are long."""
Show = Callable[["Session", list[Values]], list[Result]]


def list_parts(  # noqa: PLR0913, PLR0917 - what a list asks for
    instance: "Instance", call: Call, table: str, query: CompiledQuery, places: "array[int]", show: Show
) -> Iterator[list[Result]]:
    """Yield what is shown of the rows at these positions that the caller may still read.

    Others are answered between the parts.
    """
    start, most = 0, AT_ONCE
    while start < len(places):
        with instance.transaction(call.user) as session:
            rows = queries.those(session, table, query, places[start : start + most])
            part = None if rows is None else show(session, rows)
        if part is None:
            most = max(1, most // _FEWER)
            continue
        start, most = start + most, min(AT_ONCE, most * 2)
        yield part
