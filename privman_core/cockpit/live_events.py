"""Server-sent events that let an open page of the cockpit follow what happens."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Protocol

from aiohttp import web

from privman_core.cockpit.both_ends import Ends
from privman_core.cockpit.ends import End, EndError
from privman_core.cockpit.facts import Marks
from privman_core.pages.rendering import HEADERS

MOST_STREAMS = 24
"""Open pages that a server keeps informed at the same time; one more takes the place of the oldest."""
LOOK_SECONDS = 0.2
"""Real seconds between two looks at the own end."""
OTHER_LOOKS, BEAT_LOOKS = 5, 50
"""Looks until one at the other end, too, and until an event though nothing has changed.

A page fetches itself again at each beat, so it also shows what only the passing of real time has changed.
"""
_RETRY = b"retry: 2000\n\n"


class KnownEnds(Protocol):
    """The end that serves the cockpit, and both ends as they answer now."""

    @property
    def own(self) -> End:
        """The end that serves the cockpit."""

    async def find(self) -> Ends:
        """Return the ends that answer now."""


class LiveEvents:
    """Sends each open page an event when either end has changed.

    Nothing runs while no page is open, and no event is lost: a page that connects fetches itself once.

    Args:
        admits: decides whether a browser may listen.
        look_seconds: real seconds between two looks at the own end.
    """

    def __init__(
        self, ends: KnownEnds, admits: Callable[[web.Request], bool], look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._ends = ends
        self._look_seconds = look_seconds
        self._admits = admits
        self._closed = False
        self._open: list[asyncio.Event] = []  # each set when its stream has to end, the oldest first

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Answer a stream of events until the page or the server is closed, or there are too many newer ones."""
        if not self._admits(request):
            raise web.HTTPForbidden
        closing = asyncio.Event()
        self._open.append(closing)
        if len(self._open) > MOST_STREAMS:
            self._open.pop(0).set()
        if self._closed:
            closing.set()
        try:
            return await self._send(request, closing)
        finally:
            if closing in self._open:
                self._open.remove(closing)

    async def close(self, _app: web.Application) -> None:
        """End the streams."""
        self._closed = True
        for closing in self._open:
            closing.set()

    async def _send(self, request: web.Request, closing: asyncio.Event) -> web.StreamResponse:
        answer = web.StreamResponse(headers={**HEADERS, "Cache-Control": "no-store"})
        answer.content_type = "text/event-stream"
        ends = await self._ends.find()
        marks = {end.name: await _marks(end) for end in ends}  # before the page connects, which fetches itself then
        await answer.prepare(request)
        with suppress(ConnectionError):  # the page has been closed
            await answer.write(_RETRY)
            async for event in self._events(ends, marks, closing):
                await answer.write(f"data: {event}\n\n".encode())
        return answer

    async def _events(self, ends: Ends, marks: dict[str, Marks | None], closing: asyncio.Event) -> AsyncIterator[str]:
        """Yield ``changed`` after each change, and ``beat`` after a while without one."""
        looks = 0
        while not await self._is_closing(closing):
            looks += 1
            looked_at = [self._ends.own] if looks % OTHER_LOOKS else ends
            before, marks = marks, {**marks, **{end.name: await _marks(end) for end in looked_at}}
            if marks != before:
                looks = 0
                yield "changed"
            elif looks == BEAT_LOOKS:
                looks, ends = 0, await self._ends.find()
                yield "beat"

    async def _is_closing(self, closing: asyncio.Event) -> bool:
        """Wait for the next look; return whether the stream has to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._look_seconds):
                await closing.wait()
        return closing.is_set()


async def _marks(end: End) -> Marks | None:
    """Return the marks of an end; None for one that does not answer."""
    try:
        return await end.marks()
    except EndError:
        return None
