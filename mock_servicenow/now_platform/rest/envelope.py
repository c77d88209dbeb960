"""Answers in the platform's envelopes: results, and errors (platform 1.2, 1.9, 1.10)."""

from collections.abc import Iterable, Iterator, Mapping

import orjson
from multidict import CIMultiDict

from mock_servicenow.now_platform.errors import NotAcceptable, PlatformError
from mock_servicenow.now_platform.rest.call import JSON, XML, Answer, Call
from mock_servicenow.now_platform.rest.media import response_format
from mock_servicenow.now_platform.rest.xml_text import Result, write_error, write_results


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


def result_pieces(call: Call, parts: Iterable[list[Result]]) -> Iterator[bytes]:
    """Return the body of an answer with many results piece by piece; the first part must not be empty."""
    empty = result_answer(call, [], many=True).body
    end, between = (b"]", b",") if empty.startswith(b"{") else (b"</response>", b"")
    closing = empty[empty.index(end) :]
    opening = before = empty.removesuffix(closing)
    for part in parts:
        body = result_answer(call, part, many=True).body[len(opening) : -len(closing)]
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
