"""A search through a journal, newest exchange first."""

from collections.abc import AsyncIterator, Callable, Iterator

from privman_core.cockpit.search import Search
from privman_core.cockpit.seen_exchanges import LONGEST_SEARCHED, Seen
from privman_core.exchange import Exchange, ShownBodies
from privman_core.journal import MOST_WORK, Journal, aside

MOST_JUDGED = 1_000
"""Exchanges that one search judges, in about half a second; the next search judges the following ones."""
MOST_MASKED = 1024 * 1024
"""Bytes of bodies that one search masks for the first time, in about half a second; the next search continues."""
_AT_ONCE = 16  # exchanges that are judged before the limit is checked again
_LOOK, _COMPARED = 256, 32
"""How many bytes a look at an exchange counts as, and how many compared bytes count as one."""


class JournalSearch:
    """One search.

    Args:
        seen: returns an exchange as the search sees it.
        before: only exchanges with a lower number; 0 for all.

    Attributes:
        unjudged: how many exchanges it has left out, because judging or masking them would have taken too long.
    """

    def __init__(self, journal: Journal, search: Search, seen: Callable[[Exchange], Seen], before: int) -> None:
        self._journal = journal
        self._search = search
        self._seen = seen
        self._before = before
        self.unjudged = 0
        self._done, self._left = MOST_WORK, MOST_MASKED

    async def fitting(self) -> AsyncIterator[Seen]:
        """Yield the exchanges that match; judges one only if all else matches, and lets other tasks run in between."""
        left = MOST_JUDGED
        async for some in self._batches():
            unjudged = [seen.exchange for seen in some if _is_unjudged(seen)]
            left -= len(unjudged) if self._search.verdicts else 0
            if left < 0:
                self.unjudged += len(unjudged)
                continue
            async for _ in self._journal.read(unjudged):
                """Judge it."""
            for seen in some:
                if all(fits(seen) for fits in self._search.verdicts):
                    yield seen

    async def _batches(self) -> AsyncIterator[list[Seen]]:
        """Yield batches of those that match all terms but the verdicts."""
        search, some = self._search, list[Seen]()
        for exchange in self._older():
            self._done += _LOOK
            if self._done >= MOST_WORK:
                await self._turn()
            if not search.sifts(exchange):
                continue
            self._done += len(exchange.url) + _LOOK * len(search.conditions)
            if len(exchange.url) > LONGEST_SEARCHED:
                await aside(exchange, self._journal.show_url)
            seen = self._seen(exchange)
            if all(fits(seen) for fits in search.conditions) and (not search.texts or await self._has_texts(exchange)):
                some.append(seen)
            if len(some) == _AT_ONCE:
                yield some
                some = []
        yield some

    def _older(self) -> Iterator[Exchange]:
        """Yield those below the number at which the page begins, newest first."""
        newest = reversed(self._journal.kept())
        return (each for each in newest if each.number < self._before) if self._before else newest

    async def _has_texts(self, exchange: Exchange) -> bool:
        """Return whether the masked bodies contain the texts, ignoring case."""
        if exchange.shown_bodies is None and not await self._shows_bodies(exchange):
            return False
        for text, negated in self._search.texts:
            if self._done >= MOST_WORK:
                await self._turn()
            if await self._mentions(exchange, text) is negated:
                return False
        return True

    async def _shows_bodies(self, exchange: Exchange) -> bool:
        """Mask the bodies for this search and later ones; return False if this search has masked as much as it may."""
        if self._left <= 0:
            self.unjudged += 1
            return False
        self._left -= _size(exchange)
        self._done += _size(exchange)
        await aside(exchange, self._journal.show_bodies)
        return True

    async def _mentions(self, exchange: Exchange, text: str) -> bool:
        """Return whether a body contains the text.

        Bodies that were masked when fewer secrets were known show whether masking them again can matter.
        """
        known = exchange.shown_bodies
        if known is not None and not self._has(known, text):
            return False
        return self._has(await aside(exchange, self._journal.show_bodies), text)

    def _has(self, bodies: ShownBodies, text: str) -> bool:
        self._done += (len(bodies.request) + len(bodies.answer)) // _COMPARED
        if text.isascii():
            wanted = text.encode()
            return wanted in bodies.request.lower() or wanted in bodies.answer.lower()
        return any(text in each.decode(errors="replace").lower() for each in (bodies.request, bodies.answer))

    async def _turn(self) -> None:
        self._done = 0
        await self._journal.turn()


def _size(exchange: Exchange) -> int:
    return len(exchange.request_body) + len(exchange.response_body)


def _is_unjudged(seen: Seen) -> bool:
    return seen.exchange.ended and not seen.exchange.judged
