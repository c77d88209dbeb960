"""What the client gets from a handler that raises, so that the journal records what was sent."""

from typing import TypeVar

from aiohttp import web

A = TypeVar("A", bound=web.StreamResponse)
BROKEN = "500 Internal Server Error\n\nServer got itself in trouble"
"""As aiohttp puts it."""


def answer_to(error: BaseException, request: web.Request) -> web.Response | None:
    """Return the answer to a request whose handler raised; None if there is none to send.

    There is none if the request was cancelled, its client has gone, or part of another answer has been sent. An
    unexpected error is logged, and answered with 500.
    """
    if isinstance(error, web.HTTPException):
        return error
    if not isinstance(error, Exception) or request.transport is None or _has_begun(request):
        return None
    request.app.logger.error("Error handling request", exc_info=error)
    answer = web.Response(status=500, text=BROKEN)
    answer.force_close()
    return answer


def why_none(error: BaseException, request: web.Request) -> str:
    """Return why there is no whole answer, for the journal."""
    return f"{'the answer broke off' if _has_begun(request) else 'no answer was sent'}: {type(error).__name__}"


def passed_on(answer: A) -> A:
    """Return an answer from a middleware; aiohttp wants its exceptions raised."""
    if isinstance(answer, web.HTTPException):
        raise answer
    return answer


def _has_begun(request: web.Request) -> bool:
    return request.writer.output_size > 0
