"""One request and its answer, as one server saw them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from aiohttp import web
from msgspec import Struct, field

from privman_core.findings import Finding, Findings

Direction = Literal["in", "out"]
KEPT_BODY = 1024 * 1024
Headers = Mapping[str, str]
"""Headers in order, as aiohttp has them; a name may occur several times."""


class ShownUrl(Struct, frozen=True):
    """The address of an exchange, its secrets masked; ``learned`` counts what was known of secrets then."""

    learned: int
    text: str


class ShownBodies(Struct, frozen=True):
    """Both bodies of an exchange, their secrets masked; ``learned`` counts what was known of secrets then."""

    learned: int
    request: bytes
    answer: bytes


class Exchange(Struct, weakref=True):
    """One request and its answer, as they were on the wire; secrets are masked only when it is printed.

    Attributes:
        number: counts from 1 in order of start.
        at: when the request began, UTC.
        direction: ``in`` if this server received the request, ``out`` if it sent it.
        url: path and query for ``in``, the absolute address for ``out``.
        request_body: the first `KEPT_BODY` bytes; ``request_size`` is the full length.
        status: of the answer; 0 when there was none.
        error: why there was no answer, in one line.
        fault: name of the armed fault that struck the exchange.
        fault_number: its number; 0 for none.
        dropped: whether that fault dropped the connection.
        findings: what was swallowed, and what breaks a contract.
        judged: whether its contract has been checked.
        asks_secret: whether the body of the request is secret, such as a log-on in which no field can be told apart.
        answers_secret: whether an answer that is a JSON string is secret, such as a token.
        size: bytes that the journal counts for it.
        journaled: whether it is still in the journal.
        replays: number of the exchange that it is a replay of; 0 for none.
        edited: whether it differs from that one.
        unusable: why this server, which sent it, counts an answer of success as a failure; empty if it does not.
        mark: identifies it, also in the journal of the other party if that is on this machine (see `is_shared`); empty
            for what a third party sent.
        retirements: how many secrets had been retired when it began: it may have all later ones in the clear.
        real: when it began in real time, whatever the clock says.
        shown_url: as it was shown last, so that no search masks it again; None if it never was.
        shown_bodies: as they were searched last; None if they never were.
    """

    number: int
    at: datetime
    direction: Direction
    method: str
    url: str
    request_headers: Headers
    request_body: bytes = b""
    request_size: int = 0
    status: int = 0
    response_headers: Headers = field(default_factory=dict)
    response_body: bytes = b""
    response_size: int = 0
    error: str = ""
    fault: str = ""
    fault_number: int = 0
    dropped: bool = False
    findings: Findings = field(default_factory=Findings)
    judged: bool = False
    asks_secret: bool = False
    answers_secret: bool = False
    size: int = 0
    journaled: bool = True
    replays: int = 0
    edited: bool = False
    unusable: str = ""
    mark: str = ""
    retirements: int = 0
    real: datetime | None = None
    shown_url: ShownUrl | None = None
    shown_bodies: ShownBodies | None = None

    @property
    def about(self) -> tuple[str, ...]:
        """RequestIds of the approval requests that it belongs to, as the product that answers or sends it knows.

        What a third party merely reads, such as a list or a poll, belongs to none.
        """
        merely_read = self.method in _READS and self.direction == "in" and not self.mark
        return () if merely_read else self.findings.about

    @property
    def registers(self) -> tuple[str, ...]:
        """Ids of the registrations and activity types that it makes, reads or changes."""
        return self.findings.registers

    @property
    def user(self) -> str:
        """Name of the user who logged in, as the server that answers knows; empty for nobody."""
        return self.findings.user

    @property
    def is_cut(self) -> bool:
        """Whether a body was too long to be kept whole."""
        return (len(self.request_body), len(self.response_body)) != (self.request_size, self.response_size)

    @property
    def ended(self) -> bool:
        """Whether it has been answered, or never will be."""
        return bool(self.status or self.error)


_READS = frozenset({"GET", "HEAD"})
EXCHANGE: web.RequestKey[Exchange] = web.RequestKey("exchange", Exchange)


def path_of(url: str) -> str:
    """Return the path of a URL, even of one that a parser would refuse."""
    path = url.partition("?")[0]
    return path if path.startswith("/") else f"/{'/'.join(path.split('/', 3)[3:])}"


def findings_of(request: web.Request) -> list[Finding]:
    """Return the list that collects the findings of an inbound request."""
    exchange = request.get(EXCHANGE)
    return [] if exchange is None else exchange.findings


def body_of(answer: web.StreamResponse) -> bytes:
    """Return the body of an answer; empty if it is streamed."""
    body = answer.body if isinstance(answer, web.Response) else b""
    return body if isinstance(body, bytes) else b""
