"""An end that is asked for from outside."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the work as Ctrl-C does: what it made elsewhere is deleted, what has run is reported.

    The KeyboardInterrupt says so then: whoever reads the exit code of an interrupted run may have pressed nothing.
    """
    terminated: list[int] = []

    def end(number: int, _frame: object) -> None:
        terminated.append(number)
        signal.raise_signal(signal.SIGINT)

    # A shell lets what it starts in the background ignore Ctrl-C, and then nothing would handle it.
    ctrl_c = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(*["by SIGTERM"] * bool(terminated)) from None
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, ctrl_c)
