"""An instance that is read: GET requests alone, in pages, within its rate limits."""

from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import orjson

from mock_servicenow.pull.page_log import PageLog, ReadPage, Rows
from privman_core.clock import Clock
from privman_core.command_line import escaped
from privman_core.cuts import cut
from privman_core.outbound import HttpAnswer, HttpCaller, NoAnswerError, retry_after

PAGE = 1_000
"""Rows that one request asks for."""
_TRIES: Mapping[int, int] = {
    HTTPStatus.TOO_MANY_REQUESTS: 10,
    HTTPStatus.BAD_GATEWAY: 3,
    HTTPStatus.SERVICE_UNAVAILABLE: 3,
    HTTPStatus.GATEWAY_TIMEOUT: 3,
}
"""How often a request is sent that gets such an answer."""
_LONGEST_WAIT = 3_600
_LONGEST_SHOWN, _LONGEST_ERROR = 200, 400
_ORDERED = ("^NQ", "ORDERBY")
"""Begins another query, to which alone a further condition would apply."""
_NO_RECORDS = "No Record found"
Replace = Callable[[Rows], Rows]
Note = Callable[[str, int | None], None]


class PullError(Exception):
    """The instance cannot be read; the message is one line."""


class UnreadableTableError(Exception):
    """The user may not read a table; the message is one line."""


