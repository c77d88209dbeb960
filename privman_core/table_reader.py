"""Tables of an instance that are only read: with GET alone, in pages, within its rate limits."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar
from urllib.parse import urlencode

import orjson
from msgspec import Struct

from privman_core.clock import Clock
from privman_core.cuts import cut
from privman_core.natural_numbers import natural_number
from privman_core.outbound import NoAnswerError, retry_after
from privman_core.regular_files import open_private

PAGE = 1_000
"""Rows that one request asks for."""
_TRIES: Mapping[int, int] = {
    HTTPStatus.TOO_MANY_REQUESTS: 10,
    HTTPStatus.BAD_GATEWAY: 3,
    HTTPStatus.SERVICE_UNAVAILABLE: 3,
    HTTPStatus.GATEWAY_TIMEOUT: 3,
}
"""How often a request is sent that gets such an answer."""
_LONGEST_WAIT, _SHORTEST_TOLD = 3_600, 1
_REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_LONGEST_ERROR = 400
# Pages of such a query cannot follow on a sys_id: it has another order, or a condition would count for a part of it.
_WITH_ORDER = ("ORDERBY", "^NQ")
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}")
_NO_RECORDS = "No Record found"
_MESSAGES = (
    *(_NO_RECORDS, "User Not Authenticated", "User Not Authorized", "Insufficient rights", "Operation Failed"),
    *("Invalid table", "Invalid query", "ACL Exception", "Failed API level ACL Validation", "Rate limit"),
    *("Transaction cancelled: maximum execution time exceeded", "Transaction cancelled", "Requested URI"),
)
"""Beginnings of the platform's own messages: those of business rules may name people, so no more is quoted."""
Rows = list[dict[str, Any]]


class UnreadableInstanceError(Exception):
    """The instance cannot be read; the message is one line."""


class UnreadableTableError(Exception):
    """The user cannot read a table; the message is one line.

    Attributes:
        table: its name.
        answered: status of the answer, and its message if it is one of the platform's own.
    """

    def __init__(self, table: str, user: str, answered: str) -> None:
        super().__init__(f"table '{table}': {user} cannot read it ({answered})")
        self.table = table
        self.answered = answered


class GetAnswer(Protocol):
    """An answer; the names of its headers are in lower case."""

    @property
    def status(self) -> int: ...  # noqa: D102 - the field's own term
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102 - the same
    @property
    def body(self) -> bytes: ...  # noqa: D102 - the same


A = TypeVar("A", bound=GetAnswer)
Get = Callable[[str], Awaitable[A]]
"""Sends a GET request for a path, and can send nothing else; raises NoAnswerError."""


class RowPage(NamedTuple):
    """A page of a listing.

    Attributes:
        rows: what is kept of its rows.
        listed: how many rows the instance has listed.
        last: the sys_id of the last of them; empty for none.
        total: how many rows the page's query has in the instance; None where it does not tell.
    """

    rows: Rows
    listed: int
    last: str
    total: int | None

    def is_last(self, asked: int, place: int) -> bool:
        """Tell whether it is the last of its query, if so many rows were asked for and the next begins at a place."""
        return self.listed < asked if self.total is None else self.total <= place

    def without(self, seen: set[str]) -> Self:
        """Return the page without rows whose sys_ids are among those seen, and add its own to these."""
        rows = [row for row in self.rows if row["sys_id"] not in seen]
        seen.update(row["sys_id"] for row in rows)
        return self._replace(rows=rows, listed=self.listed - len(self.rows) + len(rows))


class Listing(Struct, frozen=True):
    """Rows of a table.

    Attributes:
        query: an encoded query.
        fields: the columns besides ``sys_id``.
        most: rows; None for all.
    """

    table: str
    query: str
    fields: tuple[str, ...]
    most: int | None = None

    async def pages(self, read: Callable[[str], Awaitable[RowPage]]) -> AsyncIterator[RowPage]:
        """Yield the pages by sys_id, those of a query with an order in that order.

        Args:
            read: returns the page at a path.

        Raises what ``read`` raises, and UnreadableInstanceError where the instance lists the same rows again.
        """
        is_paged = not any(word in self.query for word in _WITH_ORDER)
        async for page in self._by_sys_id(read) if is_paged else self._by_offset(read):
            yield page

    async def _by_sys_id(self, read: Callable[[str], Awaitable[RowPage]]) -> AsyncIterator[RowPage]:
        # An instance takes long to find a page far from the beginning by its offset.
        found, after, offset = 0, "", 0
        while limit := self._limit(found):
            page = await read(self._path(after, offset, limit))
            yield page
            found += page.listed
            if page.is_last(limit, offset + (page.listed or limit)):
                return
            if page.listed and page.last == after:
                raise UnreadableInstanceError(f"table '{self.table}': the instance lists the same rows again")
            after, offset = (page.last, 0) if page.listed else (after, offset + limit)

    async def _by_offset(self, read: Callable[[str], Awaitable[RowPage]]) -> AsyncIterator[RowPage]:
        # Rows are hidden on a short page, or it is all that the instance lists at once: the next may list some again.
        seen: set[str] = set()
        offset = 0
        while limit := self._limit(len(seen)):
            page = await read(self._path("", offset, limit))
            yield page.without(seen)
            offset += page.listed or limit
            if page.is_last(limit, offset):
                return

    def _limit(self, found: int) -> int:
        """Return how many rows to ask for."""
        return PAGE if self.most is None else min(PAGE, self.most - found)

    def _path(self, after: str, offset: int, limit: int) -> str:
        parts = [self.query, f"sys_id>{after}" if after else "", "ORDERBYsys_id"]
        parameters = {
            "sysparm_query": "^".join(filter(None, parts)),
            "sysparm_fields": ",".join(dict.fromkeys(("sys_id", *self.fields))),
            "sysparm_exclude_reference_link": "true",
            "sysparm_suppress_pagination_header": "true",  # its links would repeat a long query four times
            "sysparm_limit": str(limit),
            "sysparm_offset": str(offset),
        }
        return f"/api/now/table/{self.table}?{urlencode(parameters, safe=',')}"


