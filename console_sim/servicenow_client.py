"""ServiceNow's Table API as the console calls it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from msgspec import Struct

from console_sim.error_texts import brief
from console_sim.errors import BrokenAnswerError
from console_sim.json_object import SYS_ID
from console_sim.servicenow_http import ServiceNowHttp, T, html_page, require_success
from privman_core.cuts import cut
from privman_core.outbound import HttpAnswer

_LONGEST_TEXT = 1_000


class RemoteValues(Struct, frozen=True):
    """A record in an answer.

    Attributes:
        sys_id: 32 hexadecimal digits.
        texts: the text columns, and the sys_ids of references; other values are left out.
    """

    sys_id: str
    texts: Mapping[str, str]


def read_record(answer: HttpAnswer, now: datetime) -> RemoteValues:
    """Return the record of an answer; raises the ServiceNowError that fits any other answer."""
    return _record(_result(answer, now))


def read_texts(answer: HttpAnswer, now: datetime) -> Mapping[str, str]:
    """Return the text columns of a record; raises as `read_record` does."""
    return _texts(_result(answer, now))


def read_records(answer: HttpAnswer, now: datetime) -> list[RemoteValues]:
    """Return the records of an answer; raises as `read_record` does."""
    result = _result(answer, now)
    if not isinstance(result, list):
        raise BrokenAnswerError("the answer has no list of records")
    return [_record(each) for each in result]


def _record(value: object) -> RemoteValues:
    texts = _texts(value)
    sys_id = texts.get("sys_id", "")
    if not sys_id:
        raise BrokenAnswerError("the answer's record has no sys_id")
    if SYS_ID.fullmatch(sys_id) is None:
        raise BrokenAnswerError(f"the answer's record has sys_id {brief(sys_id)}; expected 32 hexadecimal digits")
    return RemoteValues(sys_id, texts)


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BrokenAnswerError("the answer has no record")
    held = {column: each.get("value") if isinstance(each, dict) else each for column, each in value.items()}
    return {column: text for column, text in held.items() if isinstance(text, str)}


def _result(answer: HttpAnswer, now: datetime) -> object:
    require_success(answer, now, _reason, "JSON")
    if answer.body.lstrip()[:1] == b"<":
        raise html_page(answer, "JSON")
    body = _json(answer)
    if not isinstance(body, dict):
        raise BrokenAnswerError(f"{answer.status} with JSON that is not an object; expected 'result'")
    if "error" in body:
        raise BrokenAnswerError(f"{answer.status} with an error in its body: {_error_text(body)}")
    if "result" not in body:
        raise BrokenAnswerError(f"{answer.status} without 'result'; expected a record")
    return body["result"]


def _json(answer: HttpAnswer) -> object:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise BrokenAnswerError(f"{answer.status} with a body that is not JSON: {error}") from None


def _reason(answer: HttpAnswer) -> str:
    try:
        return _error_text(orjson.loads(answer.body))
    except orjson.JSONDecodeError:
        return "without an error in JSON"


def _error_text(body: object) -> str:
    """Return message and detail of the error envelope, or a note that there is none."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "without an error envelope"
    texts = [_in_words(error[key]) for key in ("message", "detail") if error.get(key)]
    return ": ".join(texts) or "with an empty error"


def _in_words(value: Any) -> str:  # noqa: ANN401 - any JSON
    return cut(value if isinstance(value, str) else brief(value), _LONGEST_TEXT)


Fields = Mapping[str, str]
_MOST_FOUND = 100


class ServiceNowClient:
    """Calls the Table API as one user; every method raises ServiceNowError.

    A table is given by its URL; see `table_url`.
    """

    def __init__(self, http: ServiceNowHttp) -> None:
        self._http = http

    async def create(self, table: str, fields: Fields) -> str:
        """Insert a record and return its sys_id."""
        return (await self._call(read_record, "POST", table, fields)).sys_id

    async def update(self, table: str, sys_id: str, fields: Fields) -> None:
        """Change a record."""
        await self._call(read_texts, "PATCH", f"{table}/{sys_id}", fields)

    async def read(self, table: str, sys_id: str) -> Mapping[str, str]:
        """Return the text columns of a record."""
        return await self._call(read_texts, "GET", f"{table}/{sys_id}")

    async def find(self, table: str, query: str, columns: Sequence[str]) -> list[RemoteValues]:
        """Return sys_id and these columns of the records that match the encoded query, newest first."""
        parameters = {
            "sysparm_query": f"{query}^ORDERBYDESCsys_created_on",
            "sysparm_fields": ",".join(["sys_id", *columns]),
            "sysparm_exclude_reference_link": "true",
            "sysparm_limit": str(_MOST_FOUND),
        }
        return await self._call(read_records, "GET", f"{table}?{urlencode(parameters, quote_via=quote)}")

    async def _call(
        self, read: Callable[[HttpAnswer, datetime], T], method: str, url: str, fields: Fields | None = None
    ) -> T:
        """Return what ``read`` makes of the answer."""
        headers = {"Accept": "application/json"}
        if fields is None:
            return await self._http.send(method, url, headers, b"", read)
        headers |= {"Content-Type": "application/json"}
        return await self._http.send(method, url, headers, orjson.dumps(dict(fields)), read)


def table_url(base_url: str, table: str) -> str:
    """Return the URL of a table of the instance."""
    return f"{base_url}/api/now/table/{table}"
