"""What Linux, macOS and Windows do differently; the tests allow the names that one of them lacks in no other module."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

CAN_FORK = hasattr(os, "fork")
"""Windows starts every process anew."""
TERMINATION_SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""The signals of process managers, of a terminal that is closed and, on Windows, of Ctrl-Break."""
_STOP_SIGNALS = (signal.SIGINT, *(each for each in TERMINATION_SIGNALS if each.name != "SIGHUP"))
_HELD_BACK = (signal.SIGINT, *TERMINATION_SIGNALS)
_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 512 * 1024  # glibc's M_MMAP_THRESHOLD; asyncio reads into 256 KiB


def on_stop(stop: Callable[[], object]) -> None:
    """Call the function on Ctrl-C, SIGTERM and Ctrl-Break from now on, between any two instructions of the main thread.

    A loop of asyncio has no `add_signal_handler` on Windows.
    """
    for each in _STOP_SIGNALS:
        signal.signal(each, lambda *_signal: stop())


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Block Ctrl-C and `TERMINATION_SIGNALS` in this thread and in processes that it starts; no effect on Windows."""
    _mask("SIG_BLOCK", _HELD_BACK)
    try:
        yield
    finally:
        let_through(*_HELD_BACK)


def let_through(*signals: signal.Signals) -> None:
    """Let this thread get signals that were held back when its process was started."""
    _mask("SIG_UNBLOCK", signals)


def _mask(how: str, signals: Iterable[signal.Signals]) -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(getattr(signal, how), signals)


def process_start() -> str:
    """Return multiprocessing's best method to start a process now.

    A forked process does not load both products again, which takes most of a second, but is safe only on Linux and
    without other threads.
    """
    if sys.platform == "linux" and CAN_FORK and threading.active_count() == 1:
        return "fork"
    if CAN_FORK:
        from multiprocessing import resource_tracker  # noqa: PLC0415 - Windows has none

        # It would be started with the first process, and let Ctrl-C through again.
        resource_tracker.ensure_running()
    return "spawn"


def wait_for_content(pipe: int) -> None:
    """Let reads from a pipe that was opened without waiting wait for its writer; Windows opens none like that."""
    with suppress(AttributeError):  # before Python 3.12
        getattr(os, "set_blocking")(pipe, True)  # noqa: B009, FBT003 - mypy for Windows knows none


def give_memory_back() -> None:
    """Let glibc return large free blocks to the system; by default it keeps hundreds of MiB."""
    import ctypes  # noqa: PLC0415 - the plugin of pytest loads this module

    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK)