class RequestJournal:
    """The requests that were sent.

    Args:
        file: gets a line of JSON for each, and is its owner's alone, as queries may name people; an earlier journal in
            it is removed. None for no file.

    Raises OSError where it cannot be written.

    Attributes:
        count: how many there were.
    """

    def __init__(self, file: Path | None, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self.count = 0
        if file:
            open_private(file).close()

    def add(self, url: str, status: int | None) -> None:
        """Add a request; it has no status if it got no answer."""
        self.count += 1
        if self._file:
            at = self._clock.now().isoformat()
            line = {"at": at, "by": "run", "method": "GET", "url": url, "body": "", "status": status}
            with self._file.open("ab") as opened:
                opened.write(orjson.dumps(line) + b"\n")

    def __str__(self) -> str:
        return f"{self.count} {'request' if self.count == 1 else 'requests'}, all GET"


class TableReader(Generic[A]):
    """Reads tables of an instance, as far as its user may.

    Args:
        url: the instance's.
        get: asks it.
        user: who asks, for messages.
        journal: gets each request.
        clock: on which it waits where the instance admits no request for a while.
        tell: is told of each such wait.
    """

    def __init__(  # noqa: PLR0913 - what reading takes
        self, url: str, get: Get[A], *, user: str, journal: RequestJournal, clock: Clock, tell: Callable[[str], None]
    ) -> None:
        self.url = url
        self._send = get
        self.user = user
        self._journal = journal
        self._clock = clock
        self._tell = tell

    async def get(self, path: str) -> A:
        """Return the answer, once the rate limit admits the request and a gateway passes it on.

        Raises UnreadableInstanceError where it does not answer, or admits no more.
        """
        failures: Counter[int] = Counter()
        while True:
            answer = await self._sent(path)
            failures[answer.status] += 1
            if failures[answer.status] >= _TRIES.get(answer.status, 1):
                break
            await self._wait(answer, failures.total())
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            times = failures[answer.status]
            raise UnreadableInstanceError(f"{self._request(path)} -> 429, {times} times: the instance admits no more")
        return answer

    async def page(self, path: str) -> RowPage:
        """Return a page of a table.

        Raises UnreadableTableError where the instance refuses the table, UnreadableInstanceError for anything else but
        a list of records.
        """
        answer = await self.get(path)
        body = _json(answer.body)
        error = body.get("error") if isinstance(body, dict) else None
        message = _known_message(error.get("message")) if isinstance(error, dict) else ""
        if answer.status == HTTPStatus.NOT_FOUND and message == _NO_RECORDS:
            return RowPage([], 0, "", 0)
        if answer.status in _REFUSALS and isinstance(error, dict):
            answered = f"{answer.status}{message and f': {message}'}"
            raise UnreadableTableError(path.partition("?")[0].rpartition("/")[2], self.user, answered)
        rows = body.get("result") if isinstance(body, dict) else None
        if answer.status != HTTPStatus.OK or error or not isinstance(rows, list) or not all(map(_is_row, rows)):
            raise UnreadableInstanceError(f"{self._request(path)} -> {self._reason(answer, body, message)}")
        counted = natural_number(answer.headers.get("x-total-count", ""))
        return RowPage(rows, len(rows), rows[-1]["sys_id"] if rows else "", counted)

    def _reason(self, answer: A, body: object, message: str) -> str:
        """Return why an answer is no page."""
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return f"401: it refuses {self.user}"
        if body is None:
            given = answer.headers.get("content-type", "").split(";")[0]
            type_ = given if _MEDIA_TYPE.fullmatch(given) else "without a type"
            return f"{answer.status} {type_}: expected JSON; a hibernating instance, and a proxy, answer with a page"
        return f"{answer.status}: {message or 'expected a list of records as result'}"

    def _request(self, path: str) -> str:
        return f"GET {self.url}{path.partition('?')[0]}"

    async def _wait(self, answer: A, failures: int) -> None:
        """Wait as long as the instance asks for, else longer after each failure."""
        asked = retry_after(answer.headers.get("retry-after", ""), self._clock.now(), _LONGEST_WAIT)
        seconds = float(2 ** (failures - 1)) if asked is None else asked
        if seconds >= _SHORTEST_TOLD:
            self._tell(f"waiting {seconds:g} s: {self.url} answered {answer.status}")
        await self._clock.sleep(seconds)

    async def _sent(self, path: str) -> A:
        url = f"{self.url}{path}"
        try:
            answer = await self._send(path)
        except NoAnswerError as error:
            self._journal.add(url, None)
            raise UnreadableInstanceError(cut(str(error), _LONGEST_ERROR)) from None
        self._journal.add(url, answer.status)
        return answer


def _known_message(message: object) -> str:
    return next((each for each in _MESSAGES if str(message).lower().startswith(each.lower())), "")


def _json(body: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    for of in (bytes, _with_whole_characters):
        try:
            return orjson.loads(of(body))
        except (ValueError, RecursionError):
            continue
    return None


def _with_whole_characters(body: bytes) -> bytes:
    """Return JSON without halves of characters, which an instance leaves where it cuts a text that is too long."""
    text = json.dumps(json.loads(body.decode(errors="replace")), ensure_ascii=False)
    return text.encode(errors="replace")


def _is_row(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("sys_id"), str)
