"""Replays requests of a party's journal, as they were or edited, to one of the two parties and to no other address."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from yarl import URL

from privman_core.clock import Clock
from privman_core.cockpit.addresses import target_of
from privman_core.cockpit.exchange_facts import EditedRequest
from privman_core.cockpit.restored_secrets import RestoreError, restore, restore_headers
from privman_core.cockpit.shown_party import PartyError
from privman_core.command_line import installed_version
from privman_core.errands import ERRAND
from privman_core.exchange import Exchange
from privman_core.exchange_marks import MARK
from privman_core.inputs import CONTROL, Trust, quoted
from privman_core.instruments import Instruments
from privman_core.journal import Journal, request_text
from privman_core.masking import MASK, Secrets
from privman_core.outbound import LARGEST_ANSWER, HttpAnswer, HttpCaller
from privman_core.own_machine import listening_url
from privman_core.own_replays import REPLAY, replaying

PATIENCE = 3.0
"""Real seconds that a page waits for an answer, which may come later."""
ALLOWED = 60.0
"""Seconds on the clock that an answer may take."""
LONGEST_PATH, MOST_HEADERS = 8_000, 100
_METHOD, _NAME = re.compile(r"[A-Z]{1,20}"), re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_PATH, _QUERY = re.compile(r"/(?:[!-~]*)"), re.compile(r"[\\#]")
_RESERVED_SEGMENT = re.compile(r"(?:^|[/\\?#;])[\s.]*__")
_MOST_LAYERS = 8
_SENDER = re.compile(r"user-agent|from|cookie|origin|referer|sec-.*|x-admin-token|x-requested-with")
"""Headers of browsers, and of whoever may use a control plane."""
_OVERRIDE = "x-http-method-override"
SET_ANEW = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te"),
        *("trailer", "upgrade", "expect", "proxy-authorization", "proxy-authenticate", "content-encoding"),
        *(REPLAY, ERRAND, MARK),
    }
)
"""Headers that are not replayed: those of one connection, those that are set anew, and the encoding of the body."""


class Replayer:
    """Sends the requests of a party again.

    A request that was received goes to this party itself, one that was sent goes to the other party. Nothing in a
    request, edited or not, changes these two addresses.

    Args:
        instruments: of this party.
        other: returns the address of the other party once it has said that it is one; raises PartyError.
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
        """Learn from a request's connection where this party listens; its headers do not count."""
        if self._own_url or (url := listening_url(request)) is None:
            return
        self._own_url = str(url)
        if url.scheme == "https":
            self._to_itself = _unrecorded(self._clock, _unverified())

    def reason(self, exchange: Exchange) -> str:
        """Return why an exchange cannot be replayed; empty if it can."""
        if exchange.request_size > len(exchange.request_body):
            kept = f"the first {len(exchange.request_body):,} of {exchange.request_size:,} bytes"
            return f"The journal has only {kept} of its body, so it cannot be replayed."
        if exchange.direction == "in" and not exchange.request_headers:
            return "The journal has a form of a page without its fields, so it cannot be replayed."
        return ""

    async def send(self, exchange: Exchange, edited: EditedRequest | None) -> int:
        """Replay an exchange, return the number of the new one; raises PartyError."""
        if reason := self.reason(exchange):
            raise PartyError(reason)
        method, path, headers, body = self._request(exchange, edited)
        is_edited = edited is not None and _comparable(edited) != _comparable(self._shown(exchange))
        begun: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()

        def begin(new: Exchange) -> None:
            new.replays, new.edited, new.asks_secret = exchange.number, is_edited, exchange.asks_secret
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
        """Return the number of the new exchange, once it has been answered or `PATIENCE` is over."""
        self._waiting.add(task)
        task.add_done_callback(self._ended)
        either: list[asyncio.Future[Any]] = [task, begun]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if begun.done():
            await asyncio.wait({task}, timeout=PATIENCE)
            return begun.result().number
        unrecorded = "The answer was {}, but the journal records no page that is only looked at."
        raise PartyError(str(task.exception() or unrecorded.format(task.result().status)), "path")

    def _ended(self, task: asyncio.Task[HttpAnswer]) -> None:
        self._waiting.discard(task)
        if not task.cancelled():
            task.exception()  # the journal says why there was no answer

    async def _send_to_itself(
        self, method: str, path: str, headers: dict[str, str], body: bytes, begin: Callable[[Exchange], None]
    ) -> HttpAnswer:
        with replaying(begin) as marked:
            return await self._to_itself.send(method, f"{self._own_url}{path}", headers | marked, body, ALLOWED)

    async def _origin(self, exchange: Exchange) -> str:
        """Return the recorded origin; raises PartyError unless it is exactly that of the other party.

        Another name of this machine may lead to another program, and an address may come from another machine.
        """
        sent, other = (str(URL(url, encoded=True).origin()) for url in (exchange.url, await self._other()))
        if sent != other:
            raise PartyError(
                f"It was sent to {sent}, and the other party is {other}. Only the same address is used again."
            )
        return sent

    def _shown(self, exchange: Exchange) -> EditedRequest:
        """Return the request as the form shows it, masked.

        What is typed is compared with this alone: a comparison with a secret would tell who has guessed it.
        """
        mask = self._secrets.mask
        headers = self._secrets.mask_headers(exchange.request_headers.items())
        path, body = mask(target_of(exchange.url)), mask(request_text(exchange))
        return EditedRequest(exchange.method, path, headers, body)

    def _request(self, exchange: Exchange, edited: EditedRequest | None) -> tuple[str, str, dict[str, str], bytes]:
        """Return method, path, headers and body; raises PartyError with the key of the field that is wrong."""
        original, path = list(exchange.request_headers.items()), target_of(exchange.url)
        if edited is None:
            check_path(path)
            return exchange.method, path, joined(original), exchange.request_body
        check_edited(edited)
        shown = self._shown(exchange)
        if exchange.direction == "out":
            _check_sender(shown, edited)
        moved = _has_moved(shown, edited)
        path = self._path(path, edited.path, moved=moved)
        check_path(path)
        headers = self._headers(original, edited.headers, moved=moved)
        return edited.method, path, joined(headers), self._body(exchange, edited.body, moved=moved)

    def _path(self, original: str, edited: str, *, moved: bool) -> str:
        path, _, query = original.partition("?")
        edited_path, mark, edited_query = edited.partition("?")
        try:
            plain = restore(self._secrets, path, edited_path, moved=moved)
            return f"{plain}{mark}{restore(self._secrets, query, edited_query, form=True, moved=moved)}"
        except RestoreError as error:
            raise PartyError(str(error), "path") from None

    def _headers(
        self, original: Sequence[tuple[str, str]], edited: Sequence[tuple[str, str]], *, moved: bool
    ) -> list[tuple[str, str]]:
        try:
            return restore_headers(self._secrets, original, edited, moved=moved)
        except RestoreError as error:
            raise PartyError(str(error), "headers") from None

    def _body(self, exchange: Exchange, edited: str, *, moved: bool) -> bytes:
        try:
            text = exchange.request_body.decode()
        except UnicodeDecodeError:
            return _unreadable(exchange, edited, moved=moved)
        if exchange.asks_secret and edited == MASK and not moved:
            return exchange.request_body
        if "\r\n" in text:  # a form posts every line end as CRLF
            edited = edited.replace("\r\n", "\n").replace("\n", "\r\n")
        if exchange.asks_secret and MASK in edited:
            raise PartyError(f"the whole body is secret; leave {MASK} and the path, or type all of it", "body")
        is_form = "x-www-form-urlencoded" in exchange.request_headers.get("Content-Type", "").lower()
        try:
            return restore(self._secrets, text, edited, form=is_form, moved=moved).encode()
        except RestoreError as error:
            raise PartyError(str(error), "body") from None


