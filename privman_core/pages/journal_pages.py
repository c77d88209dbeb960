"""The journal, and one exchange of it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from privman_core.control import COCKPIT
from privman_core.exchange import Exchange
from privman_core.journal import Journal
from privman_core.pages.answers import see
from privman_core.pages.cockpit_frame import CockpitFrame
from privman_core.pages.instruments import Explain, Told
from privman_core.pages.verdict import Tone, Verdict, answer_of, judged, tone_of

ROWS = 50
_MOST_DIGITS = 12
LONGEST_BODY = 64 * 1024
"""Characters of a body that the page of an exchange shows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange as a list shows it, secrets masked."""

    exchange: Exchange
    url: str
    told: Told
    verdict: Verdict

    @property
    def answer(self) -> str:
        """The answer in short."""
        return answer_of(self.exchange)

    @property
    def tone(self) -> Tone:
        """How the answer is coloured."""
        return tone_of(self.exchange)


def to_row(journal: Journal, explain: Explain, exchange: Exchange) -> Row:
    """Return an exchange as a list shows it."""
    told = explain(exchange)
    return Row(exchange, journal.mask(exchange.url), told, judged(exchange, told.contract))


class JournalPages:
    """The exchanges of the party, newest first, and each with all that was said."""

    def __init__(self, frame: CockpitFrame, journal: Journal, explain: Explain) -> None:
        self._frame = frame
        self._journal = journal
        self._explain = explain

    async def show(self, request: web.Request) -> web.Response:
        """Answer the list; ``find`` leaves what has that text in its first line, ``only=findings`` what has some."""
        wanted, only = request.query.get("find", "").strip(), request.query.get("only") == "findings"
        found = await self._journal.latest(
            ROWS + 1, lambda each: self._fits(each, wanted.lower(), only=only), _before(request)
        )
        rows = [to_row(self._journal, self._explain, each) for each in found[:ROWS]]
        return self._frame.page(
            "journal.html",
            request,
            title="Journal",
            rows=rows,
            wanted=wanted,
            only=only,
            older=_older(request, rows[-1].exchange.number) if len(found) > ROWS else "",
            evicted=self._journal.evicted,
        )

    def _fits(self, exchange: Exchange, wanted: str, *, only: bool) -> bool:
        """Look at what the page shows, so that nobody finds a secret by guessing; few addresses have to be masked."""
        if only and not exchange.findings:
            return False
        return _is_in(wanted, exchange, exchange.url) and _is_in(wanted, exchange, self._journal.mask(exchange.url))

    async def one(self, request: web.Request) -> web.Response:
        """Answer one exchange."""
        number = int(request.match_info["number"])
        exchange = await self._journal.find(number)
        if exchange is None:
            return self._frame.page("exchange_gone.html", request, 404, title=f"Exchange {number}")
        return self._frame.page(
            "exchange.html",
            request,
            title=f"Exchange {number}",
            row=to_row(self._journal, self._explain, exchange),
            said=_readable(await self._journal.printed(exchange)),
        )

    async def clear(self, _request: web.Request) -> web.Response:
        """Empty the journal."""
        self._journal.clear()
        return see(COCKPIT)


def _is_in(wanted: str, exchange: Exchange, url: str) -> bool:
    return wanted in f"{exchange.method} {url} {exchange.status}".lower()


def _before(request: web.Request) -> int | None:
    text = request.query.get("before", "")[:_MOST_DIGITS]
    return int(text) if text.isascii() and text.isdecimal() else None


def _older(request: web.Request, number: int) -> str:
    kept = {name: request.query[name] for name in ("find", "only") if name in request.query}
    return f"{COCKPIT}?{urlencode({**kept, 'before': number})}"


def _readable(said: dict[str, Any]) -> dict[str, Any]:
    """Return an exchange as the control plane prints it, JSON bodies laid out in lines."""
    return {**said, **{part: {**said[part], "body": _laid_out(said[part]["body"])} for part in ("request", "response")}}


def _laid_out(body: str) -> str:
    """Return a body as the page shows it: a JSON document in lines, and no more of either than people read."""
    if len(body) > LONGEST_BODY:
        return _cut(body)
    try:
        return _cut(orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode())
    except orjson.JSONDecodeError:
        return body


def _cut(text: str) -> str:
    if len(text) <= LONGEST_BODY:
        return text
    return f"{text[:LONGEST_BODY]}\n… ({len(text):,} characters, of which the first {LONGEST_BODY:,} are shown)"
