"""A search through a journal, newest exchange first."""

from collections.abc import AsyncIterator, Callable
from itertools import islice

from privman_core.cockpit.search import Search, Seen
from privman_core.exchange import Exchange
from privman_core.journal import Journal

MOST_JUDGED = 1_000
"""Exchanges that one search for verdicts judges, which takes about half a second; the next search goes on."""
_AT_ONCE = 16
"""Exchanges that are searched between two turns of other tasks."""


class JournalSearch:
    """One search.

    Args:
        seen: returns an exchange as the search sees it.
        before: only exchanges with a lower number; 0 for all.

    Attributes:
        unjudged: how many exchanges it has left out, because it would have had to judge more than `MOST_JUDGED`.
    """

    def __init__(self, journal: Journal, search: Search, seen: Callable[[Exchange], Seen], before: int) -> None:
        self._journal = journal
        self._search = search
        self._seen = seen
        self._before = before
        self.unjudged = 0

    async def fitting(self) -> AsyncIterator[Seen]:
        """Yield the exchanges that fit; only those are judged that may fit."""
        before, conditions = self._before, self._search.conditions
        sieve, newest = self._search.sieve, reversed(self._journal.kept())
        sifted = filter(sieve, newest) if sieve else newest
        older = (self._seen(each) for each in sifted if not before or each.number < before)
        fitting, left = (seen for seen in older if all(each.fits(seen) for each in conditions)), MOST_JUDGED
        while some := list(islice(fitting, _AT_ONCE)):
            some = await self._with_texts(some)
            unjudged = [seen.exchange for seen in some if _is_unjudged(seen)]
            left -= len(unjudged) if self._search.verdicts else 0
            if left < 0:
                self.unjudged = len(unjudged) + sum(map(_is_unjudged, fitting))
                return
            async for _ in self._journal.read(unjudged):
                """Judge it."""
            for seen in some:
                if all(each.fits(seen) for each in self._search.verdicts):
                    yield seen

    async def _with_texts(self, some: list[Seen]) -> list[Seen]:
        if not self._search.texts:
            return some
        await self._journal.turn()
        return [seen for seen in some if await self._has_texts(seen.exchange)]

    async def _has_texts(self, exchange: Exchange) -> bool:
        for text, negated in self._search.texts:
            has = _mentions(exchange, text) and await self._journal.shows(exchange, text)
            if has is negated:
                return False
        return True


def _is_unjudged(seen: Seen) -> bool:
    return seen.exchange.ended and not seen.exchange.judged


def _mentions(exchange: Exchange, text: str) -> bool:
    """Return whether a body contains the text, ignoring case, before masking; True if only decoding tells."""
    if not text.isascii():
        return True
    wanted = text.encode()
    return wanted in exchange.request_body.lower() or wanted in exchange.response_body.lower()
