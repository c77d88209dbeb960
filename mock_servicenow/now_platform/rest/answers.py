"""Answers: envelopes of results and errors, long lists in parts, links to other pages."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Generic, TypeVar

import orjson
from msgspec import Struct
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import NotAcceptable, PlatformError, TransactionCancelled
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query import CompiledQuery
from mock_servicenow.now_platform.records.rows import Record, Values
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.xml_text import character_data
from mock_servicenow.now_platform.rest.call import JSON, XML, Answer, Call
from mock_servicenow.now_platform.rest.formats import (
    Document,
    Result,
    response_format,
    text_length,
    write_document,
    write_error,
    write_results,
)
from mock_servicenow.now_platform.rest.parameters import Parameters

PIECE = 1024 * 1024
"""Characters of results that are written at a time; a longer record is written by itself."""
LARGEST_RECORD = 32 * 1024 * 1024
"""Characters of one record in an answer, as they are written.

By dot-walks a record may show one long text any number of times (I).
"""


def result_answer(call: Call, results: list[Result], *, many: bool, status: int = 200) -> Answer:
    """Return the envelope of results in the format that the client accepts; raises NotAcceptable.

    Args:
        call: what is answered.
        results: the records; just one unless ``many``.
        many: whether JSON holds an array.
        status: the HTTP status.
    """
    if response_format(call.headers.get("Accept", "")) == "xml":
        return Answer(status, write_results(results), CIMultiDict({"Content-Type": XML}))
    envelope: dict[str, object] = {"result": results if many else results[0]}
    if call.headers.get("X-WantSessionDebugMessages", "").lower() == "true":
        envelope["session"] = {"debug_logs": []}
    return json_answer(envelope, status)


def list_answer(call: Call, results: list[Result], further: Iterator[list[Result]] | None = None) -> Answer:
    """Return the envelope of many results, with pieces where further ones follow.

    Args:
        call: what is answered.
        results: the first records.
        further: the other ones, each part made when it is its turn.

    Raises:
        NotAcceptable: the client accepts neither JSON nor XML.
    """
    answer = result_answer(call, results, many=True)
    if further is None:
        return answer
    empty = result_answer(call, [], many=True).body
    end, between = (b"]", b",") if empty.startswith(b"{") else (b"</response>", b"")
    opening, closing = empty[: empty.index(end)], empty[empty.index(end) :]

    def write(part: list[Result]) -> bytes:
        return result_answer(call, part, many=True).body[len(opening) : -len(closing)]

    return laid_out(Layout(opening, write, between, closing), results, further, answer.headers)


def fitting(call: Call, results: list[Result]) -> int:
    """Return how many of the results, one at least, are written at a time, as `PIECE` says.

    Raises TransactionCancelled where one of them is longer than `LARGEST_RECORD`.
    """
    size = 0
    for number, result in enumerate(results):
        size += result_length(call, result)
        if number and size > PIECE:
            return number
    return len(results)


def result_length(call: Call, result: Result) -> int:
    """Return how many characters a result has; raises TransactionCancelled for more than `LARGEST_RECORD`."""
    texts = [text for each in result.values() for text in (each.values() if isinstance(each, dict) else (each,))]
    length = sum(map(len, texts))
    if is_too_long(call, texts):
        most = f"at most {LARGEST_RECORD:,} are answered"
        call.swallowed("record-too-long", f"a record has {length:,} characters, or more as written; {most}")
        raise TransactionCancelled
    return length


def is_too_long(call: Call, texts: Sequence[str]) -> bool:
    """Return whether texts that are written at a time are longer than `LARGEST_RECORD`, as the answer has them."""
    length = sum(map(len, texts))
    return length > PIECE and (length > LARGEST_RECORD or _are_longer_written(call, texts))


def _are_longer_written(call: Call, texts: Iterable[str]) -> bool:
    write = character_data if response_format(call.headers.get("Accept", "")) == "xml" else _json_text
    lengths: dict[str, int] = {}
    length = 0
    for text in texts:
        if text not in lengths:
            lengths[text] = len(write(text))
        length += lengths[text]
        if length > LARGEST_RECORD:
            return True
    return False


def _json_text(text: str) -> str:
    return orjson.dumps(text).decode()


_Entry = TypeVar("_Entry")


class Layout(Struct, Generic[_Entry], frozen=True):
    """How a document holds results: the text before, between and after them, and how some of them are written."""

    opening: bytes
    write: Callable[[list[_Entry]], bytes]
    between: bytes
    closing: bytes


def laid_out(
    layout: Layout[_Entry], results: list[_Entry], further: Iterator[list[_Entry]] | None, headers: CIMultiDict[str]
) -> Answer:
    """Return the document of the results, with pieces where further ones follow; nothing keeps a piece once given."""
    written = layout.write(results)
    answer = Answer(200, layout.opening + written, headers)
    if further is None:
        answer.body += layout.closing
        return answer
    before = layout.between if written else b""

    def render(part: list[_Entry]) -> bytes:
        nonlocal before
        written = layout.write(part)
        if not written:
            return b""
        piece, before = before + written, layout.between
        return piece

    answer.pieces = chain(filter(None, map(render, further)), [layout.closing])
    return answer


def document_answer(call: Call, head: Mapping[str, str], results: list[Result], status: int) -> Answer:
    """Return an array of results with further fields beside it; raises NotAcceptable."""
    if response_format(call.headers.get("Accept", "")) == "xml":
        return Answer(status, write_results(results, head), CIMultiDict({"Content-Type": XML}))
    return json_answer({**head, "result": results}, status)


def bounded_records(
    session: Session, table: str, query: str | CompiledQuery, *, limit: int, offset: int = 0
) -> list[Record]:
    """Return a page of records; raises TransactionCancelled where they have more characters than `LARGEST_RECORD`."""
    compiled = session.compiled(table, query) if isinstance(query, str) else query
    records: list[Record] = []
    length = 0
    for part in session.parts(table, compiled, limit=limit, offset=offset):
        length += sum(len(text) for record in part for text in record.values.values())
        if length > LARGEST_RECORD:
            raise TransactionCancelled
        records += part
    return records


def value_answer(call: Call, value: Document, status: int = 200) -> Answer:
    """Return the envelope of a result that is no record.

    Raises:
        NotAcceptable: the client accepts neither JSON nor XML.
        TransactionCancelled: it has more characters than `LARGEST_RECORD`: a name may be repeated any number of times.
    """
    if text_length(value) > LARGEST_RECORD:
        raise TransactionCancelled
    if response_format(call.headers.get("Accept", "")) == "xml":
        return Answer(status, write_document({"result": value}), CIMultiDict({"Content-Type": XML}))
    return json_answer({"result": value}, status)


def json_answer(value: object, status: int = 200) -> Answer:
    """Return an answer whose body is that JSON value."""
    return Answer(status, orjson.dumps(value), CIMultiDict({"Content-Type": JSON}))


def error_answer(error: PlatformError, accept: str) -> Answer:
    """Return the envelope of an error in the format that the client accepts, else in JSON."""
    if _error_format(accept) == "xml":
        answer = Answer(error.status, write_error(error.message, error.detail), CIMultiDict({"Content-Type": XML}))
    else:
        envelope = {"error": {"message": error.message, "detail": error.detail}, "status": "failure"}
        answer = json_answer(envelope, error.status)
    answer.headers.update(error.headers)
    return answer


def _error_format(accept: str) -> str:
    try:
        return response_format(accept)
    except NotAcceptable:
        return "json"


_BRACKETS = str.maketrans({"<": "%3C", ">": "%3E"})
"""What a client may leave as it is in a query string, but not within the brackets of the header."""


LONGEST = 60_000
"""Characters of the header: clients refuse one of 64 KiB, which a query that a tiny URL stands for may come to."""


def add_links(answer: Answer, call: Call, parameters: Parameters, total: int | None, *, more: bool) -> None:
    """Add the header to the answer of a list, as `links` returns it, unless nobody could read it."""
    value = links(call, parameters, total, more=more)
    if len(value) <= LONGEST:
        answer.headers["Link"] = value
        return
    message = f"the header Link would have {len(value):,} characters; one of more than {LONGEST:,} is left out"
    call.swallowed("links-left-out", message, "sysparm_tiny")


def links(call: Call, parameters: Parameters, total: int | None, *, more: bool) -> str:
    """Return the header's value: the pages around this one; the last one only if the total is known.

    There is a next page if there are ``more`` rows.
    """
    kept = [
        part.translate(_BRACKETS)
        for part in call.raw_query.split("&")
        if part and not part.startswith(("sysparm_limit=", "sysparm_offset="))
    ]
    limit = max(1, parameters.limit)
    base = f"{call.origin}{call.path}?{'&'.join([*kept, f'sysparm_limit={parameters.limit}'])}"
    offsets = {"first": 0}
    if parameters.offset > 0:
        offsets["prev"] = max(0, parameters.offset - limit)
    if more:
        offsets["next"] = parameters.end
    if total is not None:
        offsets["last"] = max(0, total - 1) // limit * limit
    return ",".join(f'<{base}&sysparm_offset={offset}>;rel="{rel}"' for rel, offset in offsets.items())


AT_ONCE = 100
"""Records of a list that are shown before others get a turn."""
_FEWER = 10
"""By which they are divided where they are long."""
Show = Callable[[Session, list[Values]], list[Result]]


MOST_SUBJECTS = 10
"""Records of a list to which its exchange belongs; one of more records belongs to none of them in particular."""


class RowRange(Struct, frozen=True):
    """The rows to answer, in the order of the query."""

    table: str
    query: CompiledQuery
    limit: int
    offset: int

    def beginning(self, session: Session) -> tuple[list[Values], bool]:
        """Return the first rows, as many as are shown at a time, and whether that is all of the page."""
        most = min(self.limit, AT_ONCE)
        rows, whole = session.work.beginning(self.table, self.query, most, self.offset)
        if len(rows) <= MOST_SUBJECTS and (subject := session.kernel.subjects.get(self.table)):
            for values in rows:
                session.note_subject(subject, values)
        return rows, whole and not len(rows) == most < self.limit

    def after(self, session: Session, read: int) -> "array[int]":
        """Return the positions of the rows after the first ones: 8 bytes a row."""
        return session.work.positions(self.table, self.query, self.limit - read, self.offset + read)


def page_parts(  # noqa: PLR0913, PLR0917 - what a list asks for
    call: Call,
    instance: Instance,
    session: Session,
    page: RowRange,
    first: tuple[list[Values], bool],
    show: Show,
    *,
    repeats: bool = False,
) -> tuple[list[Result], Iterator[list[Result]] | None]:
    """Return the first results of a page, and further ones, if there are any, which are read when it is their turn.

    Args:
        call: what is answered.
        instance: opens a transaction for each part that follows.
        session: has read the rows.
        page: all rows to answer.
        first: what its `beginning` has returned.
        show: shapes rows.
        repeats: whether results may show texts of other records, each any number of times.

    Raises:
        TransactionCancelled: one of the records is longer than `LARGEST_RECORD`.
    """
    rows, whole = first
    results = show(session, rows)
    fit: Callable[[list[Result]], int] = partial(fitting, call) if repeats else len
    fits = fit(results)
    further = array("q") if whole and fits == len(results) else page.after(session, fits)
    parts = _Parts(instance, call, page, further, _Shown(show, fit)) if further else None
    return results[:fits], parts


class _Shown(Struct, frozen=True):
    """How rows are shown, and how many of the results are written at a time."""

    show: Show
    fit: Callable[[list[Result]], int]


class _Parts(Iterator[list[Result]]):
    """The results for the rows at some positions that the user may still read; others are served in between.

    Raises NotAuthenticated where he may not act any more.

    No generator, which would keep a part while it is being sent.
    """

    def __init__(self, instance: Instance, call: Call, page: RowRange, places: "array[int]", shown: _Shown) -> None:
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
            rows = session.work.at_positions(self._page.table, self._page.query, places)
            if rows is None:
                return None, self._most // _FEWER
            part = self._shown.show(session, rows)
        return part, self._shown.fit(part)
