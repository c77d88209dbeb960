"""What browsers post."""

import asyncio
from contextlib import suppress
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict, MultiMapping

from privman_core.bodies import IN_MEMORY, Body, receive
from privman_core.multipart import MOST_PARTS, MultipartError, parts

LARGEST = 4 * 1024 * 1024
_FORM: web.RequestKey[MultiMapping[str]] = web.RequestKey("form", MultiMapping)


async def read_form(request: web.Request, most: int = LARGEST) -> MultiMapping[str]:
    """Return the texts of a posted form, their lines ended as they are stored; reading it twice is harmless.

    Texts are UTF-8, whatever the form claims. What cannot be read, or has more than ``most`` bytes or 1,000 fields,
    counts as empty: it lacks its token and is refused for that.
    """
    known = request.get(_FORM)
    if known is None:
        known = request[_FORM] = await _texts(request, most)
    return known


async def _texts(request: web.Request, most: int) -> MultiMapping[str]:
    if request.method != "POST":
        return MultiDict()
    with suppress(web.HTTPException, MultipartError, ValueError):
        body = await receive(request, most)
        multipart = request.content_type == "multipart/form-data"
        found = await _in_parts(request, body) if multipart else await _in_pairs(body)
        return MultiDict((name, text.replace("\r\n", "\n")) for name, text in found)
    return MultiDict()


async def _in_pairs(body: Body) -> list[tuple[str, str]]:
    """Return the fields of a form that is written as a query string; a long one is read in a thread."""
    text = body.read().decode(errors="replace")
    if body.size <= IN_MEMORY:
        return _pairs(text)
    return await asyncio.to_thread(_pairs, text)


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARTS)


async def _in_parts(request: web.Request, body: Body) -> list[tuple[str, str]]:
    reading = parts(request.headers["Content-Type"], body.file)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return [(part.name, part.text(body.file)) for part in end.value if part.is_text]
        await asyncio.sleep(0)
