"""Sends requests of an end's journal again, as they were or edited: to one of the two ends, and to nowhere else."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from yarl import URL

from privman_core.clock import Clock
from privman_core.cockpit.ends import EndError
from privman_core.cockpit.facts import EditedRequest
from privman_core.cockpit.restored_secrets import RestoreError, restore, restore_header
from privman_core.command_line import installed_version
from privman_core.errands import ERRAND
from privman_core.exchange import Exchange
from privman_core.exchange_marks import MARK
from privman_core.inputs import CONTROL, Trust, is_loopback_name, quoted
from privman_core.instruments import Instruments
from privman_core.journal import Journal, request_text
from privman_core.masking import MASK, Secrets
from privman_core.outbound import LARGEST_ANSWER, HttpAnswer, HttpCaller
from privman_core.repeats import REPEAT, repeating

PATIENCE = 3.0
"""Real seconds that a page waits for an answer, which may come later."""
ALLOWED = 60.0
"""Seconds on the clock that an answer may take."""
LONGEST_PATH, MOST_HEADERS = 8_000, 100
_METHOD, _NAME = re.compile(r"[A-Z]{1,20}"), re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_PATH, _QUERY = re.compile(r"/(?:[!-~]*)"), re.compile(r"[\\#]")
_RESERVED_SEGMENT = re.compile(r"(?:^|[/\\?#;])[\s.]*__")
_MOST_LAYERS = 8
SET_ANEW = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te"),
        *("trailer", "upgrade", "expect", "proxy-authorization", "proxy-authenticate", "content-encoding"),
        *(REPEAT, ERRAND, MARK),
    }
)
"""Headers of one connection, those that the sender sets anew, and the encoding of a body that is kept unpacked."""


class Repeats:
    """Sends requests again; implements `Repeater`.

    A request that was received goes to this end itself, one that was sent goes to the other end. Both addresses are
    known beforehand: nothing in a request, and nothing that is edited, changes them.

    Args:
        instruments: of this end.
        other: returns the address of the other end, once that has answered as such; raises EndError if it does not.
    """

    def __init__(self, instruments: Instruments, other: Callable[[], Awaitable[str]]) -> None:
        self._clock = instruments.clock
        self._secrets = instruments.secrets
        self._caller = instruments.caller
        self._other = other
        self._own_url = ""
        self._to_itself = _unrecorded(self._clock, trusted=True)
        self._waiting: set[asyncio.Task[HttpAnswer]] = set()

    def listens_at(self, request: web.Request) -> None:
        """Learn from a request where this end listens, whatever the request says about it."""
        transport = request.transport
        if self._own_url or transport is None:
            return
        host, port = transport.get_extra_info("sockname")[:2]
        tls = transport.get_extra_info("sslcontext") is not None
        self._own_url = str(URL.build(scheme="https" if tls else "http", host=host, port=port))
        if tls:
            self._to_itself = _unrecorded(self._clock, _unverified())

    def reason(self, exchange: Exchange) -> str:
        """Return why the request of an exchange cannot be sent again; empty if it can."""
        if exchange.request_size > len(exchange.request_body):
            kept = f"the first {len(exchange.request_body):,} of {exchange.request_size:,} bytes"
            return f"The journal has only {kept} of its body, so it cannot be sent again."
        if exchange.direction == "in" and not exchange.request_headers:
            return "The journal has a form of a page without its fields, so it cannot be sent again."
        return ""

    async def send(self, exchange: Exchange, edited: EditedRequest | None) -> int:
        """Send the request again; return the number of the new exchange. Raises EndError."""
        if reason := self.reason(exchange):
            raise EndError(reason)
        new_request = self._request(exchange, edited)
        is_edited = edited is not None and new_request != self._request(exchange, None)
        method, path, headers, body = new_request
        begun: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()

        def begin(new: Exchange) -> None:
            new.repeats, new.edited, new.asks_secret = exchange.number, is_edited, exchange.asks_secret
            new.answers_secret = exchange.answers_secret
            if exchange.direction == "out":
                new.findings.concern(exchange.about, exchange.registers)
            begun.set_result(new)

        if exchange.direction == "in":
            sending = self._send_to_itself(method, path, headers, body, begin)
        else:
            url = f"{await self._origin(exchange)}{path}"
            secret = exchange.answers_secret
            sending = self._caller.send(method, url, headers, body, ALLOWED, answers_secret=secret, began=begin)
        return await self._begun(asyncio.ensure_future(sending), begun)

    async def aclose(self) -> None:
        """Give up what waits, and close the connections."""
        for task in tuple(self._waiting):
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)
        await self._to_itself.aclose()

    async def _begun(self, task: asyncio.Task[HttpAnswer], begun: asyncio.Future[Exchange]) -> int:
        """Return the number of the exchange that has begun, once it has been answered or `PATIENCE` is over."""
        self._waiting.add(task)
        task.add_done_callback(self._ended)
        either: list[asyncio.Future[Any]] = [task, begun]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if begun.done():
            await asyncio.wait({task}, timeout=PATIENCE)
            return begun.result().number
        unrecorded = "The answer was {}, but the journal records no page that is only looked at."
        raise EndError(str(task.exception() or unrecorded.format(task.result().status)), "path")

    def _ended(self, task: asyncio.Task[HttpAnswer]) -> None:
        self._waiting.discard(task)
        if not task.cancelled():
            task.exception()  # the journal says why there was no answer

    async def _send_to_itself(
        self, method: str, path: str, headers: dict[str, str], body: bytes, begin: Callable[[Exchange], None]
    ) -> HttpAnswer:
        with repeating(begin) as marked:
            return await self._to_itself.send(method, f"{self._own_url}{path}", headers | marked, body, ALLOWED)

    async def _origin(self, exchange: Exchange) -> str:
        """Return the origin of the other end; raises EndError for an exchange that was sent to anybody else."""
        sent, other = URL(exchange.url, encoded=True), URL(await self._other())
        both_here = is_loopback_name(sent.host or "") and is_loopback_name(other.host or "")
        same_host = sent.host == other.host or both_here
        if (sent.scheme, sent.port, same_host) != (other.scheme, other.port, True):
            raise EndError(f"It was sent to {sent.origin()}, and the other end is {other.origin()}.")
        return str(other.origin())

    def _request(self, exchange: Exchange, edited: EditedRequest | None) -> tuple[str, str, dict[str, str], bytes]:
        """Return method, path, headers and body; raises EndError with the key of what is wrong."""
        original, path = list(exchange.request_headers.items()), target_of(exchange.url)
        if edited is None:
            check_path(path)
            return exchange.method, path, joined(original), exchange.request_body
        check_edited(edited)
        try:
            path = restore(self._secrets, path, edited.path)
        except RestoreError as error:
            raise EndError(str(error), "path") from None
        check_path(path)
        headers = _restored_headers(self._secrets, original, edited.headers)
        return edited.method, path, joined(headers), self._body(exchange, edited.body)

    def _body(self, exchange: Exchange, edited: str) -> bytes:
        try:
            text = exchange.request_body.decode()
        except UnicodeDecodeError:
            return _unreadable(exchange, edited)
        if exchange.asks_secret and edited == MASK:
            return exchange.request_body
        if "\r\n" in text:  # a form posts every line end alike
            edited = edited.replace("\r\n", "\n").replace("\n", "\r\n")
        if exchange.asks_secret and MASK in edited:
            raise EndError(f"the whole body is secret; leave {MASK}, or type all of it", "body")
        try:
            return restore(self._secrets, text, edited).encode()
        except RestoreError as error:
            raise EndError(str(error), "body") from None


def target_of(url: str) -> str:
    """Return path and query of the URL of an exchange."""
    if url.startswith("/"):
        return url
    return f"/{''.join(url.split('/', 3)[3:])}"


def check_edited(edited: EditedRequest) -> None:
    """Raise EndError for a method or a header that no request may have."""
    if not _METHOD.fullmatch(edited.method) or edited.method == "CONNECT":
        raise EndError(f"{quoted(edited.method)} is not a method; expected GET, POST or the like", "method")
    if len(edited.headers) > MOST_HEADERS:
        raise EndError(f"{len(edited.headers)} headers; expected at most {MOST_HEADERS}", "headers")
    for name, value in edited.headers:
        if not _NAME.fullmatch(name):
            raise EndError(f"{quoted(name)} is not the name of a header", "headers")
        if CONTROL.search(value) or len(value) > LONGEST_PATH:
            raise EndError(f"the value of {name} has control characters, or is too long", "headers")


def check_path(path: str) -> None:
    """Raise EndError for what is no path of a product: another address, the control plane, the cockpit."""
    if not _PATH.fullmatch(path) or path.startswith("//") or _QUERY.search(path):
        expected = "a path that begins with one slash, without spaces, backslashes and #; percent-encode others"
        raise EndError(f"{quoted(path)} is not a path; expected {expected}", "path")
    if len(path) > LONGEST_PATH:
        raise EndError(f"{len(path):,} characters; expected at most {LONGEST_PATH:,}", "path")
    plain = path.partition("?")[0]
    for _ in range(_MOST_LAYERS):
        if _RESERVED_SEGMENT.search(plain):
            raise EndError("a part of it begins with __, as those of the control plane and the cockpit do", "path")
        decoded = unquote(plain)
        if decoded == plain:
            return
        plain = decoded
    raise EndError("it is percent-encoded too many times", "path")


def joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the headers that are sent, those of one name as one."""
    connection = ",".join(value for name, value in headers if name.lower() == "connection")
    nominated = {each.strip().lower() for each in connection.split(",")}
    found: dict[str, tuple[str, list[str]]] = {}
    for name, value in headers:
        if name.lower() not in SET_ANEW | nominated:
            found.setdefault(name.lower(), (name, []))[1].append(value)
    return {name: ("; " if low == "cookie" else ", ").join(values) for low, (name, values) in found.items()}


def _restored_headers(
    secrets: Secrets, original: Sequence[tuple[str, str]], edited: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    try:
        return [(name, restore_header(secrets, original, name, value)) for name, value in edited]
    except RestoreError as error:
        raise EndError(str(error), "headers") from None


def _unreadable(exchange: Exchange, edited: str) -> bytes:
    """Return a body that is no text: it is shown as a remark, which nobody has to edit."""
    if edited == request_text(exchange):
        return exchange.request_body
    raise EndError("the body is not text, so it can only be sent as it was", "body")


def _unrecorded(clock: Clock, trusted: Trust) -> HttpCaller:
    """Return a caller whose own journal nobody reads: the server that answers records the exchange."""
    unread = Journal(clock, Secrets(), lambda _exchange: (), kept_exchanges=1)
    return HttpCaller(clock, unread, f"privman-cockpit/{installed_version()}", trusted=trusted, largest=LARGEST_ANSWER)


def _unverified() -> ssl.SSLContext:
    """Return TLS settings for a connection to this very process, whose certificate need not name its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
