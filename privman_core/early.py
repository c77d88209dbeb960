"""Runs before a product is loaded and after it has ended, so it imports as little as possible."""

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from types import FrameType

INTERRUPTED = 130
"""Exit code of an interrupted command, as in shells."""


def load_when_asked(package: str, public: Mapping[str, str]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a package whose public names, each with its module, are loaded when asked for.

    So the package's command can handle interrupts before it loads anything.
    """

    def load(name: str) -> object:
        if name not in public:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(public[name]), name)

    return load


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
