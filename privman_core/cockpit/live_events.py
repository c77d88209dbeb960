"""Server-sent events that let an open page of the cockpit follow what happens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Protocol

from aiohttp import web

from privman_core.cockpit.parties import Parties
from privman_core.cockpit.party_facts import Marks
from privman_core.cockpit.shown_party import PartyError, ShownParty, UnusablePartyError
from privman_core.pages.rendering import HEADERS

MOST_STREAMS = 24
"""Browsers that a server sends events to; when one more connects, the oldest stream ends. Their pages share it."""
LOOK_SECONDS = 0.2
"""Real seconds between two looks at the party that serves the cockpit."""
OTHER_LOOKS, BEAT_LOOKS = 5, 50
"""Looks until one at the other party, too; looks without a change until a ``beat``.

A page fetches itself again at each beat, so that it also shows what real time alone has changed.
"""
_Seen = Mapping[str, Marks | str | None]
_RETRY = b"retry: 2000\n\n"


class KnownParties(Protocol):
    """The party that serves the cockpit, and both parties as they answer now."""

    @property
    def own(self) -> ShownParty:
        """The party that serves the cockpit."""

    async def find(self) -> Parties:
        """Return the parties that answer now."""


class LiveEvents:
    """Sends each browser an event when either party has changed.

    Nothing runs while no page is open, and no event is lost: pages fetch themselves once when they are connected.

    Args:
        admits: decides whether a browser may listen.
        look_seconds: real seconds between two looks at the party that serves the cockpit.
    """

    def __init__(
        self, parties: KnownParties, admits: Callable[[web.Request], bool], look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._parties = parties
        self._look_seconds = look_seconds
        self._admits = admits
        self._closed = False
        self._open: list[asyncio.Event] = []  # each set when its stream has to end, the oldest first

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Answer a stream of events until the browser or the server closes it, or too many others have connected."""
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
        seen = await self._look()  # before the page connects, which fetches itself then
        await answer.prepare(request)
        with suppress(ConnectionError):  # the page has been closed
            await answer.write(_RETRY)
            async for event in self._events(seen, closing):
                await answer.write(f"data: {event}\n\n".encode())
        return answer

    async def _events(self, seen: _Seen, closing: asyncio.Event) -> AsyncIterator[str]:
        """Yield ``changed`` after each change, and ``beat`` after a while without one."""
        looks, own = 0, self._parties.own
        while not await self._is_closing(closing):
            looks += 1
            before = seen
            if looks % OTHER_LOOKS:
                seen = {**seen, own.name: await _marks(own)}
            else:
                seen = await self._look()
            if seen != before:
                looks = 0
                yield "changed"
            elif looks == BEAT_LOOKS:
                looks = 0
                yield "beat"

    async def _look(self) -> _Seen:
        """Return the marks of each party that answers, why there is only one, and whether the other one is new."""
        parties = await self._parties.find()
        said = {"reason": parties.reason, "news": parties.news}
        return said | {party.name: await _marks(party) for party in parties}

    async def _is_closing(self, closing: asyncio.Event) -> bool:
        """Wait for the next look; return whether the stream has to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._look_seconds):
                await closing.wait()
        return closing.is_set()


async def _marks(party: ShownParty) -> Marks | None:
    """Return the marks of a party; None for one that does not answer."""
    try:
        return await party.marks()
    except (PartyError, UnusablePartyError):
        return None