def _has_moved(shown: EditedRequest, edited: EditedRequest) -> bool:
    """Return whether an edited request has another method or path, so that its secrets would get elsewhere."""
    before, after = ((each.method, each.path.partition("?")[0], _overrides(each.headers)) for each in (shown, edited))
    return before != after


def _comparable(request: EditedRequest) -> tuple[str, str, dict[str, str], str]:
    """Return a request without what the sender sets anew; a form posts every line end alike."""
    return request.method, request.path, joined(request.headers), request.body.replace("\r\n", "\n")


def _check_sender(shown: EditedRequest, edited: EditedRequest) -> None:
    """Raise PartyError for headers with which a product's request would pass for one of a person on this machine."""
    before = {(name.lower(), value) for name, value in shown.headers}
    for name, value in edited.headers:
        if _SENDER.fullmatch(name.lower()) and (name.lower(), value) not in before:
            sender = "says who sends a request; this one is sent by the product itself"
            raise PartyError(f"{name} {sender}, so it cannot be edited; leave it out", "headers")


def _overrides(headers: Iterable[tuple[str, str]]) -> list[str]:
    """Return the methods that headers put in place of the request's own."""
    return [value for name, value in headers if name.lower() == _OVERRIDE]


def check_edited(edited: EditedRequest) -> None:
    """Raise PartyError for an invalid method or header."""
    if not _METHOD.fullmatch(edited.method) or edited.method == "CONNECT":
        raise PartyError(f"{quoted(edited.method)} is not a method; expected GET, POST or the like", "method")
    if len(edited.headers) > MOST_HEADERS:
        raise PartyError(f"{len(edited.headers)} headers; expected at most {MOST_HEADERS}", "headers")
    for name, value in edited.headers:
        if not _NAME.fullmatch(name):
            raise PartyError(f"{quoted(name)} is not the name of a header", "headers")
        if CONTROL.search(value) or len(value) > LONGEST_PATH:
            raise PartyError(f"the value of {name} has control characters, or is too long", "headers")


