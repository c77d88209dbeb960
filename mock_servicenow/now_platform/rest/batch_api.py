"""The Batch API: many calls in one (platform 3.2)."""

import re
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import (
    MethodNotAllowed,
    NotAcceptable,
    PlatformError,
    UnknownPath,
    UnsupportedMediaType,
)
from mock_servicenow.now_platform.rest.batch_request import Batch, BatchItem, read_batch
from mock_servicenow.now_platform.rest.call import JSON, Answer, Call, Repeatable, Steps, steps_of
from mock_servicenow.now_platform.rest.envelope import error_answer
from mock_servicenow.now_platform.rest.limits import MEGABYTE, check_length, longest_body, megabytes
from mock_servicenow.now_platform.rest.media import request_format, response_format

if TYPE_CHECKING:
    from mock_servicenow.now_platform.instance import Instance
    from mock_servicenow.now_platform.records.session import Session

Serviced = dict[str, object]
LONGEST = timedelta(seconds=30)
LARGEST_INPUT = 10
MOST_ANSWERED = 32 * MEGABYTE
"""Bytes that the bodies of a batch's answers have together, in base64; nobody documents a bound (inferred)."""
OUTPUT_HEADER = "X-BATCHREQUEST-MAX-OUTPUT-SIZE"
MULTIPART = "multipart/mixed"
_MEGABYTES = re.compile(r"\d{1,9}", re.ASCII)
# What the documented sample shows for each item.
_HEADERS = {
    "Pragma": "no-store,no-cache",
    "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
    "Expires": "0",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes that one item may send and receive."""

    sent: int
    received: int


class BatchApi:
    """Makes the calls of a batch one after the other, each in a transaction of its own.

    Args:
        resource: answers each of the calls.
    """

    def __init__(self, instance: "Instance", resource: Callable[[Call], Answer | Steps]) -> None:
        self._instance = instance
        self._resource = resource

    def answer(self, call: Call) -> Steps:
        """Answer ``POST /api/now/v1/batch``; raises PlatformError where the batch as a whole is at fault."""
        if len(call.resource) > 1:
            raise UnknownPath
        if call.verb != "POST":
            raise MethodNotAllowed(call.verb, ["POST"])
        _check_media(call)
        with self._instance.transaction(call.user) as session:
            check_length(call, longest_body(session))
            limits = _limits(call, session)
        return (yield from self._service(call, read_batch(call), limits))

    def _service(self, call: Call, batch: Batch, limits: Limits) -> Steps:
        ends = self._now() + LONGEST
        batch_id, waiting = batch.id, deque(batch.items)
        del batch  # each item is long enough to be dropped once it is serviced
        serviced: deque[Serviced] = deque()
        room = MOST_ANSWERED
        while waiting and self._now() < ends:
            answered = yield from self._serve(call, waiting[0], replace(limits, received=min(limits.received, room)))
            if answered is None:
                break
            room -= _length(answered)
            serviced.append(answered)
            waiting.popleft()
            yield None
        unserviced = [item.id for item in waiting]
        return Answer(200, headers=CIMultiDict({"Content-Type": JSON}), pieces=_pieces(batch_id, serviced, unserviced))

    def _serve(
        self, call: Call, item: BatchItem, limits: Limits
    ) -> Generator[Repeatable[Any] | None, Any, Serviced | None]:
        """Return what the batch answers for an item; None if it is too large, which ends the batch.

        What an item that receives too much has written stays written.
        """
        begun = self._now()
        error = ""
        try:
            inner = item.call(call)
            if _exceeds(call, item, "sends", inner.body, limits.sent):
                return None
            if call.check is not None:
                call.check(inner.path, inner.verb)
            outcome = yield Repeatable(lambda: self._resource(inner), inner.findings)
            answer = yield from _whole((yield from steps_of(outcome)), limits.received)
        except PlatformError as refusal:
            error = str(refusal)
            answer = error_answer(refusal, item.headers.get("Accept", ""))
        if _exceeds(call, item, "receives", answer.body, limits.received):
            return None
        milliseconds = (self._now() - begun) // timedelta(milliseconds=1)
        return _serviced(item, answer, milliseconds) | ({"error_message": error} if error else {})

    def _now(self) -> datetime:
        return self._instance.clock.now()


def _pieces(batch_id: str, serviced: deque[Serviced], unserviced: list[str]) -> Iterator[bytes]:
    """Yield the answer, dropping what is written: a batch in memory twice could take 100 MiB."""
    before = b'{"batch_request_id":' + orjson.dumps(batch_id) + b',"serviced_requests":['
    while serviced:
        yield before + orjson.dumps(serviced.popleft())
        before = b","
    opening = b"" if before == b"," else before
    yield opening + b'],"unserviced_requests":' + orjson.dumps(unserviced) + b"}"


def _whole(answer: Answer, most: int) -> Steps:
    """Put a body together that comes in pieces, but for what is too much in any case; yields after each piece."""
    body = bytearray(answer.body)
    for piece in answer.pieces or ():
        body += piece
        if len(body) > most:
            break
        yield None
    answer.body = bytes(body)
    return answer


def _exceeds(call: Call, item: BatchItem, does: str, body: bytes, most: int) -> bool:
    if len(body) <= most:
        return False
    call.swallowed(
        "batch-ended", f"batch item '{item.id}' {does} {len(body)} bytes, {most} are allowed: the batch ended"
    )
    return True


def _serviced(item: BatchItem, answer: Answer, milliseconds: int) -> Serviced:
    return {
        "id": item.id,
        "body": b64encode(answer.body).decode(),
        "status_code": answer.status,
        "status_text": HTTPStatus(answer.status).phrase,
        "headers": [] if item.exclude_response_headers else _headers(answer),
        "execution_time": milliseconds,
    }


def _length(serviced: Serviced) -> int:
    """Return how many characters a batch holds of an item's answer."""
    return sum(map(len, map(str, serviced.values())))


def _headers(answer: Answer) -> list[dict[str, str]]:
    headers = [*_HEADERS.items(), *answer.headers.items(), ("Content-Length", str(len(answer.body)))]
    return [{"name": name, "value": value} for name, value in headers]


def _check_media(call: Call) -> None:
    if request_format(call.headers.get("Content-Type", "")) == "xml":
        raise UnsupportedMediaType
    accept = call.headers.get("Accept", "")
    if MULTIPART in accept:
        call.swallowed("batch-not-multipart", f"nothing documents the parts of {MULTIPART}: answered in JSON", "Accept")
    elif response_format(accept) == "xml":
        raise NotAcceptable(accept)


def _limits(call: Call, session: "Session") -> Limits:
    sent = min(megabytes(session, "glide.rest.batch.max.inputSize", 5), LARGEST_INPUT * MEGABYTE)
    received = megabytes(session, "glide.rest.batch.max.outputSize", 10)
    lowered = _MEGABYTES.fullmatch(call.headers.get(OUTPUT_HEADER, ""))
    return Limits(sent, min(received, int(lowered[0]) * MEGABYTE) if lowered else received)
