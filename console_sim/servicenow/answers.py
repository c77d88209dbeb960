"""What an answer of the Table API means (platform 1.9, 5.1 to 5.4)."""

from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from console_sim.servicenow.failures import (
    BrokenAnswerError,
    BusyError,
    NoSuchRecordError,
    RefusedError,
    ServiceNowError,
    UnreachableError,
)
from privman_testbench.outbound import Answer

_LONGEST_WAIT = 86_400.0


def read_result(answer: Answer, now: datetime) -> Any:  # noqa: ANN401 - a record or a list of records
    """Return ``result``; raises the ServiceNowError that the answer amounts to."""
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise _refusal(answer, now)
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise UnreachableError(
            f"{answer.status}: redirected to {answer.headers.get('location', 'nowhere')!r}, a login page or a "
            "hibernating instance; expected JSON"
        )
    if answer.status == HTTPStatus.ACCEPTED:
        raise BrokenAnswerError("202 without a record: ServiceNow dropped the request, its session queue is full")
    return _result(answer)


def _result(answer: Answer) -> Any:  # noqa: ANN401 - a record or a list of records
    if answer.content_type == "text/html" or answer.body.lstrip()[:1] == b"<":
        raise _page(answer)
    body = _json(answer)
    if not isinstance(body, dict):
        raise BrokenAnswerError(f"{answer.status} with JSON that is no object; expected 'result'")
    if "error" in body:
        raise BrokenAnswerError(f"{answer.status} with an error in its body: {_error_text(body)}")
    if "result" not in body:
        raise BrokenAnswerError(f"{answer.status} without 'result'; expected a record")
    return body["result"]


def _page(answer: Answer) -> ServiceNowError:
    if b"hibernating" in answer.body.lower():
        return UnreachableError(f"{answer.status} with an HTML page: the instance is hibernating and must be woken up")
    return UnreachableError(f"{answer.status} with an HTML page, perhaps of a login or a proxy; expected JSON")


def _json(answer: Answer) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise BrokenAnswerError(f"{answer.status} with a body that is not JSON: {error}") from None


def _refusal(answer: Answer, now: datetime) -> ServiceNowError:
    message = f"{answer.status} {_reason(answer)}"
    wait = _retry_after(answer, now)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return BusyError(f"rate limit: {message}", wait)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return BrokenAnswerError(message, wait)
    if answer.status == HTTPStatus.NOT_FOUND:
        return NoSuchRecordError(message)
    return RefusedError(message)


def _reason(answer: Answer) -> str:
    try:
        return _error_text(orjson.loads(answer.body))
    except orjson.JSONDecodeError:
        return "without an error in JSON"


def _error_text(body: Any) -> str:  # noqa: ANN401 - whatever ServiceNow sent
    """Return message and detail of the error envelope, or say that there is none."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "without an error envelope"
    texts = [str(error[key]) for key in ("message", "detail") if error.get(key)]
    return ": ".join(texts) or "with an empty error"


def _retry_after(answer: Answer, now: datetime) -> float | None:
    """Return the seconds that Retry-After asks for, given as seconds or as a date."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
        return min(max((until - now).total_seconds(), 0.0), _LONGEST_WAIT)
    except (ValueError, TypeError):
        return None
