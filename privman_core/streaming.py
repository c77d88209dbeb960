"""Long answers, sent in slices while others are served, and lists of a journal's exchanges."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, Self

import orjson
from aiohttp import web
from msgspec import Struct

from privman_core.bodies import SpooledBody
from privman_core.exchange import Exchange
from privman_core.inputs import quoted
from privman_core.journal import KEPT_EXCHANGES, Journal, aside
from privman_core.natural_numbers import natural_number

_SLICE = 32 * 1024
"""Half of asyncio's write buffer, so that a slow client is noticed before the sender has to wait."""


class Unsent:
    """A body, or a piece of one, that is about to be sent; false if it is empty.

    Args:
        content: must not be referenced elsewhere, or it stays in memory.
    """

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)

    def __bool__(self) -> bool:
        return bool(self._content)

    async def slices(self, transport: asyncio.BaseTransport | None) -> AsyncIterator[bytes]:
        """Yield slices, each to be written to the transport before the next is requested.

        What the client does not read at once waits in a temporary file. Others are served between slices.
        """
        while self._content and not _is_behind(transport):
            part, self._content = bytes(self._content[:_SLICE]), self._content[_SLICE:]
            yield part
            await asyncio.sleep(0)
        if not self._content:
            return
        rest = self._moved_to_disk()
        while part := rest.file.read(_SLICE):
            yield part
            await asyncio.sleep(0)

    def _moved_to_disk(self) -> SpooledBody:
        """Return the rest, in a file if there is room, and drop it here."""
        body, content = SpooledBody(), self._content
        self._content = memoryview(b"")
        body.write(content)
        body.file.seek(0)
        return body


def _is_behind(transport: asyncio.BaseTransport | None) -> bool:
    """Return whether the client has not read everything yet."""
    return isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size() > 0


Items = Sequence[Mapping[str, Any]]
Turn = Callable[[], Awaitable[None]]
Written = Callable[[Exchange], list[bytes]]
# Bytes after which a page ends, with at least one exchange; and after which an answer is streamed.
_LONGEST_PAGE, _AT_ONCE = 4 * 1024 * 1024, 256 * 1024


class RangeError(ValueError):
    """A range is invalid; the message names the parameter and shows its value."""


class Range(Struct, frozen=True):
    """A range of exchanges.

    Attributes:
        after: only those with a higher number.
        limit: at most so many, the oldest first; None for all.
        last: only so many of the newest; None for all.
    """

    after: int = 0
    limit: int | None = None
    last: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Return the range in the parameters; raises RangeError."""
        given = [name for name in cls.__struct_fields__ if name in query]
        numbers = {name: _number(name, query[name], int(name != "after")) for name in given}
        return cls(**numbers)


async def list_exchanges(
    request: web.Request, journal: Journal, name: str, written: Written, first: Items = ()
) -> web.StreamResponse:
    """Answer the list ``name``: the items ``first``, then those ``written`` for each exchange of the range.

    With ``limit`` it is one page, and ``next`` is the ``after`` of the next page, null on the last. Raises RangeError.
    """
    parts = _parts(journal, Range.read(request.query), name, written, first)
    return await answer_in_parts(request, parts, journal.turn)


async def _let_others() -> None:
    await asyncio.sleep(0)


async def answer_in_parts(
    request: web.Request, parts: AsyncGenerator[bytes], turn: Turn = _let_others
) -> web.StreamResponse:
    """Answer JSON from generated parts; a long answer is streamed, without keeping sent parts.

    Args:
        request: the request to answer.
        parts: the pieces of the body.
        turn: awaited before each slice is sent.
    """
    async with aclosing(parts):
        begun = await _beginning(parts)
        if len(begun) <= _AT_ONCE:
            return web.Response(body=begun, content_type="application/json")
        unsent = Unsent(begun)
        del begun
        return await _stream(request, unsent, parts, turn)


async def _beginning(parts: AsyncIterator[bytes]) -> bytes:
    """Return the first parts, up to a little more than `_AT_ONCE` bytes."""
    begun = bytearray()
    async for part in parts:
        begun += part
        if len(begun) > _AT_ONCE:
            break
    return bytes(begun)


async def _stream(request: web.Request, unsent: Unsent, parts: AsyncIterator[bytes], turn: Turn) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    if request.method == "HEAD":
        return answer
    with suppress(ConnectionResetError):  # the client has gone
        while unsent:
            async for each in unsent.slices(request.transport):
                await turn()
                await answer.write(each)
            unsent = Unsent(await _next(request, parts))
    return answer


async def _next(request: web.Request, parts: AsyncIterator[bytes]) -> bytes:
    """Return the next part, empty after the last; an error closes the connection, which shows the answer is cut."""
    try:
        return await anext(parts, b"")
    except Exception as error:  # noqa: BLE001 - an error page would become part of the body
        request.app.logger.error("%s %s ended early: %s", request.method, request.path, error)  # noqa: TRY400 - in one line
        request.protocol.force_close()
        return b""


async def _parts(journal: Journal, wanted: Range, name: str, written: Written, first: Items) -> AsyncGenerator[bytes]:
    """Yield the pieces of the list."""
    exchanges = journal.kept(wanted.after)
    exchanges = exchanges[-wanted.last :] if wanted.last else exchanges
    page = exchanges[: wanted.limit]
    last, size, separator = 0, 0, b""
    yield b'{"%s":[' % name.encode()
    for item in () if wanted.after else first:
        yield separator + orjson.dumps(item)
        separator = b","
    async for exchange in journal.read(page):
        last = exchange.number
        items = deque(await aside(exchange, written))
        while items:
            size += len(items[0])
            yield separator + items.popleft()
            separator = b","
        if wanted.limit is not None and size >= _LONGEST_PAGE:
            break
    yield b"]"
    if name == "requests":
        yield b',"evicted":%d' % journal.evicted
    if wanted.limit is not None:
        following = last if last and last < exchanges[-1].number else None
        yield b',"next":%s' % orjson.dumps(following)
    yield b"}"


def _number(name: str, text: str, least: int) -> int:
    digits = len(str(KEPT_EXCHANGES)) + 7
    number = natural_number(text)
    if number is None or not least <= number < 10**digits:
        raise RangeError(f"{name!r} is {quoted(text)}; expected a whole number from {least} of at most {digits} digits")
    return number
