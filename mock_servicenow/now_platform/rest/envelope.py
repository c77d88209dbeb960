"""Answers in the platform's envelopes: results, and errors (platform 1.2, 1.9, 1.10)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import orjson
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import NotAcceptable, PlatformError, TransactionCancelled
from mock_servicenow.now_platform.rest.call import JSON, XML, Answer, Call
from mock_servicenow.now_platform.rest.media import response_format
from mock_servicenow.now_platform.rest.xml_text import Result, character_data, write_error, write_results

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
    if further is not None:
        empty = result_answer(call, [], many=True).body
        end, between = (b"]", b",") if empty.startswith(b"{") else (b"</response>", b"")
        around = _Around(empty[: empty.index(end)], empty[empty.index(end) :], between)
        answer.body = answer.body.removesuffix(around.closing)
        answer.pieces = _pieces(call, further, around, between if results else b"")
    return answer


def fitting(call: Call, results: list[Result]) -> int:
    """Return how many of the results, one at least, are written at a time, as `PIECE` says.

    Raises TransactionCancelled where one of them is longer than `LARGEST_RECORD`.
    """
    size = 0
    for number, result in enumerate(results):
        size += check_length(call, result)
        if number and size > PIECE:
            return number
    return len(results)


def check_length(call: Call, result: Result) -> int:
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


@dataclass(frozen=True, slots=True)
class _Around:
    """The text before, after and between results."""

    opening: bytes
    closing: bytes
    between: bytes


def _pieces(call: Call, parts: Iterator[list[Result]], around: _Around, before: bytes) -> Iterator[bytes]:
    """Return the rest of an answer with many results piece by piece; nothing keeps a piece that has been given."""

    def render(part: list[Result]) -> bytes:
        nonlocal before
        body = result_answer(call, part, many=True).body[len(around.opening) : -len(around.closing)]
        if not body:
            return b""
        piece, before = before + body, around.between
        return piece

    return chain(filter(None, map(render, parts)), [around.closing])


def document_answer(call: Call, head: Mapping[str, str], results: list[Result], status: int) -> Answer:
    """Return an array of results with further fields beside it; raises NotAcceptable."""
    if response_format(call.headers.get("Accept", "")) == "xml":
        return Answer(status, write_results(results, head), CIMultiDict({"Content-Type": XML}))
    return json_answer({**head, "result": results}, status)


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
