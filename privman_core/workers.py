"""Several processes behind one port: the first accepts connections and hands each to the next worker."""

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar, cast

from aiohttp import web
from msgspec import Struct

from privman_core.clock import Clock, RealClock
from privman_core.command_line import Exit, UsageError, complain
from privman_core.ids import Ids
from privman_core.operating_system import TERMINATION_SIGNALS, give_memory_back
from privman_core.serving import (
    Protocol,
    UserErrors,
    handling,
    listen,
    origin_of,
    tell_served,
    until_stopped,
)
from privman_core.tls import Tls, tls_settings

assert sys.platform != "win32"  # noqa: S101 - for mypy: where processes do not fork, nothing imports this module
T = TypeVar("T")
SECONDS_TO_END, SECONDS_TO_END_BEFORE_READY = 10.0, 1.0
"""Time for workers to end by themselves before they are killed."""
_LEFT_TO_THE_FIRST = (signal.SIGINT, *TERMINATION_SIGNALS)
_READY, _REFUSED = b"+", b"-"
_LONGEST_REPORT = 64 * 1024
# Send buffer of a channel, in bytes: about ten untaken connections fill it, and a full worker is passed over.
_CHANNEL_BUFFER = 4 * 1024


def serve_with_workers(
    command: str,
    options: Namespace,
    create: Callable[[Clock, Ids], web.Application],
    banner_fact: Callable[[web.Application], str],
    user_errors: UserErrors,
) -> Coroutine[Any, Any, Exit]:
    """Fork ``options.workers`` processes; return a coroutine: supervising in the first process, serving in a worker.

    No event loop may run yet, and no other thread. The arguments are those of `serve_command`; ``user_errors`` are the
    exceptions of ``create`` that mean a mistake of the user. Raises UsageError for a certificate that cannot be used.
    """
    tls = tls_settings(options)
    give_memory_back()
    gc.freeze()  # what the processes have in common stays in common
    pairs = [socket.socketpair() for _ in range(options.workers)]
    workers: list[_Worker] = []
    for number, (ours, theirs) in enumerate(pairs, 1):
        pid = os.fork()
        if not pid:
            for other in {end for pair in pairs for end in pair} - {theirs}:
                other.close()
            # A terminal sends these signals to all processes; the first one decides what they mean.
            for ending in _LEFT_TO_THE_FIRST:
                signal.signal(ending, signal.SIG_IGN)
            os.dup(theirs.fileno())  # keeps the channel open until the process is gone, not just the interpreter
            return _work(theirs, options, create, banner_fact, tls.context, user_errors)
        workers.append(_Worker(number, pid, ours))
    for ours, theirs in pairs:
        ours.setblocking(False)  # noqa: FBT003 - its own interface
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHANNEL_BUFFER)
        theirs.close()
    gc.enable()  # disabled since the start of the program
    return _supervise(command, options, workers, tls)


async def _work(  # noqa: PLR0913, PLR0917 - it has what the process was forked with
    channel: socket.socket,
    options: Namespace,
    create: Callable[[Clock, Ids], web.Application],
    banner_fact: Callable[[web.Application], str],
    tls: ssl.SSLContext | None,
    user_errors: UserErrors,
) -> Exit:
    """Serve the connections that come through the channel, until the first process closes it or ends."""
    clock = RealClock()
    try:
        app = create(clock, Ids())
        async with handling(app) as protocol:
            if options.port:  # else only the first process will know it
                await tell_served(app, origin_of(options.host, options.port, tls))
            _report(channel, _READY, banner_fact(app))
            await _serve(channel, protocol, tls)
    except (UsageError, *user_errors) as error:  # type: ignore[misc] # mypy does not unpack tuples here
        _report(channel, _REFUSED, str(error))
        return Exit.UNUSABLE
    await clock.aclose()
    gc.freeze()  # the process ends: searching all that it still holds for garbage would take a second or more
    return Exit.SUCCESS


def _report(channel: socket.socket, kind: bytes, text: str) -> None:
    with suppress(ConnectionError):  # nobody is left who would read it
        channel.sendall(kind + text.encode())


async def _serve(channel: socket.socket, protocol: Protocol, tls: ssl.SSLContext | None) -> None:
    loop, closed, connecting = asyncio.get_running_loop(), asyncio.Event(), set[asyncio.Task[Any]]()

    def connected(task: asyncio.Task[Any]) -> None:
        connecting.discard(task)
        _ = task.cancelled() or task.exception()  # marks it as retrieved: a client may fail to negotiate TLS

    def receive() -> None:
        data, descriptors = b"", list[int]()
        with suppress(ConnectionError):
            data, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        for each in descriptors:
            task = loop.create_task(loop.connect_accepted_socket(protocol, socket.socket(fileno=each), ssl=tls))
            connecting.add(task)
            task.add_done_callback(connected)
        if not data:
            closed.set()

    loop.add_reader(channel, receive)
    await closed.wait()
    loop.remove_reader(channel)


