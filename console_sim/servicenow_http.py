"""HTTP to a ServiceNow as one user, and the errors that statuses mean."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

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
from privman_core.clock import Clock
from privman_core.outbound import HttpAnswer, HttpCaller, NoAnswerError, Purpose, retry_after

T = TypeVar("T")
_LONGEST_WAIT = 86_400.0


class ServiceNowHttp:
    """Sends requests as one user, with HTTP Basic, and for one purpose."""

    def __init__(
        self, caller: HttpCaller, clock: Clock, credential: Credential, seconds: float, purpose: Purpose
    ) -> None:
        self._caller = caller
        self._clock = clock
        self._seconds = seconds
        self._purpose = purpose
        account = f"{credential.account_name}:{credential.password}".encode()
        self._authorization = f"Basic {b64encode(account).decode()}"

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, read: Callable[[HttpAnswer, datetime], T]
    ) -> T:
        """Return what ``read`` makes of the answer and its time; raises its ServiceNowError, and UnreachableError."""
        headers = {"Authorization": self._authorization, **headers}
        try:
            answer = await self._caller.send(method, url, headers, body, self._seconds, purpose=self._purpose)
        except NoAnswerError as error:
            raise UnreachableError(str(error)) from None
        try:
            return read(answer, self._clock.now())
        except ServiceNowError as error:
            answer.reject(error.reason)
            raise


def require_success(answer: HttpAnswer, now: datetime, reason: Callable[[HttpAnswer], str], expected: str) -> None:
    """Raise the ServiceNowError that fits an answer without success.

    Args:
        answer: of a ServiceNow, or of what stands in front of it.
        now: its time.
        reason: returns the words of a refusal.
        expected: the format of a success.
    """
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise _refusal(answer, now, reason)
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise UnreachableError(
            f"{answer.status}: redirected to {brief(answer.headers.get('location', 'nowhere'))}, a login page or a "
            f"hibernating instance; expected {expected}"
        )
    if answer.status == HTTPStatus.ACCEPTED:
        raise BrokenAnswerError("202 without a record: ServiceNow dropped the request, its session queue is full")
    if answer.content_type == "text/html":
        raise html_page(answer, expected)


def html_page(answer: HttpAnswer, expected: str) -> ServiceNowError:
    """Return the error that fits a page where another format was expected."""
    if b"hibernating" in answer.body.lower():
        return UnreachableError(f"{answer.status} with an HTML page: the instance is hibernating and must be woken up")
    return UnreachableError(f"{answer.status} with an HTML page, perhaps of a login or a proxy; expected {expected}")


def _refusal(answer: HttpAnswer, now: datetime, reason: Callable[[HttpAnswer], str]) -> ServiceNowError:
    message = f"{answer.status} {reason(answer)}"
    wait = retry_after(answer.headers.get("retry-after", ""), now, _LONGEST_WAIT)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return BusyError(f"rate limit: {message}", wait)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return BrokenAnswerError(message, wait)
    if answer.status == HTTPStatus.NOT_FOUND:
        return NoSuchRecordError(message)
    return RefusedError(message)
