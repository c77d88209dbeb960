"""Lists of records page by page."""

import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from privman_scenarios.errors import ExpectationError
from privman_scenarios.playing.http_api import Get
from privman_scenarios.playing.party_answer import PartyAnswer

Record = dict[str, Any]
# Records of the app have some 1 kB each, sys_ids 50 bytes; an instance lists 10,000 unless it is asked for fewer.
OF_RECORDS, OF_SYS_IDS = 1_000, 10_000
# Pages, rows and bytes of one list; an instance may go on for ever.
MOST_PAGES, MOST_ROWS, MOST_MIB = 1_000, 1_000_000, 64
_MIB = 1024 * 1024
_NOT_LISTED = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next\b', re.IGNORECASE)


class TableNotListedError(ExpectationError):
    """An instance lacks the table, or does not let the user list it."""


async def record_pages(
    get: Get, path: str, most: int = OF_RECORDS, most_pages: int = MOST_PAGES
) -> AsyncIterator[PartyAnswer]:
    """Yield the answer with each page of a list, at least one; a refused one is the last.

    The path has a query. The instance may list fewer records a page than ``most``, and says where it goes on.
    Raises ExpectationError where it goes on after that many pages, `MOST_ROWS` or `MOST_MIB`.
    """
    seen: set[str] = set()
    allowance = _Allowance(path, most_pages)
    offset, following = 0, -1
    while offset > following:
        allowance.take_page()
        following = offset
        start = f"&sysparm_offset={offset}" if offset else ""
        answer = await get(f"{path}&sysparm_limit={most}{start}")
        rows = _rows(answer)
        allowance.take(len(rows), len(answer.body))
        yield answer
        listed = [str(each.get("sys_id")) for each in rows if isinstance(each, dict)]
        # Whoever ignores the offset answers the same page for ever.
        if set(listed) - seen:
            offset = _next_offset(answer, offset + most if len(listed) >= most else offset)
        seen.update(listed)


def next_page(link: str) -> str:
    """Return the address of the next page that a header Link names, empty for none."""
    found = _NEXT.search(link)
    return found[1] if found else ""


class _Allowance:
    """The remaining allowance of one list."""

    def __init__(self, path: str, record_pages: int) -> None:
        self._path = path
        self._most = {"pages": record_pages, "rows": MOST_ROWS, "MiB": MOST_MIB}
        self._left = {"pages": record_pages, "rows": MOST_ROWS, "MiB": MOST_MIB * _MIB}

    def take_page(self) -> None:
        self._take("pages", 1)

    def take(self, rows: int, size: int) -> None:
        self._take("rows", rows)
        self._take("MiB", size)

    def _take(self, what: str, count: int) -> None:
        self._left[what] -= count
        if self._left[what] < 0:
            bound = f"{self._most[what]:,} {what}"
            raise ExpectationError(f"a list of at most {bound} at {self._path}", f"more than {bound}")


def _rows(answer: PartyAnswer) -> list[object]:
    result = answer.json.get("result") if isinstance(answer.json, dict) and not answer.refused else None
    return result if isinstance(result, list) else []


def _next_offset(answer: PartyAnswer, otherwise: int) -> int:
    """Return where the next page begins, as the answer says, or else what was reckoned."""
    link = next_page(answer.headers.get("link", ""))
    offset = parse_qs(urlsplit(link).query).get("sysparm_offset", [""])[-1] if link else ""
    return int(offset) if re.fullmatch(r"[0-9]{1,9}", offset) else otherwise


def record_of(answer: PartyAnswer) -> Record:
    """Return the record in a Table API answer; raises ExpectationError where there is none with a sys_id."""
    record = _result(answer)
    if not _is_record(record):
        raise ExpectationError("an answer with a record that has a sys_id", str(answer))
    found: Record = record
    return found


def records_of(answer: PartyAnswer) -> list[Record]:
    """Return the records in a Table API answer.

    Raises TableNotListedError for a refusal, any other ExpectationError for an answer without a list or a sys_id.
    """
    records = _result(answer)
    if not isinstance(records, list) or not all(map(_is_record, records)):
        kind = TableNotListedError if answer.status in _NOT_LISTED else ExpectationError
        raise kind("an answer with a list of records that have a sys_id each", str(answer))
    return records


def _result(answer: PartyAnswer) -> Any:  # noqa: ANN401 - a record or a list of records
    body = answer.json
    return body.get("result") if isinstance(body, dict) and not answer.refused else None


def _is_record(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("sys_id"), str) and bool(value["sys_id"])
