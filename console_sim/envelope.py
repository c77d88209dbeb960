"""The envelope of the API's answers, and its JSON bodies."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from console_sim.errors import BadRequestError, ConsoleError, UnsupportedMediaTypeError
from privman_contracts import WireNames
from privman_core.bodies import receive
from privman_core.control import is_control, to_json
from privman_core.exchange import EXCHANGE
from privman_core.faults import Handler

_NOTHING: Mapping[str, object] = MappingProxyType({})


class Envelope:
    """Wraps answers in Result, Status and Messages; lists have Total, too."""

    def __init__(self, names: WireNames) -> None:
        self._names = names
        self._key = names.group("keys.envelope")
        self._word = names.group("words.envelope_status")

    def ok(self, result: object, status: int = 200) -> web.Response:
        """Return an answer with that result."""
        return self._answer(status, result, "ok", [])

    def ok_list(self, items: Sequence[object]) -> web.Response:
        """Return an answer with these items and, as Total, their number."""
        return self._answer(200, items, "ok", [], {self._key["Total"]: len(items)})

    @property
    def middleware(self) -> Middleware:
        """Turn errors into answers: in the envelope, or as plain JSON under ``/__admin``."""

        @web.middleware
        async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except ConsoleError as error:
                if EXCHANGE in request:
                    request[EXCHANGE].findings.refusal = str(error)
                return self._error(request, self._status(request, error), str(error), error.headers)
            except web.HTTPError as error:
                allow = {name: value for name, value in error.headers.items() if name == "Allow"}
                return self._error(request, error.status, f"{request.method} {request.path}: {error.reason}", allow)

        return answer_errors

    def _status(self, request: web.Request, error: ConsoleError) -> int:
        inferred = error.rule and not is_control(request)
        return self._names.number(error.rule) if inferred else error.status

    def _error(self, request: web.Request, status: int, message: str, headers: dict[str, str]) -> web.Response:
        control = is_control(request)
        answer = to_json({"error": message}, status) if control else self._answer(status, None, "error", [message])
        answer.headers.update(headers)
        return answer

    def _answer(
        self, status: int, result: object, word: str, messages: list[str], more: Mapping[str, object] = _NOTHING
    ) -> web.Response:
        body = {
            self._key["Result"]: result,
            self._key["Status"]: self._word[word],
            self._key["Messages"]: messages,
            **more,
        }
        return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


async def read_json(request: web.Request) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return the JSON in the body, None without a body; raises UnsupportedMediaTypeError and BadRequestError."""
    body = (await receive(request)).read()
    return _parsed(request, body) if body else None


def _parsed(request: web.Request, body: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    if request.content_type != "application/json":
        given = request.headers.get("Content-Type", "")
        raise UnsupportedMediaTypeError(f"Content-Type is {given!r}; expected application/json")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from None


async def read_json_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in the body; raises UnsupportedMediaTypeError and BadRequestError."""
    body = _parsed(request, (await receive(request)).read())
    if not isinstance(body, dict):
        raise BadRequestError("the body is JSON, but not an object; expected an object")
    return body


SERVER = "Microsoft-IIS/10.0"


async def stamp(_request: web.Request, answer: web.StreamResponse) -> None:
    """Name the server, as IIS does."""
    answer.headers["Server"] = SERVER
