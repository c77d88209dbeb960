"""Interrupts before a command is loaded and after it has ended; imports as little as possible."""

import os
import signal
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130
"""Exit code of an interrupted command, as in shells."""


def end_at_once(command: str) -> None:
    """Let an interrupt end the process with one line: nothing needs cleaning up yet."""

    def end(_number: int, _frame: FrameType | None) -> None:
        with suppress(OSError):  # standard error may be closed
            os.write(2, f"{command}: interrupted\n".encode())
        os._exit(INTERRUPTED)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)


def ignore() -> None:
    """Ignore interrupts while the interpreter shuts down."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
