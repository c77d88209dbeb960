"""Every exchange of one server, in order."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

from privman_core.clock import Clock, RealClock
from privman_core.cuts import cut
from privman_core.exchange import KEPT_BODY, Direction, Exchange, Headers, ShownBodies, ShownUrl
from privman_core.findings import LONGEST_MESSAGE, Finding
from privman_core.masking import MASK, Secrets

Judge = Callable[[Exchange], Iterable[Finding]]
KEPT_EXCHANGES = 10_000
KEPT_NOTES = 1_000
KEPT_BYTES = 48 * 1024 * 1024
# Bytes that Python needs for an exchange, and for each of its headers and findings.
_PER_EXCHANGE, _PER_HEADER, _PER_FINDING = 1_000, 100, 250
MOST_WORK = 128 * 1024
"""Bytes that are read between two turns of other tasks."""
_LEAST_WORK = 8 * 1024  # as which an exchange counts at least
EVICTED = "journal-evicted"
"""The rule of the finding that exchanges were evicted unchecked, or together with their findings."""
_LARGE = 16 * 1024  # bytes of an exchange that is processed in a thread
_ASIDE = ThreadPoolExecutor(1, "journal")  # each further thread would block the loop as long again
Result = TypeVar("Result")


class Journal:
    """The exchanges of one server, inbound and outbound, in order of start.

    The journal is bounded: it keeps the first `KEPT_BODY` bytes of a body, and past ``kept_exchanges`` or
    ``kept_bytes`` it evicts the oldest exchanges. ``evicted`` counts them; unchecked ones leave a finding. ``judge``
    checks an exchange against its contract when it is first read, so that checking costs the exchange nothing. Each
    exchange has its real time, too: that of ``clock`` may stand still.

    Attributes:
        evicted: how many exchanges are no longer kept.
        changes: how often an exchange began or ended, or the journal was cleared.
        started: when it was made, in real time.
    """

    def __init__(
        self,
        clock: Clock,
        secrets: Secrets,
        judge: Judge,
        *,
        kept_exchanges: int = KEPT_EXCHANGES,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._clock = clock
        self._real = RealClock() if clock.virtual else clock
        self.started = self._real.now()
        self._secrets = secrets
        secrets.keep_for_a_journal()
        self._judge = judge
        self._kept_exchanges = kept_exchanges
        self._kept_bytes = kept_bytes
        self._entries: deque[Exchange] = deque()
        self._notes: dict[Finding, None] = {}
        self._first_notes: dict[Finding, None] = {}
        self._bytes = 0
        self._begun = 0
        self._pause = asyncio.Lock()
        self.evicted = self._unchecked = 0
        self.changes = self._clears = 0

    @property
    def newest(self) -> int:
        """The number of the newest exchange; 0 for none."""
        return self._begun

    @property
    def epoch(self) -> str:
        """A text that changes when numbers begin again: in a new journal, and whenever it is cleared."""
        return f"{self.started.timestamp()}.{self._clears}"

    def begin(self, direction: Direction, method: str, url: str, headers: Headers, body: bytes) -> Exchange:
        """Record the start of a request and return its exchange."""
        self._begun += 1
        self.changes += 1
        kept = body[:KEPT_BODY]
        exchange = Exchange(self._begun, self._clock.now(), direction, method, url, headers, kept, len(body))
        exchange.real, exchange.retirements = self._real.now(), self._secrets.retirements
        self._entries.append(exchange)
        if self._secrets.is_full:
            self._forget_secrets()
        if len(self._entries) > self._kept_exchanges:
            self._evict()
        return exchange

    def receive(self, exchange: Exchange, beginning: bytes, size: int) -> None:
        """Record the body of a request, by its beginning and its full size, that arrived after the start."""
        exchange.request_body, exchange.request_size = beginning[:KEPT_BODY], size
        exchange.shown_bodies = None

    def finish(self, exchange: Exchange, status: int, headers: Headers, body: bytes) -> None:
        """Record the answer."""
        self.changes += 1
        exchange.status = status
        exchange.response_headers = headers
        # A copy: bytes from orjson occupy up to 32 kB each.
        exchange.response_body = memoryview(body)[:KEPT_BODY].tobytes()
        exchange.response_size = len(body)
        exchange.shown_bodies = None
        self._count(exchange, _size(exchange))

    def fail(self, exchange: Exchange, error: str) -> None:
        """Record why there was no answer."""
        self.changes += 1
        exchange.error = self._secrets.mask(error)
        self._count(exchange, _size(exchange))

    def reject(self, exchange: Exchange, reason: str) -> None:
        """Record why the sender counts the answer as a failure, unless its status says so."""
        if exchange.status >= HTTPStatus.BAD_REQUEST:
            return
        self.changes += 1
        exchange.unusable = self._secrets.mask(cut(reason, LONGEST_MESSAGE))

    def kept(self, after: int = 0) -> list[Exchange]:
        """Return the kept exchanges with a higher number, oldest first, judged or not."""
        skipped = max(0, after - self._begun + len(self._entries))
        return list(islice(self._entries, skipped, None))

    async def read(self, exchanges: Iterable[Exchange]) -> AsyncIterator[Exchange]:
        """Yield the exchanges, each judged if it has ended; other tasks run in between."""
        unbroken = MOST_WORK
        for exchange in exchanges:
            if unbroken >= MOST_WORK:
                unbroken = 0
                await self.turn()
            self._add(exchange, await aside(exchange, self._judged))
            yield exchange
            unbroken += max(exchange.size, _LEAST_WORK)

    async def turn(self) -> None:
        """Let other tasks run; concurrent readers take turns."""
        async with self._pause:
            await asyncio.sleep(0)

    async def find(self, number: int) -> Exchange | None:
        """Return the exchange of that number, judged if it has ended; None if it is not kept."""
        found = [exchange async for exchange in self.read(self.kept(number - 1)[:1])]
        return next((exchange for exchange in found if exchange.number == number), None)

    def findings(self) -> list[tuple[Exchange, Finding]]:
        """Return every finding of the kept exchanges."""
        for exchange in self.kept():
            self._add(exchange, self._judged(exchange))
        return [(exchange, finding) for exchange in self._entries for finding in exchange.findings]

    def note(self, finding: Finding) -> None:
        """Keep a finding without an exchange, once; at most `KEPT_NOTES` are kept."""
        if len(self._notes) < KEPT_NOTES:
            self._notes[finding] = None

    def note_first(self, findings: Iterable[Finding]) -> None:
        """Keep findings of the start, which `clear` does not forget."""
        self._first_notes = dict.fromkeys(findings)
        self._notes |= self._first_notes

    def notes(self) -> list[Finding]:
        """Return the findings without an exchange."""
        if not self._unchecked:
            return list(self._notes)
        message = (
            f"{self._unchecked} exchanges have left the journal unchecked. Expected to be read, or emptied, before."
        )
        return [*self._notes, Finding("violation", EVICTED, message)]

    def clear(self) -> None:
        """Forget everything but the findings of the start; the next exchange is number 1."""
        self.changes += 1
        self._clears += 1
        for exchange in self._entries:
            exchange.journaled = False
        self._entries.clear()
        self._notes = {**self._first_notes}
        self._bytes = self._begun = self.evicted = self._unchecked = 0

    async def printed(self, exchange: Exchange) -> dict[str, Any]:
        """Return the exchange as the control plane prints it, secrets masked; a large one is processed in a thread."""
        return await aside(exchange, self.to_json)

    def show_url(self, exchange: Exchange) -> str:
        """Return the address, secrets masked; it is masked again only when more secrets have become known."""
        shown = exchange.shown_url
        if shown is None or shown.learned != self._secrets.learned:
            learned, text = self._secrets.learned, self._secrets.mask(exchange.url)
            exchange.shown_url = shown = ShownUrl(learned, exchange.url if text == exchange.url else text)
        return shown.text

    def show_bodies(self, exchange: Exchange) -> ShownBodies:
        """Return both bodies, secrets masked and wholly secret ones left out; what has no secret is not copied."""
        shown = exchange.shown_bodies
        if shown is None or shown.learned != self._secrets.learned:
            learned = self._secrets.learned
            asked, answer = exchange.request_body, exchange.response_body
            shown_asked = b"" if exchange.asks_secret else self._shown(asked)
            shown = ShownBodies(learned, shown_asked, b"" if _is_secret_answer(exchange) else self._shown(answer))
            if exchange.request_body is asked and exchange.response_body is answer:  # else it has gone on meanwhile
                exchange.shown_bodies = shown
        return shown

    def _shown(self, body: bytes) -> bytes:
        text = body.decode(errors="replace")
        masked = self._secrets.mask(text)
        return body if masked == text else masked.encode()

    def to_json(self, exchange: Exchange) -> dict[str, Any]:
        """Return the exchange as the control plane prints it, secrets masked."""
        return {
            "number": exchange.number,
            "at": exchange.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "direction": exchange.direction,
            "method": exchange.method,
            "url": self.show_url(exchange),
            "request": {
                "headers": self._secrets.mask_headers(exchange.request_headers.items()),
                "body": self._printed(exchange, request_text(exchange), attrgetter("request")),
            },
            "status": exchange.status,
            "response": {
                "headers": self._secrets.mask_headers(exchange.response_headers.items()),
                "body": self._printed(exchange, _answer_text(exchange), attrgetter("answer")),
            },
            "error": exchange.error,
            "fault": exchange.fault,
            "findings": [self.finding_to_json(finding) for finding in exchange.findings],
        }

    def _printed(self, exchange: Exchange, text: str, part: Callable[[ShownBodies], bytes]) -> str:
        """Return a body, or a remark in its place, masked; a long one is masked once for all who read it."""
        return self._secrets.mask(text) if len(text) < _LARGE else part(self.show_bodies(exchange)).decode()

    def mask(self, text: str) -> str:
        """Return the text with every secret in it masked."""
        return self._secrets.mask(text)

    def finding_to_json(self, finding: Finding) -> dict[str, str]:
        """Return the finding as the control plane prints it, secrets masked."""
        return {key: self._secrets.mask(value) for key, value in finding.to_json().items()}

    def _judged(self, exchange: Exchange) -> list[Finding]:
        """Return the broken contracts of an exchange, the first time."""
        if exchange.judged or not exchange.ended or exchange.is_cut:
            return []
        exchange.judged = True
        return list(self._judge(exchange))

    def _add(self, exchange: Exchange, found: list[Finding]) -> None:
        exchange.findings.extend(found)
        self._count(exchange, _weight(found))

    def _count(self, exchange: Exchange, size: int) -> None:
        """Add to the size of an exchange that is still in the journal."""
        if not exchange.journaled:
            return
        exchange.size += size
        self._bytes += size
        if self._bytes > self._kept_bytes:
            self._evict()

    def _evict(self) -> None:
        """Drop the oldest exchanges until the others fit."""
        while self._entries and (len(self._entries) > self._kept_exchanges or self._bytes > self._kept_bytes):
            self._evict_oldest()

    def _evict_oldest(self) -> None:
        gone = self._entries.popleft()
        gone.journaled = False
        self._bytes -= gone.size
        self.evicted += 1
        self._unchecked += bool(gone.findings) or not gone.judged

    def _forget_secrets(self) -> None:
        """Forget retired secrets; exchanges from the time of those that must be forgotten are evicted, never shown."""
        outdated = self._secrets.outdated()
        while self._entries[0].retirements < outdated:
            self._evict_oldest()
        self._secrets.forget(self._entries[0].retirements)


async def aside(exchange: Exchange, work: Callable[[Exchange], Result]) -> Result:
    """Process an exchange as `aside_of` does."""
    size = max(exchange.size, len(exchange.url), len(exchange.request_body))  # one that runs has no size yet
    return await aside_of(size, lambda: work(exchange))


async def aside_of(size: int, work: Callable[[], Result]) -> Result:
    """Process so many bytes of exchanges; many in a thread, one work at a time, so that others are served meanwhile."""
    if size < _LARGE:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_ASIDE, work)


def _size(exchange: Exchange) -> int:
    """Return the bytes that an exchange takes once it has ended."""
    asked, answered = exchange.request_headers, exchange.response_headers
    heads = "".join((exchange.url, *asked, *asked.values(), *answered, *answered.values()))
    bodies = len(exchange.request_body) + len(exchange.response_body)
    size = _PER_EXCHANGE + _PER_HEADER * (len(asked) + len(answered)) + len(heads) + len(exchange.error) + bodies
    return size + _weight(exchange.findings) if exchange.findings else size


def _weight(findings: list[Finding]) -> int:
    return sum(_PER_FINDING + len(each.rule) + len(each.message) + len(each.where) for each in findings)


def request_text(exchange: Exchange) -> str:
    """Return the body of a request before its secrets are masked, or a remark in its place."""
    if exchange.asks_secret:
        return MASK
    return _text(exchange.request_body, exchange.request_size)


def _answer_text(exchange: Exchange) -> str:
    if _is_secret_answer(exchange):
        return f'"{MASK}"'
    return _text(exchange.response_body, exchange.response_size)


def _is_secret_answer(exchange: Exchange) -> bool:
    return exchange.answers_secret and exchange.response_body.lstrip()[:1] == b'"'


_REMARK = re.compile(r"\(\d+ bytes(?: that are not UTF-8|, of which the first \d+ are kept)\)")


def is_remark(printed: str) -> bool:
    """Return whether a printed body is a remark in place of one that is no text, or too long."""
    return _REMARK.fullmatch(printed) is not None


def _text(body: bytes, size: int) -> str:
    if len(body) < size:
        return f"({size} bytes, of which the first {len(body)} are kept)"
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"({size} bytes that are not UTF-8)"
