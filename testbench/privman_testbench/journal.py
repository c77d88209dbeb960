"""Every exchange of one party, in order."""

from collections import deque
from collections.abc import Callable, Iterable

from privman_testbench.clock import Clock
from privman_testbench.exchange import KEPT_BODY, Direction, Exchange, Headers
from privman_testbench.findings import Finding
from privman_testbench.masking import MASK, Secrets

Judge = Callable[[Exchange], Iterable[Finding]]
Fits = Callable[[Exchange], bool]
KEPT_EXCHANGES = 10_000
KEPT_BYTES = 64 * 1024 * 1024


class Journal:
    """The exchanges of one party, inbound and outbound, in the order in which they began.

    The journal is bounded: of a body it keeps the first `KEPT_BODY` bytes, and past ``kept_exchanges`` or
    ``kept_bytes`` of bodies the oldest exchanges go, which ``evicted`` counts. Whether an exchange keeps its contract
    is asked of ``judge`` only when somebody reads it, so that judging costs the exchange nothing.
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
        self._secrets = secrets
        self._judge = judge
        self._kept_exchanges = kept_exchanges
        self._kept_bytes = kept_bytes
        self._entries: deque[Exchange] = deque()
        self._bytes = 0
        self._begun = 0
        self.evicted = 0

    def begin(self, direction: Direction, method: str, url: str, headers: Headers, body: bytes) -> Exchange:
        """Record that a request has begun and return its exchange."""
        self._begun += 1
        kept = body[:KEPT_BODY]
        exchange = Exchange(self._begun, self._clock.now(), direction, method, url, headers, kept, len(body))
        self._entries.append(exchange)
        self._bytes += len(kept)
        return exchange

    def receive(self, exchange: Exchange, beginning: bytes, size: int) -> None:
        """Record a request's body that arrived after the exchange had begun, by its beginning and its whole size."""
        exchange.request_body, exchange.request_size = beginning[:KEPT_BODY], size
        self._bytes += len(exchange.request_body)

    def finish(self, exchange: Exchange, status: int, headers: Headers, body: bytes) -> None:
        """Record the answer."""
        exchange.status = status
        exchange.response_headers = headers
        exchange.response_body = memoryview(body)[:KEPT_BODY].tobytes()  # orjson's own bytes take up to 32 kB each
        exchange.response_size = len(body)
        self._bytes += len(exchange.response_body)
        self._evict()

    def fail(self, exchange: Exchange, error: str) -> None:
        """Record that there was no answer, and why."""
        exchange.error = self._secrets.mask(error)

    def exchanges(self) -> list[Exchange]:
        """Return what is kept, oldest first, each ended exchange judged."""
        for exchange in self._entries:
            self._judge_once(exchange)
        return list(self._entries)

    def latest(self, most: int, fits: Fits, before: int | None = None) -> list[Exchange]:
        """Return the newest exchanges that fit, newest first, each judged if it has ended.

        Args:
            most: how many at most; no more exchanges are judged than it takes to find them.
            fits: asked of each exchange.
            before: the number that all must be below, if any.
        """
        found: list[Exchange] = []
        for exchange in reversed(self._entries):
            if before is not None and exchange.number >= before:
                continue
            self._judge_once(exchange)
            if fits(exchange):
                found.append(exchange)
            if len(found) == most:
                break
        return found

    def find(self, number: int) -> Exchange | None:
        """Return the exchange of that number, judged if it has ended; None if it is not kept."""
        return next(iter(self.latest(1, lambda exchange: exchange.number == number, number + 1)), None)

    def findings(self) -> list[tuple[Exchange, Finding]]:
        """Return every finding of the exchanges that are kept."""
        return [(exchange, finding) for exchange in self.exchanges() for finding in exchange.findings]

    def clear(self) -> None:
        """Forget everything; the next exchange is number 1."""
        self._entries.clear()
        self._bytes = self._begun = self.evicted = 0

    def to_json(self, exchange: Exchange) -> dict[str, object]:
        """Return the exchange as the control plane prints it, secrets masked."""
        mask = self._secrets.mask
        return {
            "number": exchange.number,
            "at": exchange.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "direction": exchange.direction,
            "method": exchange.method,
            "url": mask(exchange.url),
            "request": {
                "headers": self._secrets.mask_headers(exchange.request_headers.items()),
                "body": mask(_text(exchange.request_body, exchange.request_size)),
            },
            "status": exchange.status,
            "response": {
                "headers": self._secrets.mask_headers(exchange.response_headers.items()),
                "body": mask(_answer_text(exchange)),
            },
            "error": exchange.error,
            "fault": exchange.fault,
            "findings": [self.finding_to_json(finding) for finding in exchange.findings],
        }

    def mask(self, text: str) -> str:
        """Return the text with every secret in it masked."""
        return self._secrets.mask(text)

    def finding_to_json(self, finding: Finding) -> dict[str, str]:
        """Return the finding as the control plane prints it, secrets masked."""
        return {key: self._secrets.mask(value) for key, value in finding.to_json().items()}

    def _judge_once(self, exchange: Exchange) -> None:
        if exchange.judged or not exchange.ended or _is_cut(exchange):
            return
        exchange.judged = True
        exchange.findings.extend(self._judge(exchange))

    def _evict(self) -> None:
        while len(self._entries) > self._kept_exchanges or self._bytes > self._kept_bytes:
            gone = self._entries.popleft()
            self._bytes -= len(gone.request_body) + len(gone.response_body)
            self.evicted += 1


def _answer_text(exchange: Exchange) -> str:
    if exchange.answers_secret and exchange.response_body.lstrip()[:1] == b'"':
        return f'"{MASK}"'
    return _text(exchange.response_body, exchange.response_size)


def _is_cut(exchange: Exchange) -> bool:
    kept = len(exchange.request_body), len(exchange.response_body)
    return kept != (exchange.request_size, exchange.response_size)


def _text(body: bytes, size: int) -> str:
    if len(body) < size:
        return f"({size} bytes, of which the first {len(body)} are kept)"
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"({size} bytes that are not UTF-8)"