def check_path(path: str) -> None:
    """Raise PartyError unless it is a path of the product: for a URL, the control plane or the cockpit."""
    if not _PATH.fullmatch(path) or path.startswith("//") or _QUERY.search(path):
        expected = "a path that begins with one slash, without spaces, backslashes and #; percent-encode others"
        raise PartyError(f"{quoted(path)} is not a path; expected {expected}", "path")
    if len(path) > LONGEST_PATH:
        raise PartyError(f"{len(path):,} characters; expected at most {LONGEST_PATH:,}", "path")
    plain = path.partition("?")[0]
    for _ in range(_MOST_LAYERS):
        if _RESERVED_SEGMENT.search(plain):
            raise PartyError("a part of it begins with __, as those of the control plane and the cockpit do", "path")
        decoded = unquote(plain)
        if decoded == plain:
            return
        plain = decoded
    raise PartyError("it is percent-encoded too many times", "path")


def joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the headers to send; several of one name are one."""
    connection = ",".join(value for name, value in headers if name.lower() == "connection")
    nominated = {each.strip().lower() for each in connection.split(",")}
    found: dict[str, tuple[str, list[str]]] = {}
    for name, value in headers:
        if name.lower() not in SET_ANEW | nominated:
            found.setdefault(name.lower(), (name, []))[1].append(value)
    return {name: ("; " if low == "cookie" else ", ").join(values) for low, (name, values) in found.items()}


def _unreadable(exchange: Exchange, edited: str, *, moved: bool) -> bytes:
    """Return the body if it is not text; the form shows a remark in its place, which is not edited."""
    if edited == request_text(exchange) and not moved:
        return exchange.request_body
    raise PartyError("the body is not text, so it can only be sent as it was, with the same method and path", "body")


def _unrecorded(clock: Clock, trusted: Trust) -> HttpCaller:
    """Return a caller that records in a journal of its own, since the server that answers records the exchange."""
    unread = Journal(clock, Secrets(), lambda _exchange: (), kept_exchanges=1)
    return HttpCaller(clock, unread, f"privman-cockpit/{installed_version()}", trusted=trusted, largest=LARGEST_ANSWER)


def _unverified() -> ssl.SSLContext:
    """Return TLS settings for a connection to this process, whose certificate need not name the address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
