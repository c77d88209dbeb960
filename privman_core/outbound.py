"""Requests that a server sends: bounded, journaled, and timed out on the clock."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NoReturn

from aiohttp import (
    EMPTY_PAYLOAD,
    ClientConnectionError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.client_proto import ResponseHandler
from msgspec import Struct
from yarl import URL

from privman_core.clock import Clock, Label
from privman_core.errands import errand_header
from privman_core.exchange import Exchange
from privman_core.exchange_marks import mark_header, new_mark
from privman_core.forward_proxies import NO_PROXIES, ForwardProxies, ProxyError, RequestOptions
from privman_core.inputs import Trust, reason_of
from privman_core.journal import Journal
from privman_core.natural_numbers import natural_number
from privman_core.sent_calls import collect_call
from privman_core.turns import PreemptedError, Turns

LARGEST_ANSWER = 16 * 1024 * 1024
"""Longest body of an answer, in bytes, unpacked, that any outbound call reads."""


_MOST_CHUNKS, _BYTES_A_CHUNK = 1_000, 256
"""Chunks that any body may have, and bytes that allow one more: a chunk costs as much time as many bytes."""


class OversizedAnswerError(ClientPayloadError):
    """The body of an answer is too long, or has too many chunks; or there are too many heads."""


async def read_bounded(response: ClientResponse, most: int = LARGEST_ANSWER) -> bytes:
    """Return the body, unpacked.

    Raises OversizedAnswerError as soon as more than ``most`` bytes have arrived, or more small chunks than any server
    sends, and closes the connection. Raises aiohttp's errors for a body that breaks off or cannot be unpacked.
    """
    if response.content is EMPTY_PAYLOAD:  # all empty answers share it, and it ends only once
        return b""
    body, chunks = bytearray(), 0
    async for part, ends in response.content.iter_chunks():
        body += part
        chunks += ends
        if len(body) > most:
            _give_up(response, f"the body is longer than {most} bytes")
        if chunks > _MOST_CHUNKS + len(body) // _BYTES_A_CHUNK:
            _give_up(response, f"the first {len(body)} bytes of the body came in {chunks} chunks")
    return bytes(body)


def _give_up(response: ClientResponse, reason: str) -> NoReturn:
    response.close()
    raise OversizedAnswerError(reason)


# Bytes. asyncio reads 256 KiB by default; parsing those blocks everybody if they are many small parts.
_READ = 4 * 1024
_MOST_HEADS = 8
"""Heads that may arrive in answer to one request: status 100 to 199 announces another one."""


class BoundedConnector(TCPConnector):
    """Opens connections that read little at a time and abort an answer with too many heads.

    Args:
        trusted: certificates to trust.
    """

    def __init__(self, trusted: Trust) -> None:
        super().__init__(limit=0, ssl=trusted)
        self._factory = partial(_bounded, asyncio.get_running_loop())


class _Bounded(ResponseHandler):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.max_size = _READ  # type: ignore[attr-defined]
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if len(self) > _MOST_HEADS and self.transport is not None:
            self.transport.abort()
            self.set_exception(OversizedAnswerError(f"more than {_MOST_HEADS} heads came at once"))


def _bounded(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _Bounded(loop)


CONNECTIONS_PER_HOST, CONNECTIONS = 4, 500
"""Concurrent requests; half of the files that a process may open by default."""
_KNOWN = re.compile(r"Too many headers|Got more than \d{1,9} bytes")
LARGEST_HEARD = 1024 * 1024
"""Longest answer, in bytes, unpacked, that a server reads; many may arrive at once."""


def retry_after(text: str, now: datetime, longest: float) -> float | None:
    """Return the seconds that a header Retry-After asks to wait, in seconds or as a date; None for anything else."""
    said = text.strip()
    if (seconds := natural_number(said)) is not None:
        return min(float(seconds), longest)
    try:
        until = parsedate_to_datetime(said)
        return min(max((until - now).total_seconds(), 0.0), longest)
    except (ValueError, TypeError, OverflowError):
        return None


class Purpose(Struct, frozen=True):
    """What a request is sent for.

    Attributes:
        about: RequestIds of approval requests, in lower case.
        registers: ids of registrations.
    """

    about: tuple[str, ...] = ()
    registers: tuple[str, ...] = ()


NO_PURPOSE = Purpose()


class NoAnswerError(Exception):
    """A request got no answer; the message says why in one line."""


class HttpAnswer(Struct, frozen=True):
    """An answer.

    Attributes:
        headers: names in lower case.
        reject: tells the journal why the sender counts the answer as a failure.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    reject: Callable[[str], None] = lambda _reason: None

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


