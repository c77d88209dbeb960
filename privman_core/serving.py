"""Serves an application, and runs the commands that do."""

import asyncio
import gc
import logging
import re
import ssl
from argparse import ArgumentParser, Namespace
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

from aiohttp import web, web_app
from aiohttp.http_exceptions import HttpProcessingError

from privman_core import argument_types, interrupts
from privman_core.bodies import IN_MEMORY
from privman_core.clock import Clock, RealClock
from privman_core.command_line import Exit, UsageError, complain, port, prepare_output, say
from privman_core.ids import Ids
from privman_core.inputs import reason_of
from privman_core.operating_system import give_memory_back, on_stop
from privman_core.reverse_proxies import add_proxies
from privman_core.streaming import Unsent
from privman_core.tls import add_tls, tls_settings
from privman_core.virtual_clock import VirtualClock

UserErrors = tuple[type[Exception], ...]
Protocol = Callable[[], asyncio.Protocol]
SERVED: web.AppKey[Callable[[str], Coroutine[Any, Any, None]]] = web.AppKey("served")
"""What an application does with the origin under which it is served, before anybody knows that it is."""
LOOPBACK = "127.0.0.1"
# Long enough for the application to refuse a long address itself.
LONGEST_LINE = 64 * 1024
# Time for requests in progress when the server ends, and again after they are cancelled.
GRACE_SECONDS = 0.2
MOST_HEADERS = 64
IDLE_SECONDS = 75
"""Time limit for the head of a request."""
UNREAD_SECONDS = 60.0
"""Time after which the connection of a client that reads nothing of its answer is closed."""
_LOOKS = 4  # checks within that time
_LEAST_READ = 4 * 1024
# Average line length, and how many bytes to read next if lines are that short: many small pieces take long to parse.
_READS = ((8, _LEAST_READ), (256, 16 * 1024))
_MOST_READ = 256 * 1024
_FEW_BYTES = 1024
"""Too few bytes to measure lines."""
_SECONDS_A_BYTE = 5e-6  # of tiny chunks: four times their parsing time
_BACKLOG = 128
_UNSENDABLE = re.compile(r"[\0-\x1f\x7f\ud800-\udfff]")
_NO_HTTP = (HttpProcessingError, web.RequestPayloadError)


def add_serving(parser: ArgumentParser, default_port: int) -> None:
    """Add the options address, https, proxies, clock, seed and control plane."""
    parser.add_argument(
        "--host", type=argument_types.host, default=LOOPBACK, help="address to listen on (default %(default)s)"
    )
    parser.add_argument(
        "--port", type=port, default=default_port, help="port to listen on; 0 takes a free one (default %(default)s)"
    )
    add_tls(parser)
    add_proxies(parser)
    parser.add_argument(
        "--clock", choices=["real", "virtual"], default="real", help="real or virtual time (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the identifiers (default: random)")
    parser.add_argument(
        "--no-admin", action="store_true", help="serve without the control plane /__admin, like a real system"
    )


def run_command(command: str, work: Callable[[], Coroutine[Any, Any, int]], user_errors: UserErrors) -> int:
    """Run a command to its end and return its exit code; errors of the user's making are one line, never a traceback.

    Args:
        command: its name, for messages.
        work: reads the arguments and returns what to run.
        user_errors: exceptions that mean unusable arguments or files.
    """
    prepare_output()
    try:
        with interrupts.terminable(command):
            return interrupts.run(work())
    except (UsageError, *user_errors) as error:  # type: ignore[misc] # mypy does not unpack tuples here
        complain(command, str(error))
        return Exit.UNUSABLE
    except KeyboardInterrupt as end:
        complain(command, " ".join(["interrupted", *end.args]))
        return Exit.INTERRUPTED


