"""Long lists: rows as they are by then, read a few at a time in transactions of their own."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.records import queries
from mock_servicenow.now_platform.records.reader import Values
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.envelope import fitting, list_answer
from mock_servicenow.now_platform.rest.xml_text import Result

if TYPE_CHECKING:
    from mock_servicenow.now_platform.instance import Instance
    from mock_servicenow.now_platform.records.session import Session

AT_ONCE = 100
"""Records of a list that are shown before others get a turn."""
_FEWER = 10
"""By which they are divided where they are long."""
Show = Callable[["Session", list[Values]], list[Result]]


@dataclass(frozen=True, slots=True)
class Page:
    """The rows to answer, in the order of the query."""

    table: str
    query: CompiledQuery
    limit: int
    offset: int

    def beginning(self, session: "Session") -> tuple[list[Values], bool]:
        """Return the first rows, as many as are shown at a time, and whether that is all of the page."""
        most = min(self.limit, AT_ONCE)
        rows, whole = queries.beginning(session, self.table, self.query, most, self.offset)
        return rows, whole and not len(rows) == most < self.limit

    def after(self, session: "Session", read: int) -> "array[int]":
        """Return the positions of the rows after the first ones: 8 bytes a row."""
        return queries.positions(session, self.table, self.query, self.limit - read, self.offset + read)


def page_answer(  # noqa: PLR0913 - what a list asks for
    call: Call, session: "Session", page: Page, first: tuple[list[Values], bool], show: Show, *, repeats: bool = False
) -> Answer:
    """Return the envelope of a page that begins with these rows; further ones are read as it is sent.

    Args:
        call: what is answered.
        session: has read the rows.
        page: all rows to answer.
        first: what its `beginning` has returned.
        show: shapes rows.
        repeats: whether results may show texts of other records, each any number of times.

    Raises:
        NotAcceptable: the client accepts neither JSON nor XML.
        TransactionCancelled: one of the records is longer than `LARGEST_RECORD`.
    """
    rows, whole = first
    results = show(session, rows)
    fit: Callable[[list[Result]], int] = partial(fitting, call) if repeats else len
    fits = fit(results)
    further = array("q") if whole and fits == len(results) else page.after(session, fits)
    parts = _Parts(session.instance, call, page, further, _Shown(show, fit)) if further else None
    return list_answer(call, results[:fits], parts)


@dataclass(frozen=True, slots=True)
class _Shown:
    """How rows are shown, and how many of the results are written at a time."""

    show: Show
    fit: Callable[[list[Result]], int]


class _Parts(Iterator[list[Result]]):
    """The results for the rows at some positions that the user may still read; others are served in between.

    Raises NotAuthenticated where he may not act any more.

    No generator, which would keep a part while it is being sent.
    """

    def __init__(self, instance: "Instance", call: Call, page: Page, places: "array[int]", shown: _Shown) -> None:
        self._instance = instance
        self._call = call
        self._page = page
        self._places = places
        self._shown = shown
        self._start, self._most = 0, AT_ONCE

    def __next__(self) -> list[Result]:
        while self._start < len(self._places):
            part, fits = self._read(self._places[self._start : self._start + self._most])
            if part is not None and fits == len(part):
                self._start, self._most = self._start + self._most, min(AT_ONCE, self._most * 2)
                return part
            self._most = max(1, fits)
        raise StopIteration

    def _read(self, places: "array[int]") -> tuple[list[Result] | None, int]:
        """Return what is shown of rows, None where they are too long, and how many are to be read at a time."""
        with self._instance.next_transaction(self._call.user, ended=self._call.findings) as session:
            rows = queries.those(session, self._page.table, self._page.query, places)
            if rows is None:
                return None, self._most // _FEWER
            part = self._shown.show(session, rows)
        return part, self._shown.fit(part)