class ReadOnlyInstance:
    """An instance of which tables are read.

    Args:
        log: has pages already, and gets each that is read.
        headers: log the user in.
        user: who that is, for messages.
        seconds: that an answer may take.
        tell: is told what is read, and what is waited for.
        note: called with the address of each request, and the status of its answer; None for no answer.

    Attributes:
        hidden: how many rows of a table the instance counts, but does not show to the user.
    """

    def __init__(  # noqa: PLR0913 - what reading takes
        self,
        url: str,
        caller: HttpCaller,
        clock: Clock,
        log: PageLog,
        *,
        headers: Mapping[str, str],
        user: str,
        seconds: float,
        tell: Callable[[str], None],
        note: Note,
    ) -> None:
        self._url = url
        self._caller = caller
        self._clock = clock
        self._log = log
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **headers}
        self.user = user
        self.hidden: Counter[str] = Counter()
        self._seconds = seconds
        self._tell = tell
        self._note = note

    async def rows(
        self, table: str, query: str, fields: list[str], most: int | None = None, replace: Replace = list
    ) -> Rows:
        """Return the rows of a table that a query matches, at most so many, by sys_id.

        Args:
            table: its name.
            query: an encoded query.
            fields: columns to read, ``sys_id`` among them.
            most: rows; None for all.
            replace: makes of rows what is kept of them.

        Raises:
            UnreadableTableError: the user may not read the table.
            PullError: the instance does not answer, or with something else.
        """
        found: Rows = []
        after, offset, total = "", 0, 1  # the total counts from `after` on, as the offset does
        counted, is_short = 0, False
        while offset < total and (most is None or len(found) < most):
            limit = PAGE if most is None else min(PAGE, most - len(found))
            rows, total = await self._page(table, _in_order(query, after), fields, limit, offset, replace)
            counted = counted if found or offset else total
            is_short |= len(rows) < min(limit, total - offset)
            found += rows
            offset += limit
            expected = len(found) + max(0, total - offset)
            self._tell(f"{table}: {len(found)} of {expected if most is None else min(most, expected)} rows")
            # A page far from the beginning takes an instance long, but rows of another order have no other place.
            if rows and not any(word in query for word in _ORDERED):
                after, offset, total = rows[-1]["sys_id"], 0, total - offset
        expected = counted if most is None else min(most, counted)
        if is_short and len(found) < expected:
            self.hidden[table] += expected - len(found)
        return found

    async def _page(  # noqa: PLR0913, PLR0917 - what a page is made of
        self, table: str, query: str, fields: list[str], limit: int, offset: int, replace: Replace
    ) -> ReadPage:
        parameters = {
            "sysparm_query": query,
            "sysparm_fields": ",".join(fields),
            "sysparm_exclude_reference_link": "true",
            "sysparm_suppress_pagination_header": "true",  # its links would repeat a long query four times
            "sysparm_limit": str(limit),
            "sysparm_offset": str(offset),
        }
        path = f"/api/now/table/{table}?{urlencode(parameters, safe=',')}"
        page = self._log.get(path)
        if page is None:
            rows, total = await self._read(path, table, frozenset(fields))
            page = ReadPage(replace(rows), offset + len(rows) + (len(rows) == limit) if total is None else total)
            self._log.add(path, page)
        return page

    async def _read(self, path: str, table: str, read: AbstractSet[str]) -> tuple[Rows, int | None]:
        """Return the rows of a page without empty values, and the number of all rows if the instance tells."""
        answer = await self._answer(path)
        where, body = f"GET {self._url}{path.partition('?')[0]}", _json(answer)
        error = body.get("error") if isinstance(body, dict) else None
        message = escaped(cut(str(error.get("message", "")), _LONGEST_SHOWN)) if isinstance(error, dict) else ""
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise PullError(f"{where} -> 401: {self.user} was refused")
        if answer.status == HTTPStatus.FORBIDDEN:
            raise UnreadableTableError(
                f"table '{table}': {self.user} may not read it (403{message and f': {message}'})"
            )
        if answer.status == HTTPStatus.NOT_FOUND and message == _NO_RECORDS:
            return [], 0
        if body is None:
            expected = "expected JSON; a hibernating instance, and a proxy, answer with a page"
            raise PullError(f"{where} -> {answer.status} {answer.content_type or 'without a type'}: {expected}")
        rows = body.get("result") if isinstance(body, dict) else None
        if answer.status != HTTPStatus.OK or error or not isinstance(rows, list) or not all(map(_is_row, rows)):
            raise PullError(f"{where} -> {answer.status}: {message or 'expected a list of records as result'}")
        total = answer.headers.get("x-total-count", "")
        texts = [
            {
                name: value if type(value) is str else _text(value)
                for name, value in row.items()
                if value and name in read
            }
            for row in rows
        ]
        return texts, int(total) if total.isascii() and total.isdecimal() else None

    async def _answer(self, path: str) -> HttpAnswer:
        """Return the answer, once the rate limit admits the request and a gateway passes it on; raises PullError."""
        refusals: Counter[int] = Counter()
        while True:
            answer = await self._sent(path)
            refusals[answer.status] += 1
            if refusals[answer.status] >= _TRIES.get(answer.status, 1):
                break
            asked = retry_after(answer.headers.get("retry-after", ""), self._clock.now(), _LONGEST_WAIT)
            wait = float(2 ** (refusals.total() - 1)) if asked is None else asked
            self._tell(f"waiting {wait:g} s: the instance answered {answer.status}")
            await self._clock.sleep(wait)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            times = refusals[answer.status]
            raise PullError(
                f"GET {self._url}{path.partition('?')[0]} -> 429, {times} times: the instance admits no more"
            )
        return answer

    async def _sent(self, path: str) -> HttpAnswer:
        url = f"{self._url}{path}"
        try:
            answer = await self._caller.send("GET", url, self._headers, b"", self._seconds)
        except NoAnswerError as error:
            self._note(url, None)
            raise PullError(cut(str(error), _LONGEST_ERROR)) from None
        self._note(url, answer.status)
        return answer


def _in_order(query: str, after: str) -> str:
    """Return a query for the same rows by sys_id, from the one after that on."""
    parts = [query, f"sys_id>{after}" if after else "", "ORDERBYsys_id"]
    return "^".join(filter(None, parts))


def _json(answer: HttpAnswer) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def _text(value: object) -> str:
    """Return a value as text; a reference may be an object with a ``value``."""
    if isinstance(value, dict):
        value = value.get("value")
    return str(value or "")


def _is_row(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("sys_id"), str)