class _WorkerEndedError(Exception):
    """A worker has ended by itself."""

    def __init__(self, worker: "_Worker") -> None:
        super().__init__(worker)
        self.worker = worker


class _Worker(Struct, frozen=True):
    """A worker as the first process sees it.

    Attributes:
        number: counts from 1.
        channel: carries connections to the worker, and its report back; its end closes it.
    """

    number: int
    pid: int
    channel: socket.socket

    async def banner_fact(self) -> str:
        """Return the worker's fact for the banner once it can serve; raises UsageError and _WorkerEndedError."""
        report = await self._receive()
        if not report:
            raise _WorkerEndedError(self)
        if report.startswith(_REFUSED):
            raise UsageError(report[1:].decode())
        return report[1:].decode()

    async def watch(self) -> None:
        """Wait for the end of the worker; raises _WorkerEndedError."""
        await self._receive()
        raise _WorkerEndedError(self)

    def hand_over(self, connection: socket.socket) -> bool:
        """Hand over a connection; false if the channel is full or the worker has ended."""
        try:
            socket.send_fds(self.channel, [b"."], [connection.fileno()])
        except (BlockingIOError, ConnectionError):
            return False
        return True

    async def end(self) -> None:
        """Tell the worker to end, and wait until it has."""
        with suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)
        await self._receive()

    def bury(self) -> str:
        """Kill the worker if it still runs, and return how it ended."""
        os.kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.channel.close()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    async def _receive(self) -> bytes:
        """Return a report; empty if the worker has ended."""
        with suppress(ConnectionError):  # it has not taken all its connections
            return await asyncio.get_running_loop().sock_recv(self.channel, _LONGEST_REPORT)
        return b""


class _Accepted(asyncio.Protocol):
    """A connection that is put into a queue before anything is read from it."""

    def __init__(self, accepted: "asyncio.Queue[socket.socket]") -> None:
        self._accepted = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        with suppress(OSError):  # there are too many open files
            self._accepted.put_nowait(transport.get_extra_info("socket").dup())
        cast("asyncio.Transport", transport).abort()


async def _supervise(command: str, options: Namespace, workers: list[_Worker], tls: Tls) -> Exit:
    lost, seconds = None, SECONDS_TO_END_BEFORE_READY
    try:
        fact, *_ = await _together(*(worker.banner_fact() for worker in workers), until=asyncio.FIRST_EXCEPTION)
        seconds = SECONDS_TO_END
        await _accept_connections(f"{command} serves {{}} ({fact}, no control plane)", options, workers, tls)
    except _WorkerEndedError as error:
        lost = error.worker
    finally:
        ends = await _end(workers, seconds)
    if lost is None:
        return Exit.SUCCESS
    complain(
        command, f"worker {lost.number} (process {lost.pid}) {ends[lost.pid]}; the other workers have been stopped"
    )
    return Exit.FAILURE


async def _accept_connections(greeting: str, options: Namespace, workers: list[_Worker], tls: Tls) -> None:
    """Hand connections to the workers in turn until SIGINT or SIGTERM; raises UsageError and _WorkerEndedError."""
    accepted = asyncio.Queue[socket.socket]()
    listening = await listen(lambda: _Accepted(accepted), options.host, options.port)
    try:
        tls.publish()
        origin = origin_of(options.host, listening.sockets[0].getsockname()[1], tls.context)
        greeted = until_stopped(greeting.format(origin))
        watching = (worker.watch() for worker in workers)
        await _together(greeted, _take_turns(workers, accepted), *watching, until=asyncio.FIRST_COMPLETED)
    finally:
        listening.close()


async def _take_turns(workers: list[_Worker], accepted: "asyncio.Queue[socket.socket]") -> None:
    """Hand each connection to the next worker whose channel is not full, for ever."""
    turns = deque(workers)
    while True:
        with await accepted.get() as connection:
            while not any(worker.hand_over(connection) for worker in _from_the_next(turns)):
                await _until_any_is_writable(workers)


def _from_the_next(turns: deque[_Worker]) -> Iterator[_Worker]:
    """Yield the workers, the next one first; each goes to the end of the queue as it is yielded."""
    for _ in range(len(turns)):
        turns.rotate(-1)
        yield turns[-1]


async def _until_any_is_writable(workers: list[_Worker]) -> None:
    loop, writable = asyncio.get_running_loop(), asyncio.Event()
    for worker in workers:
        loop.add_writer(worker.channel, writable.set)
    try:
        await writable.wait()
    finally:
        for worker in workers:
            loop.remove_writer(worker.channel)


async def _together(*coroutines: Coroutine[Any, Any, T], until: str) -> list[T]:
    """Run coroutines at the same time and return the results of those that have ended; cancel the others."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        await asyncio.wait(tasks, return_when=until)
        return [task.result() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _end(workers: list[_Worker], seconds: float) -> dict[int, str]:
    """End the workers and return how each has ended, by process; a further interrupt kills them at once."""
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(worker.end() for worker in workers))
    finally:
        ends = {worker.pid: worker.bury() for worker in workers}
    return ends
