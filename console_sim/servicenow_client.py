"""ServiceNow's Table API as the console calls it (platform 1, 1.9, 5.1 to 5.4)."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from console_sim.accounts import Credential
from console_sim.error_texts import brief
from console_sim.errors import (
    BrokenAnswerError,
    BusyError,
    NoSuchRecordError,
    RefusedError,
    ServiceNowError,
    UnreachableError,
)
from console_sim.json_object import SYS_ID
from privman_core.clock import Clock
from privman_core.cuts import cut
from privman_core.outbound import HttpAnswer, HttpCaller, NoAnswerError, retry_after

_LONGEST_WAIT = 86_400.0
_LONGEST_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class RemoteValues:
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
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise _refusal(answer, now)
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise UnreachableError(
            f"{answer.status}: redirected to {brief(answer.headers.get('location', 'nowhere'))}, a login page or a "
            "hibernating instance; expected JSON"
        )
    if answer.status == HTTPStatus.ACCEPTED:
        raise BrokenAnswerError("202 without a record: ServiceNow dropped the request, its session queue is full")
    return _result_of_success(answer)


def _result_of_success(answer: HttpAnswer) -> object:
    if answer.content_type == "text/html" or answer.body.lstrip()[:1] == b"<":
        raise _page(answer)
    body = _json(answer)
    if not isinstance(body, dict):
        raise BrokenAnswerError(f"{answer.status} with JSON that is not an object; expected 'result'")
    if "error" in body:
        raise BrokenAnswerError(f"{answer.status} with an error in its body: {_error_text(body)}")
    if "result" not in body:
        raise BrokenAnswerError(f"{answer.status} without 'result'; expected a record")
    return body["result"]


def _page(answer: HttpAnswer) -> ServiceNowError:
    if b"hibernating" in answer.body.lower():
        return UnreachableError(f"{answer.status} with an HTML page: the instance is hibernating and must be woken up")
    return UnreachableError(f"{answer.status} with an HTML page, perhaps of a login or a proxy; expected JSON")


def _json(answer: HttpAnswer) -> object:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise BrokenAnswerError(f"{answer.status} with a body that is not JSON: {error}") from None


def _refusal(answer: HttpAnswer, now: datetime) -> ServiceNowError:
    message = f"{answer.status} {_reason(answer)}"
    wait = retry_after(answer.headers.get("retry-after", ""), now, _LONGEST_WAIT)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return BusyError(f"rate limit: {message}", wait)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return BrokenAnswerError(message, wait)
    if answer.status == HTTPStatus.NOT_FOUND:
        return NoSuchRecordError(message)
    return RefusedError(message)


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
    """Calls the Table API as one user, with HTTP Basic; every method raises ServiceNowError.

    A table is given by its URL; see `table_url`.
    """

    def __init__(self, caller: HttpCaller, clock: Clock, credential: Credential, seconds: float) -> None:
        self._caller = caller
        self._clock = clock
        self._seconds = seconds
        account = f"{credential.account_name}:{credential.password}".encode()
        self._headers = {"Authorization": f"Basic {b64encode(account).decode()}", "Accept": "application/json"}

    async def create(self, table: str, fields: Fields) -> str:
        """Insert a record and return its sys_id."""
        return read_record(*await self._call("POST", table, fields)).sys_id

    async def update(self, table: str, sys_id: str, fields: Fields) -> None:
        """Change a record."""
        read_texts(*await self._call("PATCH", f"{table}/{sys_id}", fields))

    async def read(self, table: str, sys_id: str) -> Mapping[str, str]:
        """Return the text columns of a record."""
        return read_texts(*await self._call("GET", f"{table}/{sys_id}"))

    async def find(self, table: str, query: str, columns: Sequence[str]) -> list[RemoteValues]:
        """Return sys_id and these columns of the records that match the encoded query, newest first."""
        parameters = {
            "sysparm_query": f"{query}^ORDERBYDESCsys_created_on",
            "sysparm_fields": ",".join(["sys_id", *columns]),
            "sysparm_exclude_reference_link": "true",
            "sysparm_limit": str(_MOST_FOUND),
        }
        return read_records(*await self._call("GET", f"{table}?{urlencode(parameters, quote_via=quote)}"))

    async def _call(self, method: str, url: str, fields: Fields | None = None) -> tuple[HttpAnswer, datetime]:
        """Return the answer and its time."""
        headers, body = dict(self._headers), b""
        if fields is not None:
            headers["Content-Type"] = "application/json"
            body = orjson.dumps(dict(fields))
        try:
            answer = await self._caller.send(method, url, headers, body, self._seconds)
        except NoAnswerError as error:
            raise UnreachableError(str(error)) from None
        return answer, self._clock.now()


def table_url(base_url: str, table: str) -> str:
    """Return the URL of a table of the instance."""
    return f"{base_url}/api/now/table/{table}"
