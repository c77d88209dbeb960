"""The commands in processes that are forked from one which has loaded them: loading takes longer than most of them run.

It has also drawn the first state of an instance. Run as a script, this is the process that forks. A command that it
forks reads nothing from its standard input, and none of the variables that Python reads when it starts, such as
PYTHONPATH: tests of those start the installed command.
"""

import asyncio
import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

_ENTRIES = {name: name.replace("-", "_") for name in ("mock-servicenow", "console-sim", "privman-scenarios")}
_LOADED = ("mock_servicenow.cli", "console_sim.cli", "privman_scenarios.commands.cli", "privman_scenarios.commands.run")
_LONGEST = 128 * 1024  # bytes of arguments and environment
_AT_ONCE = 64 * 1024
SECONDS = 120
"""How long a command may take to end, or to write a line."""


class Process:
    """A command that runs, as `asyncio.subprocess.Process` shows it.

    Attributes:
        pid: its number.
        stdout: what it writes.
        stderr: what it complains about.
        returncode: None while it runs, minus the number of the signal that ended it, or its exit code.
    """

    def __init__(self, pid: int, out: asyncio.StreamReader, err: asyncio.StreamReader, end: asyncio.Task[int]) -> None:
        self.pid = pid
        self.stdout = out
        self.stderr = err
        self._end = end
        self._heard = bytearray()

    @property
    def returncode(self) -> int | None:
        """What it ended with."""
        return self._end.result() if self._end.done() else None

    async def wait(self) -> int:
        """Wait until it has ended and return what with."""
        return await asyncio.shield(self._end)

    async def line(self) -> str:
        """Return the next line that it writes, such as the banner of a server."""
        async with self._deadline(SECONDS):
            self._heard += await self.stdout.readline()
        return self._heard.splitlines()[-1].decode() if self._heard else ""

    async def communicate(self, seconds: float = SECONDS) -> tuple[bytes, bytes]:
        """Wait until it has ended and return what it wrote to both streams, as far as that has not been read.

        Raises AssertionError, with what it wrote so far, for one that has not ended by then; it is killed.
        """
        out, err = bytearray(), bytearray()
        async with self._deadline(seconds, out, err):
            await asyncio.gather(_collect(self.stdout, out), _collect(self.stderr, err))
            await self.wait()
        return bytes(out), bytes(err)

    @asynccontextmanager
    async def _deadline(self, seconds: float, *written: bytearray) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            self.kill()
            await self.wait()
            so_far = b"\n".join([bytes(self._heard), *written]).decode(errors="replace")
            raise AssertionError(f"the command did not end within {seconds:g} s and was killed:\n{so_far}") from None

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


async def start(
    program: str, *arguments: str, environment: Mapping[str, str] | None = None, in_one: bool = False
) -> Process:
    """Start a command.

    Args:
        program: its name.
        arguments: what follows.
        environment: what its environment has besides this process's.
        in_one: write its complaints to the standard output, too.
    """
    out, out_end = _pipe()
    err, err_end = _pipe()
    report, report_end = _pipe()
    message = json.dumps([program, arguments, {**os.environ, **(environment or {})}, str(Path.cwd())])
    socket.send_fds(_loaded(), [message.encode()], [out_end, out_end if in_one else err_end, report_end])
    for descriptor in (out_end, err_end, report_end):
        os.close(descriptor)
    pid = int(await report.readline())
    return Process(pid, out, err, asyncio.create_task(_ended(report)))


async def run(program: str, *arguments: str, environment: Mapping[str, str]) -> tuple[int | None, str, str]:
    """Run a command to its end and return its exit code, output and complaints."""
    process = await start(program, *arguments, environment=environment)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def _collect(stream: asyncio.StreamReader, into: bytearray) -> None:
    while data := await stream.read(_AT_ONCE):
        into += data


async def _ended(report: asyncio.StreamReader) -> int:
    return os.waitstatus_to_exitcode(int(await report.readline()))


def _pipe() -> tuple[asyncio.StreamReader, int]:
    """Return the reader of a pipe, and the number of its other end; it needs no closing, unlike asyncio's own."""
    reading, writing = os.pipe()
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()

    def receive() -> None:
        if data := os.read(reading, _AT_ONCE):
            reader.feed_data(data)
            return
        loop.remove_reader(reading)
        os.close(reading)
        reader.feed_eof()

    loop.add_reader(reading, receive)
    return reader, writing


_loading: list[tuple[socket.socket, "subprocess.Popen[bytes]"]] = []
"""The process that forks, and the connection to it, with which it ends."""


def _loaded() -> socket.socket:
    if not _loading:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _LONGEST)
        with theirs:
            process = subprocess.Popen([sys.executable, "-P", __file__], stdin=theirs.fileno())  # noqa: S603 - this module
        _loading.append((ours, process))
        atexit.register(_end)
    return _loading[0][0]


def _end() -> None:
    ours, process = _loading.pop()
    ours.close()
    process.wait()  # it may have coverage to save


def _fork_for_ever(orders: socket.socket) -> str:
    """Fork a command for each order; returns the name of its package in the new process."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, _LONGEST, 3)
        if not message:
            sys.exit()
        if os.fork() == 0:
            orders.close()
            break
        for descriptor in descriptors:
            os.close(descriptor)
        _bury()
    out, err, report = descriptors
    _report_end_of_child(out, err, report)
    program, arguments, environment, folder = json.loads(message)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = [program, *arguments]
    return _ENTRIES[program]


def _leave(code: str | int | None) -> NoReturn:
    """End the process as Python does, but do not take apart what is loaded: that takes longer than most commands."""
    if isinstance(code, int):
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - nothing public waits for threads of others
        gc.collect()  # what is still open complains
        atexit._run_exitfuncs()  # noqa: SLF001 - nothing public runs them
        with suppress(OSError):
            sys.stdout.flush()
            os._exit(code)
    sys.exit(code)


def _report_end_of_child(out: int, err: int, report: int) -> None:
    """Return in a child; write its number and later its wait status to the report."""
    pid = os.fork()
    if pid == 0:
        return
    os.close(out)
    os.close(err)
    os.write(report, b"%d\n" % pid)
    os.write(report, b"%d\n" % os.waitpid(pid, 0)[1])
    os.kill(os.getpid(), signal.SIGKILL)  # at the end of Python a process tidies up what others use


def _draw_first_state() -> None:
    """Draw what every instance of these tests begins with, unless files change it."""
    app, settings = import_module("mock_servicenow.app"), import_module("mock_servicenow.settings")
    clock, ids = import_module("privman_core.virtual_clock"), import_module("privman_core.ids")
    drawing = app.create_app(settings.Settings(), clock=clock.VirtualClock(), ids=ids.Ids())
    asyncio.run(drawing[app.INSTANCE].aclose())


def _save_what_loading_covered() -> None:
    """Save it once, if it is measured: otherwise every command would save it with its own."""
    coverage = sys.modules.get("coverage")
    measured = coverage and coverage.Coverage.current()
    if measured:
        measured.save()


def _bury() -> None:
    """Forget children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    given = socket.socket(fileno=os.dup(0))
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for module in _LOADED:
        import_module(module)
    _draw_first_state()
    _save_what_loading_covered()
    gc.collect()
    gc.freeze()
    command = import_module(f"{_fork_for_ever(given)}.__main__")
    try:
        ended = command.main()
    except SystemExit as exiting:
        ended = exiting.code
    _leave(ended)
