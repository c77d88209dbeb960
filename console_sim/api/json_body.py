"""The JSON body of an API call."""

from typing import Any

import orjson
from aiohttp import web

from console_sim.errors import BadRequestError, UnsupportedMediaTypeError
from privman_core.bodies import receive


async def read_json_object(request: web.Request) -> dict[str, Any]:
    """Return the body; raises UnsupportedMediaTypeError, or BadRequestError for what is no JSON object."""
    if request.content_type != "application/json":
        given = request.headers.get("Content-Type", "")
        raise UnsupportedMediaTypeError(f"Content-Type is {given!r}; expected application/json")
    try:
        body = orjson.loads((await receive(request)).read())
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadRequestError("the body is JSON, but no object; expected an object")
    return body
