"""Interrupts while a command is loaded, and once it has ended: imports as little as possible."""

import os
import signal
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130
"""What a shell gives to what an interrupt ended."""


def end_at_once(command: str) -> None:
    """Let an interrupt end the process with one line: nothing has begun that would have to be tidied up."""

    def end(_number: int, _frame: FrameType | None) -> None:
        with suppress(OSError):  # where there is no standard error
            os.write(2, f"{command}: interrupted\n".encode())
        os._exit(INTERRUPTED)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)


def ignore() -> None:
    """Ignore interrupts: the command has ended, and only the interpreter tidies up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