class HttpCaller:
    """Sends the requests of one server, or of a command.

    Args:
        largest: bytes that an answer may have, unpacked.
        listens_at: returns where the server listens on this machine; empty if it does not, or that is not known.
    """

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        clock: Clock,
        journal: Journal,
        user_agent: str,
        *,
        turns: Turns | None = None,
        trusted: Trust = True,
        proxies: ForwardProxies = NO_PROXIES,
        largest: int = LARGEST_HEARD,
        listens_at: Callable[[], str] = str,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._user_agent = user_agent
        self._turns = turns or Turns(CONNECTIONS_PER_HOST, CONNECTIONS)
        self._trusted = trusted
        self._proxies = proxies
        self._largest = largest
        self._listens_at = listens_at
        self._session: ClientSession | None = None

    async def send(  # noqa: PLR0913 - what a request is made of
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes,
        seconds: float,
        *,
        answers_secret: bool = False,
        began: Callable[[Exchange], None] = lambda _exchange: None,
        purpose: Purpose = NO_PURPOSE,
    ) -> HttpAnswer:
        """Send the request when its turn comes and return the answer; redirects are not followed.

        With ``answers_secret`` no output shows an answer that is a JSON string, such as a token. ``began`` gets the
        exchange when it has been journaled, before it is sent. The journal keeps the ``purpose``.

        Raises NoAnswerError when the connection fails or breaks off, ``seconds`` pass on the clock, the answer is
        longer than ``largest``, or it takes long while others wait (see `Turns`).
        """
        exchange = self._journal.begin("out", method, url, dict(headers), body)
        exchange.answers_secret = answers_secret
        exchange.findings.about, exchange.findings.registers = purpose.about, purpose.registers
        collect_call(exchange)
        began(exchange)
        try:
            address = URL(url, encoded=True)
            label = Label(f"Give up waiting for the answer to {method} {address.path}", kind="answer")
            async with self._turns.turn(f"{address.host}:{address.port}"), self._clock.timeout(seconds, label):
                return await self._exchange(exchange, address, headers)
        except TimeoutError:
            reason = f"no answer within {seconds:g} s"
        except PreemptedError:
            reason = "given up without an answer, because other requests were waiting"
        except ProxyError as error:
            reason = str(error)
        except ClientConnectorError as error:
            reason = f"no connection to {error.host}:{error.port}: {reason_of(error.os_error)}"
        except ClientConnectionError:
            reason = "the connection broke off"
        except (ClientError, ValueError) as error:
            reason = f"the answer could not be read: {_why_unread(error)}"
        except asyncio.CancelledError:
            self._journal.fail(exchange, "the request was cancelled before its answer")
            raise
        self._journal.fail(exchange, reason)
        raise NoAnswerError(f"{method} {_without_query(url)}: {reason}")

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(self, exchange: Exchange, url: URL, headers: dict[str, str]) -> HttpAnswer:
        mark = new_mark(url.host, self._listens_at())
        exchange.mark = mark.name
        sent = headers | errand_header(url.host) | mark_header(mark)
        try:
            return await self._converse(exchange, url, self._proxies.options(url, sent))
        except ClientError as error:
            if reason := self._proxies.reason(url, error):
                raise ProxyError(reason) from None
            raise

    async def _converse(self, exchange: Exchange, url: URL, options: RequestOptions) -> HttpAnswer:
        request = self._open().request(
            exchange.method, url, data=exchange.request_body or None, allow_redirects=False, **options
        )
        async with request as response:
            self._proxies.raise_if_proxy_refused(url, response)
            body = await read_bounded(response, self._largest)
            self._journal.finish(exchange, response.status, response.headers, body)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(response.status, headers, body, partial(self._journal.reject, exchange))

    def _open(self) -> ClientSession:
        # Opened on the first call: an aiohttp session wants the running loop.
        if self._session is None:
            self._session = ClientSession(
                connector=BoundedConnector(self._trusted),  # turns bound how many there are
                cookie_jar=DummyCookieJar(),
                headers={"User-Agent": self._user_agent},
                # Answers are short: packing them takes longer than sending them. A body of no type is sent as such.
                skip_auto_headers=["Accept-Encoding", "Content-Type"],
                timeout=ClientTimeout(total=None),  # the clock ends a request
            )
        return self._session


def _why_unread(error: Exception) -> str:
    """Return why, in words of our own or well known: others quote the answer, or the query of the request."""
    if isinstance(error, OversizedAnswerError):
        return str(error)
    if isinstance(error, ClientResponseError):
        known = _KNOWN.search(error.message)
        return known[0] if known else "it is no HTTP"
    if isinstance(error, ValueError):  # of the address
        return " ".join(_without_query(str(error)).split())
    return "it is incomplete, or cannot be unpacked"


def _without_query(url: str) -> str:
    return url.split("?", 1)[0]