async def serve_command(
    command: str,
    options: Namespace,
    create: Callable[[Clock, Ids], web.Application],
    banner_fact: Callable[[web.Application], str],
) -> Exit:
    """Serve an application until SIGINT or SIGTERM, as the options of `add_serving` say.

    Args:
        command: its name, for the banner.
        options: see `add_serving`.
        create: makes the application.
        banner_fact: a fact about it for the banner.

    Raises:
        UsageError: the address or the certificate cannot be used.
    """
    tls = tls_settings(options)
    give_memory_back()
    clock: Clock = VirtualClock() if options.clock == "virtual" else RealClock()
    app = create(clock, Ids(options.seed))
    async with serving(app, options.host, options.port, tls.context) as origin:
        tls.publish()
        control_plane = f"control plane {origin}/__admin, cockpit {origin}/__cockpit"
        facts = f"{banner_fact(app)}, {'no control plane' if options.no_admin else control_plane}"
        await until_stopped(f"{command} serves {origin} ({facts})")
    await clock.aclose()
    gc.freeze()  # the process ends: searching all that it still holds for garbage would take a second or more
    return Exit.SUCCESS


@asynccontextmanager
async def serving(
    app: web.Application,
    host: str = LOOPBACK,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    *,
    unread_seconds: float = UNREAD_SECONDS,
) -> AsyncIterator[str]:
    """Serve until the body ends; yields the origin, such as ``http://127.0.0.1:8080``; port 0 takes a free one.

    Requests still in progress then are cancelled after `GRACE_SECONDS`. A client that reads nothing of an answer for
    ``unread_seconds`` loses its connection. Raises UsageError if the address cannot be listened on.
    """
    async with handling(app, unread_seconds) as protocol:
        listening = await listen(protocol, host, port, tls)
        try:
            origin = origin_of(host, listening.sockets[0].getsockname()[1], tls)
            await tell_served(app, origin)
            yield origin
        finally:
            listening.close()


@asynccontextmanager
async def handling(app: web.Application, unread_seconds: float = UNREAD_SECONDS) -> AsyncIterator[Protocol]:
    """Start an application, yield what makes the protocol of a connection to it, and end it as `serving` does."""
    # The handler of a client that has gone is cancelled, so that the clock does not wait for it.
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_log(app.logger),
        handler_cancellation=True,
        shutdown_timeout=GRACE_SECONDS,
        max_line_size=LONGEST_LINE,
        max_headers=MOST_HEADERS,
        keepalive_timeout=IDLE_SECONDS,
        auto_decompress=False,
        read_bufsize=IN_MEMORY,
    )
    app.on_response_prepare.append(before_sending)
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - set up
    dropping = asyncio.create_task(_drop_unread(runner.server, unread_seconds / _LOOKS))
    try:
        yield partial(_Paced, runner.server)
    finally:
        dropping.cancel()
        await runner.cleanup()
        _forget_handlers()


def _forget_handlers() -> None:
    """Let go of applications that have ended: aiohttp remembers the last thousand handlers, with all that they hold."""
    with suppress(AttributeError):  # it is aiohttp's own affair how
        web_app._cached_build_middleware.cache_clear()  # noqa: SLF001 - nothing public clears it


async def _drop_unread(server: web.Server, seconds: float) -> None:
    """Abort each connection whose unsent bytes are the same in `_LOOKS` checks in a row."""
    unread: dict[object, tuple[int, int]] = {}
    while True:
        await asyncio.sleep(seconds)
        open_ones = [(each, each.transport) for each in server.connections if each.transport is not None]
        before, unread = unread, {}
        for each, transport in open_ones:
            left = transport.get_write_buffer_size()
            size, looks = before.get(each, (0, 0))
            unread[each] = left, looks + 1 if left and left == size else 0
            if unread[each][1] == _LOOKS:
                transport.abort()


