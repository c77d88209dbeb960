"""The cockpit's pages about exchanges: the journal, one exchange, and the sequence diagram of some."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web
from msgspec import Struct

from privman_core.control import COCKPIT
from privman_core.exchange import Exchange
from privman_core.journal import Journal
from privman_core.pages.rendering import see
from privman_core.pages.sequence_diagram import DrawnCall, Tone, draw
from privman_core.pages.site import PageError, Visit

ROWS = 50
MOST_DRAWN = 60
LONGEST_BODY = 64 * 1024
"""Characters of a body that the page of an exchange shows."""
_MOST_DIGITS = 12
_SHORTLY = timedelta(seconds=1)


class Explanation(Struct, frozen=True):
    """A product's knowledge about an exchange.

    Attributes:
        party: the other party, such as ``Console`` or ``Browser``.
        contract: summary of the contract that the exchange must keep; empty if none applies.
    """

    party: str
    contract: str = ""


Explain = Callable[[Exchange], Explanation]


class Verdict(Struct, frozen=True):
    """Whether an exchange kept its contract."""

    words: str
    tone: Tone


class ExchangeRow(Struct, frozen=True):
    """One exchange as a list shows it, secrets masked."""

    exchange: Exchange
    url: str
    party: str
    contract: str

    @property
    def answer(self) -> str:
        """The status of the answer, or the reason why there is none."""
        return str(self.exchange.status or self.exchange.error or "…")

    @property
    def tone(self) -> Tone:
        """The colour of the answer."""
        if not self.exchange.ended:
            return "quiet"
        return "good" if 200 <= self.exchange.status < 400 else "bad"  # noqa: PLR2004 - HTTP's own classes

    @property
    def verdict(self) -> Verdict:
        """Whether the exchange kept its contract."""
        exchange = self.exchange
        broken = sum(finding.kind == "violation" for finding in exchange.findings)
        if broken:
            return Verdict(f"broken ({broken})", "bad")
        if not exchange.ended:
            return Verdict("in progress", "quiet")
        if exchange.fault:
            return Verdict("not judged: fault", "quiet")
        if not self.contract:
            return Verdict("no contract", "quiet")
        return Verdict("kept", "good") if exchange.judged else Verdict("not judged: too large", "quiet")


class Exchanges:
    """The exchanges of one party.

    Args:
        party: its name, which the sequence diagram prints above its lifeline.
        journal: has the exchanges.
        explain: names the other party of an exchange and its contract.
    """

    def __init__(self, party: str, journal: Journal, explain: Explain) -> None:
        self._party = party
        self._journal = journal
        self._explain = explain

    async def journal(self, visit: Visit) -> web.Response:
        """Show the newest exchanges first.

        ``find`` leaves those with that text in method, address or status, ``only=findings`` those with findings.
        """
        wanted, only = visit.query.get("find", "").strip(), visit.query.get("only") == "findings"
        found = await self._journal.latest(
            ROWS + 1, lambda each: self._fits(each, wanted.lower(), only=only), _before(visit)
        )
        rows = [self._row(each) for each in found[:ROWS]]
        return await visit.page(
            "cockpit/journal.html",
            title="Journal",
            rows=rows,
            wanted=wanted,
            only=only,
            older=_older(visit, rows[-1].exchange.number) if len(found) > ROWS else "",
            evicted=self._journal.evicted,
        )

    async def clear(self, _visit: Visit) -> web.Response:
        """Empty the journal."""
        self._journal.clear()
        return see(COCKPIT)

    async def exchange(self, visit: Visit) -> web.Response:
        """Show one exchange."""
        number = int(visit.request.match_info["number"])
        found = await self._journal.find(number)
        if found is None:
            detail = "The journal does not have this exchange: it has not happened yet, or is no longer kept."
            raise PageError(HTTPStatus.NOT_FOUND, f"Exchange {number} not found", detail)
        printed = await self._journal.printed(found)
        return await visit.page(
            "cockpit/exchange.html",
            title=f"Exchange {number}",
            row=self._row(found),
            printed=_readable(printed),
            earlier=await self._journal.find(number - 1),
            later=await self._journal.find(number + 1),
        )

    async def sequence(self, visit: Visit) -> web.Response:
        """Show a diagram of the last exchanges that mention any ``about`` in URL or body, in any case."""
        about = [text for text in visit.query.getall("about", []) if text.strip()]
        rows = [self._row(each) for each in await self._mentioning(about)]
        diagram = draw([self._call(row) for row in rows])
        return await visit.page(
            "cockpit/sequence.html", title="Sequence", about=about, rows=rows, diagram=diagram, most=MOST_DRAWN
        )

    def _row(self, exchange: Exchange) -> ExchangeRow:
        known = self._explain(exchange)
        return ExchangeRow(exchange, self._journal.mask(exchange.url), known.party, known.contract)

    def _fits(self, exchange: Exchange, wanted: str, *, only: bool) -> bool:
        """Compare with the masked address too, so that guessing finds no secret; few addresses need masking."""
        if only and not exchange.findings:
            return False
        return _is_in(wanted, exchange, exchange.url) and _is_in(wanted, exchange, self._journal.mask(exchange.url))

    async def _mentioning(self, about: list[str]) -> list[Exchange]:
        """Return the exchanges, oldest first, each after the log-on that led to it."""
        wanted = [text.strip().lower().encode() for text in about]
        if not wanted:
            return []
        chosen: dict[int, Exchange] = {}
        for exchange in reversed(await self._journal.latest(MOST_DRAWN, lambda each: _mentions(each, wanted))):
            if await self._journal.shows(exchange, about):
                chosen |= {each.number: each for each in (*await self._log_on(exchange), exchange)}
        return list(chosen.values())

    async def _log_on(self, exchange: Exchange) -> list[Exchange]:
        """Return the call to the same host right before a call of this party, if any."""
        found = await self._journal.latest(1, lambda each: _is_to_same_host(each, exchange), exchange.number)
        return [each for each in found if each.at + _SHORTLY > exchange.at and each.url != exchange.url]

    def _call(self, row: ExchangeRow) -> DrawnCall:
        exchange, here, there = row.exchange, self._party, row.party
        source, target = (there, here) if exchange.direction == "in" else (here, there)
        return DrawnCall(exchange.at, source, target, exchange.method, _path(row.url), row.answer, row.tone)


def _is_in(wanted: str, exchange: Exchange, url: str) -> bool:
    return wanted in f"{exchange.method} {url} {exchange.status}".lower()


def _before(visit: Visit) -> int | None:
    text = visit.query.get("before", "")[:_MOST_DIGITS]
    return int(text) if text.isascii() and text.isdecimal() else None


def _older(visit: Visit, number: int) -> str:
    kept = {name: visit.query[name] for name in ("find", "only") if name in visit.query}
    return f"{COCKPIT}?{urlencode({**kept, 'before': number})}"


def _mentions(exchange: Exchange, wanted: list[bytes]) -> bool:
    text = b"\n".join((exchange.url.encode(), exchange.request_body, exchange.response_body)).lower()
    return any(each in text for each in wanted)


def _is_to_same_host(one: Exchange, other: Exchange) -> bool:
    return one.direction == other.direction == "out" and _host(one.url) == _host(other.url)


def _host(url: str) -> str:
    return "/".join(url.split("/", 3)[:3]).lower()


def _path(url: str) -> str:
    """Return the path of a URL, even of one that a parser would refuse."""
    path = url.partition("?")[0]
    return path if path.startswith("/") else f"/{'/'.join(path.split('/', 3)[3:])}"


def _readable(printed: dict[str, Any]) -> dict[str, Any]:
    """Return an exchange as the control plane prints it, with JSON bodies indented."""
    bodies = {part: {**printed[part], "body": _indented(printed[part]["body"])} for part in ("request", "response")}
    return {**printed, **bodies}


def _indented(body: str) -> str:
    """Return a body with its JSON indented, shortened to `LONGEST_BODY`."""
    if len(body) > LONGEST_BODY:
        return _shortened(body)
    try:
        return _shortened(orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode())
    except orjson.JSONDecodeError:
        return body


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_BODY:
        return text
    return f"{text[:LONGEST_BODY]}\n… (the first {LONGEST_BODY:,} of {len(text):,} characters)"
