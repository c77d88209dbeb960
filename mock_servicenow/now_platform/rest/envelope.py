"""Answers in the platform's envelopes: results, and errors (platform 1.2, 1.9, 1.10)."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain

import orjson
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import NotAcceptable, PlatformError, TransactionCancelled
from mock_servicenow.now_platform.rest.call import JSON, XML, Answer, Call
from mock_servicenow.now_platform.rest.media import response_format
from mock_servicenow.now_platform.rest.xml_text import Result, write_error, write_results

PIECE = 1024 * 1024
"""Characters of results that are written at a time; a longer record is written by itself."""
LARGEST_RECORD = 32 * 1024 * 1024
"""Characters of one record in an answer. By dot-walks a record may show one long text any number of times (I)."""


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


def list_answer(
    call: Call, results: list[Result], further: Iterable[list[Result]] | None = None, *, repeats: bool
) -> Answer:
    """Return the envelope of many results, in pieces if they are long or further ones follow.

    Args:
        call: what is answered.
        results: the first records.
        further: the other ones, each part made when it is its turn.
        repeats: whether they may show texts of other records, each any number of times.

    Raises:
        NotAcceptable: the client accepts neither JSON nor XML.
        TransactionCancelled: one of the results is longer than `LARGEST_RECORD`.
    """
    split = partial(_portions, call) if repeats else _whole
    if further is None and len(list(split(results))) == 1:
        return result_answer(call, results, many=True)
    answer = result_answer(call, [], many=True)
    portions = chain.from_iterable(map(split, chain([results], further or ())))
    answer.body, answer.pieces = b"", _pieces(call, portions)
    return answer


def check_length(call: Call, result: Result) -> int:
    """Return how many characters a result has; raises TransactionCancelled for more than `LARGEST_RECORD`."""
    values = result.values()
    length = sum(map(len, values)) + sum(sum(map(len, each.values())) for each in values if isinstance(each, dict))
    if length > LARGEST_RECORD:
        most = f"at most {LARGEST_RECORD:,} are answered"
        call.swallowed("record-too-long", f"a record has {length:,} characters with the fields asked for; {most}")
        raise TransactionCancelled
    return length


def _portions(call: Call, results: list[Result]) -> Iterator[list[Result]]:
    """Yield results, at least one at a time and no more than `PIECE` allows; raises TransactionCancelled."""
    portion: list[Result] = []
    size = 0
    for result in results:
        length = check_length(call, result)
        if portion and size + length > PIECE:
            yield portion
            portion, size = [], 0
        portion.append(result)
        size += length
    yield portion


def _whole(results: list[Result]) -> Iterator[list[Result]]:
    yield results


def _pieces(call: Call, portions: Iterable[list[Result]]) -> Iterator[bytes]:
    """Return the body of an answer with many results piece by piece; the first portion must not be empty."""
    empty = result_answer(call, [], many=True).body
    end, between = (b"]", b",") if empty.startswith(b"{") else (b"</response>", b"")
    closing = empty[empty.index(end) :]
    opening = before = empty.removesuffix(closing)
    for portion in portions:
        body = result_answer(call, portion, many=True).body[len(opening) : -len(closing)]
        if body:
            yield before + body
            before = between
    yield closing


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