async def before_sending(request: web.Request, answer: web.StreamResponse) -> None:
    """Make an answer sendable: blank what no header holds, close after an unread body, slice a long answer.

    Little of a long body is in memory while the client reads it.
    """
    if not all(map(str.isprintable, answer.headers.values())):  # they quote records, addresses and forms
        sendable = [(name, _UNSENDABLE.sub(" ", value)) for name, value in answer.headers.items()]
        answer.headers.clear()
        answer.headers.extend(sendable)
    if not request.content.is_eof() or request.content.exception() is not None:
        answer.force_close()
        answer.headers["Connection"] = "close"  # the headers exist already
    if not isinstance(answer, web.Response) or not isinstance(answer.body, bytes) or len(answer.body) <= IN_MEMORY:
        return
    if answer.chunked or not answer.compression:  # else its compressed length is in the headers
        answer.body = Unsent(answer.body).slices(request.transport)


def _log(parent: logging.Logger) -> logging.Logger:
    """Return the web server's log below another, without malformed requests, which are only the client's problem."""
    log = logging.Logger(f"{parent.name}.server")  # noqa: LOG001 - of this server, so that no shared logger is changed
    log.parent = parent
    log.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], _NO_HTTP)))
    return log


async def until_stopped(greeting: str) -> None:
    """Print the greeting, and wait for Ctrl-C, SIGTERM or Ctrl-Break; all are handled before it is printed."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(stopped.set)

    on_stop(stop)
    say(greeting)
    await stopped.wait()


async def listen(protocol: Protocol, host: str, port: int, tls: ssl.SSLContext | None = None) -> asyncio.Server:
    """Listen on an address; raises UsageError."""
    try:
        return await asyncio.get_running_loop().create_server(protocol, host, port, ssl=tls, backlog=_BACKLOG)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {reason_of(error)}") from None
    except OverflowError:
        raise UsageError(f"cannot listen on {host}:{port}: expected a port from 0 to 65535") from None


async def tell_served(app: web.Application, origin: str) -> None:
    """Tell an application that wants to know under which origin it is served."""
    if SERVED in app:
        await app[SERVED](origin)


def origin_of(host: str, port: int, tls: ssl.SSLContext | None) -> str:
    """Return the origin of a server, such as ``http://127.0.0.1:8080``."""
    scheme = "http" if tls is None else "https"
    named = f"[{host}]" if ":" in host else host
    return f"{scheme}://{named}:{port}"


def _next_read(data: bytes) -> int:
    """Return how many bytes to read next; `_LEAST_READ` after tiny chunks."""
    if len(data) <= _FEW_BYTES:
        return _MOST_READ
    lines = data.count(b"\r\n")
    return next((size for length, size in _READS if lines * length > len(data)), _MOST_READ)


class _Paced(asyncio.Protocol):
    """A connection that reads little at a time, so that others are served in between.

    A body in chunks of a few bytes takes long to parse. Such data waits, in turn with that of other connections, so
    that all of them together get a quarter of the time.
    """

    _next = 0.0  # when the next of them may continue
    _turn: asyncio.TimerHandle

    def __init__(self, server: web.Server) -> None:
        self._http = server()
        self._loop = asyncio.get_running_loop()
        self._held: deque[bytes] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.max_size = _LEAST_READ  # type: ignore[attr-defined]
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        size = _next_read(data)
        self._transport.max_size = size  # type: ignore[attr-defined]
        if size > _LEAST_READ and not self._held:
            self._http.data_received(data)
            return
        waits = bool(self._held)
        self._held.extend(data[start : start + _LEAST_READ] for start in range(0, len(data), _LEAST_READ))
        self._transport.pause_reading()
        self._turn = self._turn if waits else self._next_turn()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._held:
            self._held.clear()
            self._turn.cancel()
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()

    def _next_turn(self) -> asyncio.TimerHandle:
        _Paced._next = max(_Paced._next, self._loop.time()) + len(self._held[0]) * _SECONDS_A_BYTE
        return self._loop.call_at(_Paced._next, self._go_on)

    def _go_on(self) -> None:
        self._transport.resume_reading()  # first: the parser may pause it again
        self._http.data_received(self._held.popleft())
        if self._held:
            self._transport.pause_reading()
            self._turn = self._next_turn()
