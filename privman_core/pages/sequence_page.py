"""The sequence diagram of the exchanges that mention a text."""

from datetime import timedelta

from aiohttp import web

from privman_core.exchange import Exchange
from privman_core.journal import Journal
from privman_core.pages.cockpit_frame import CockpitFrame
from privman_core.pages.instruments import Explain
from privman_core.pages.journal_pages import Row, to_row
from privman_core.pages.sequence import Call, draw

MOST = 60
_SHORTLY = timedelta(seconds=1)


class SequencePage:
    """What was said about something, such as one approval."""

    def __init__(self, frame: CockpitFrame, journal: Journal, explain: Explain) -> None:
        self._frame = frame
        self._journal = journal
        self._explain = explain

    async def show(self, request: web.Request) -> web.Response:
        """Answer the diagram of the last exchanges that mention any ``about`` in URL or body, in any case."""
        about = [text for text in request.query.getall("about", []) if text.strip()]
        rows = [to_row(self._journal, self._explain, each) for each in await self._exchanges(about)]
        calls = [self._call(row) for row in rows]
        return self._frame.page(
            "sequence.html", request, title="Sequence", about=about, rows=rows, diagram=draw(calls), most=MOST
        )

    async def _exchanges(self, about: list[str]) -> list[Exchange]:
        """Return the exchanges, oldest first, with the calls that led up to those of this party."""
        wanted = [text.strip().lower().encode() for text in about]
        if not wanted:
            return []
        chosen: dict[int, Exchange] = {}
        for exchange in reversed(await self._journal.latest(MOST, lambda each: _mentions(each, wanted))):
            if await self._journal.shows(exchange, about):
                chosen |= {each.number: each for each in (*await self._lead(exchange), exchange)}
        return list(chosen.values())

    async def _lead(self, exchange: Exchange) -> list[Exchange]:
        """Return the log-on that came right before a call of this party, if any."""
        found = await self._journal.latest(1, lambda each: _is_to_same_host(each, exchange), exchange.number)
        return [each for each in found if each.at + _SHORTLY > exchange.at and each.url != exchange.url]

    def _call(self, row: Row) -> Call:
        exchange, here, there = row.exchange, self._frame.party, row.told.other
        source, target = (there, here) if exchange.direction == "in" else (here, there)
        return Call(exchange.at, source, target, exchange.method, _path(row.url), row.answer, row.tone)


def _mentions(exchange: Exchange, wanted: list[bytes]) -> bool:
    said = b"\n".join((exchange.url.encode(), exchange.request_body, exchange.response_body)).lower()
    return any(text in said for text in wanted)


def _is_to_same_host(one: Exchange, other: Exchange) -> bool:
    return one.direction == other.direction == "out" and _host(one.url) == _host(other.url)


def _host(url: str) -> str:
    return "/".join(url.split("/", 3)[:3]).lower()


def _path(url: str) -> str:
    """Return the path of an address, whether or not it is one that a parser takes."""
    path = url.partition("?")[0]
    return path if path.startswith("/") else f"/{'/'.join(path.split('/', 3)[3:])}"
