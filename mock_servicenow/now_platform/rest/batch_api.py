"""The Batch API: several calls in one request."""

import re
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import chain
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import replace
from multidict import CIMultiDict
from yarl import URL

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import (
    BadRequest,
    MethodNotAllowed,
    NotAcceptable,
    PlatformError,
    UnknownPath,
    UnreadableBody,
    UnsupportedMediaType,
    UriTooLong,
)
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.view import MEGABYTE
from mock_servicenow.now_platform.rest.answers import error_answer
from mock_servicenow.now_platform.rest.call import (
    JSON,
    Answer,
    Call,
    Steps,
    address_of,
    parameters_of,
    query_of,
    steps_of,
    verb_of,
)
from mock_servicenow.now_platform.rest.formats import request_format, response_format
from mock_servicenow.now_platform.rest.parameters import report_ignored
from mock_servicenow.now_platform.rest.record_bodies import (
    LONGEST_HEADER,
    LONGEST_URL,
    check_length,
    longest_body,
    read_json,
)
from mock_servicenow.now_platform.running import Repeatable
from privman_core.bodies import IN_MEMORY, NO_BODY, SpooledBody

_NESTED = re.compile(r"/api/now(/v[12])?/batch")


LONGEST = timedelta(seconds=30)
_MOST_SENT = Property("glide.rest.batch.max.inputSize", "5")
_MOST_RECEIVED = Property("glide.rest.batch.max.outputSize", "10")
LARGEST_INPUT = 10
MOST_ANSWERED = 32 * MEGABYTE
"""Bytes that the bodies of a batch's answers have together, in base64; nobody documents a bound (inferred)."""
OUTPUT_HEADER = "X-BATCHREQUEST-MAX-OUTPUT-SIZE"
MULTIPART = "multipart/mixed"
_IN_BASE64 = 48 * 1024
"""Bytes that are put into base64 at a time: a multiple of 3."""
_MEGABYTES = re.compile(r"\d{1,9}", re.ASCII)
# What the documented sample shows for each item.
_HEADERS = {
    "Pragma": "no-store,no-cache",
    "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
    "Expires": "0",
}


class Limits(Struct, frozen=True):
    """Bytes that one item may send and receive."""

    sent: int
    received: int


class BatchItem(Struct, frozen=True):
    """One call of a batch.

    Attributes:
        body: in base64, line breaks allowed.
        exclude_response_headers: whether the answer's headers are left out.
    """

    id: str
    method: str
    url: str
    headers: CIMultiDict[str]
    body: str
    exclude_response_headers: bool

    def call(self, outer: Call) -> Call:
        """Return the call, made by the user of the outer one.

        Raises:
            UnreadableBody: the body is not base64.
            BadRequest: the item has no method or no URL, or asks for another batch.
            UriTooLong: the URL is longer than `LONGEST_URL`.
        """
        if len(self.url) > LONGEST_URL:
            raise UriTooLong(len(self.url))
        if not self.method or not self.url:
            raise BadRequest("Invalid batch request", f"item '{self.id}' needs both method and url")
        url, query = self._parsed_url()
        if _NESTED.fullmatch(url.path):
            raise BadRequest("Invalid batch request", f"item '{self.id}' is a batch itself")
        return Call(
            verb_of(self.method, self.headers, outer.findings),
            url.path,
            parameters_of(query),
            query,
            outer.origin,
            self.headers,
            self._content(),
            outer.user,
            outer.findings,
            outer.check,
        )

    def _parsed_url(self) -> tuple[URL, str]:
        try:
            return address_of(self.url), query_of(self.url)
        except ValueError:
            raise BadRequest("Invalid batch request", f"item '{self.id}' has the url '{self.url}'") from None

    def _content(self) -> bytes:
        try:
            return b64decode("".join(self.body.split()), validate=True)
        except ValueError:
            raise UnreadableBody(f"The body of item '{self.id}' is not base64") from None


class Batch(Struct, frozen=True):
    """The calls of a batch, in the order in which they are made."""

    id: str
    items: tuple[BatchItem, ...]


class _Serviced(Struct, frozen=True):
    """The answer to one item of a batch."""

    item: BatchItem
    answer: Answer
    body: SpooledBody
    milliseconds: int
    error: str

    def write(self, written: SpooledBody) -> None:
        """Append it as JSON."""
        written.write(b'{"id":' + orjson.dumps(self.item.id) + b',"body":"')
        for piece in self.body.pieces(_IN_BASE64):
            written.write(b64encode(piece))
        further: dict[str, object] = {
            "status_code": self.answer.status,
            "status_text": HTTPStatus(self.answer.status).phrase,
            "headers": [] if self.item.exclude_response_headers else _answer_headers(self.answer, self.body.size),
            "execution_time": self.milliseconds,
        }
        if self.error:
            further["error_message"] = self.error
        written.write(b'",' + orjson.dumps(further)[1:])


class BatchApi:
    """Makes the calls of a batch one after the other, each in a transaction of its own.

    Args:
        resource: answers each of the calls.
    """

    def __init__(self, instance: Instance, resource: Callable[[Call], Answer | Steps]) -> None:
        self._instance = instance
        self._resource = resource

    def answer(self, call: Call) -> Steps:
        """Answer ``POST /api/now/v1/batch``; raises PlatformError where the batch as a whole is at fault."""
        if len(call.resource) > 1:
            raise UnknownPath
        if call.verb != "POST":
            raise MethodNotAllowed(call.verb, ["POST"])
        _check_media(call)
        report_ignored(call, call.query)
        with self._instance.transaction(call.user) as session:
            check_length(call, longest_body(session))
            limits = _limits(call, session)
        return (yield from self._service(call, read_batch(call), limits))

    def _service(self, call: Call, batch: Batch, limits: Limits) -> Steps:
        ends = self._now() + LONGEST
        waiting, written = deque(batch.items), SpooledBody()
        written.write(b'{"batch_request_id":' + orjson.dumps(batch.id) + b',"serviced_requests":[')
        del batch  # each item is long enough to be dropped once it is serviced
        separator = b""
        while waiting and self._now() < ends:
            received = min(limits.received, MOST_ANSWERED - written.size)
            serviced = yield from self._serve(call, waiting[0], replace(limits, received=received))
            if serviced is None:
                break
            written.write(separator)
            serviced.write(written)
            separator = b","
            waiting.popleft()
            yield None
        unserviced = [item.id for item in waiting]
        written.write(b'],"unserviced_requests":' + orjson.dumps(unserviced) + b"}")
        return Answer(200, headers=CIMultiDict({"Content-Type": JSON}), pieces=written.pieces())

    def _serve(
        self, call: Call, item: BatchItem, limits: Limits
    ) -> Generator[Repeatable[Any] | None, Any, _Serviced | None]:
        """Return what the batch answers for an item; None if it is too large, which ends the batch.

        What an item that receives too much has written stays written.
        """
        begun = self._now()
        error = ""
        try:
            with self._instance.next_transaction(call.user, call.findings) as session:
                call.user = session.user
            inner = item.call(call)
            if _exceeds(call, item, "sends", len(inner.body), limits.sent):
                return None
            call.check(inner.path, inner.verb)
            outcome = yield Repeatable(lambda: _lightened(self._resource(inner)), inner.findings, light=False)
            answer = yield from steps_of(outcome)
            body = yield from _whole(answer, limits.received)
        except PlatformError as refusal:
            error = str(refusal)
            answer = error_answer(refusal, item.headers.get("Accept", ""))
            body = yield from _whole(answer, limits.received)
        if verb_of(item.method, item.headers) == "HEAD":
            body = NO_BODY
        if _exceeds(call, item, "receives", body.size, limits.received):
            return None
        milliseconds = (self._now() - begun) // timedelta(milliseconds=1)
        return _Serviced(item, answer, body, milliseconds, error)

    def _now(self) -> datetime:
        return self._instance.clock.now()


def _lightened(outcome: Answer | Steps) -> Answer | Steps:
    """Return an outcome of which little is in memory while the batch waits for its turn."""
    if not isinstance(outcome, Answer) or len(outcome.body) <= IN_MEMORY:
        return outcome
    beginning = SpooledBody()
    beginning.write(outcome.body)
    return replace(outcome, body=b"", pieces=chain(beginning.pieces(), outcome.pieces or ()))


def _whole(answer: Answer, most: int) -> Generator[None, None, SpooledBody]:
    """Put a body together that comes in pieces, but for what is too much in any case; yields after each piece."""
    body = SpooledBody()
    body.write(answer.body)
    for size in map(body.write, answer.pieces or ()):
        if size > most:
            break
        yield None
    return body


def _exceeds(call: Call, item: BatchItem, does: str, size: int, most: int) -> bool:
    if size <= most:
        return False
    stays = "; what the item has written stays, although it is listed as unserviced" if does == "receives" else ""
    message = f"batch item '{item.id}' {does} {size} bytes, {most} are allowed: the batch ended{stays}"
    call.swallowed("batch-ended", message)
    return True


def _answer_headers(answer: Answer, size: int) -> list[dict[str, str]]:
    headers = [*_HEADERS.items(), *answer.headers.items(), ("Content-Length", str(size))]
    return [{"name": name, "value": value} for name, value in headers]


def _check_media(call: Call) -> None:
    if request_format(call.headers.get("Content-Type", "")) == "xml":
        raise UnsupportedMediaType
    accept = call.headers.get("Accept", "")
    if MULTIPART in accept:
        call.swallowed("batch-not-multipart", f"nothing documents the parts of {MULTIPART}: answered in JSON", "Accept")
    elif response_format(accept) == "xml":
        raise NotAcceptable(accept)


def _limits(call: Call, session: Session) -> Limits:
    sent = min(session.megabytes(_MOST_SENT), LARGEST_INPUT * MEGABYTE)
    received = session.megabytes(_MOST_RECEIVED)
    lowered = _MEGABYTES.fullmatch(call.headers.get(OUTPUT_HEADER, ""))
    return Limits(sent, min(received, int(lowered[0]) * MEGABYTE) if lowered else received)


def read_batch(call: Call) -> Batch:
    """Return the batch in a call's body; raises UnreadableBody."""
    body = read_json(call)
    items = body.get("rest_requests") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UnreadableBody("A batch is an object with rest_requests, an array of objects")
    return Batch(json_text(body.get("batch_request_id")), tuple(map(_item, items)))


def _item(item: dict[str, Any]) -> BatchItem:
    return BatchItem(
        id=json_text(item.get("id")),
        method=json_text(item.get("method")),
        url=json_text(item.get("url")),
        headers=_given_headers(item.get("headers")),
        body=json_text(item.get("body")),
        exclude_response_headers=json_text(item.get("exclude_response_headers")) == "true",
    )


def _given_headers(given: object) -> CIMultiDict[str]:
    pairs = [header for header in given if isinstance(header, dict)] if isinstance(given, list) else []
    return CIMultiDict(
        (json_text(pair.get("name"))[:LONGEST_HEADER], json_text(pair.get("value"))[:LONGEST_HEADER]) for pair in pairs
    )
