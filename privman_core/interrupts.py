"""Ctrl-C, SIGTERM, SIGHUP and Ctrl-Break: none is lost, and none leaves a traceback."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from privman_core.early import INTERRUPTED
from privman_core.operating_system import TERMINATION_SIGNALS

T = TypeVar("T")
# Interrupts after which the process ends at once.
_AT_ONCE = 3


@contextmanager
def terminable(command: str) -> Iterator[None]:
    """Let Ctrl-C and `TERMINATION_SIGNALS` end the body with KeyboardInterrupt, even if code inside swallows them.

    The coroutine in `run` is cancelled and can clean up; a second interrupt cancels that, too, and a third ends the
    process at once. The KeyboardInterrupt names the signal, and the error of a failed clean-up.
    """
    ending = _Ending(command)
    # Shells start background commands with Ctrl-C ignored; then Python has not installed a handler.
    before: dict[signal.Signals, Any] = {signal.SIGINT: signal.signal(signal.SIGINT, ending.interrupt)}
    # nohup lets a command outlive its terminal.
    handled = [each for each in TERMINATION_SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    before.update((each, signal.signal(each, ending.end)) for each in handled)
    hook, sys.unraisablehook = sys.unraisablehook, ending.unraisable
    _current.append(ending)
    try:
        yield
        ending.check()
    except BaseException as error:
        if ending.asked or isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(*ending.details(error)) from None
        raise
    finally:
        _current.remove(ending)
        sys.unraisablehook = hook
        for each, handler in before.items():
            signal.signal(each, handler)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine like `asyncio.run`; an interrupt cancels it and is raised as KeyboardInterrupt."""
    return _current[-1].run(work) if _current else asyncio.run(work)


def interrupted() -> bool:
    """Return whether an interrupt has asked the command to end."""
    return any(ending.asked for ending in _current)


def forgive() -> None:
    """Forget the interrupts so far: they are the normal way to end the command."""
    for ending in _current:
        ending.asked = 0


class _Ending:
    """The interrupts of one command.

    Attributes:
        asked: how many interrupts there were.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        self.asked = 0
        self._by = ""
        self._task: asyncio.Task[Any] | None = None
        self._looping = False

    def interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """Handle Ctrl-C; while a loop runs nothing is raised, because it could hit any code."""
        self.asked += 1
        if self.asked >= _AT_ONCE:
            os.write(2, f"{self._command}: {' '.join(['interrupted', *self._signal()])}\n".encode())
            os._exit(INTERRUPTED)
        if not self._looping:
            raise KeyboardInterrupt
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def end(self, number: int, _frame: FrameType | None) -> None:
        """Handle another signal like Ctrl-C."""
        self._by = signal.Signals(number).name
        signal.raise_signal(signal.SIGINT)

    def unraisable(self, swallowed: Any) -> None:  # noqa: ANN401 - its type exists for type checkers only
        """Print nothing for an interrupt that Python had to ignore, as in a finalizer; `asked` remembers it."""
        if not issubclass(swallowed.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(swallowed)

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was one."""
        if self.asked:
            raise KeyboardInterrupt

    def details(self, error: BaseException) -> list[str]:
        """Return the signal and the error, as far as there are any."""
        return [*self._signal(), *([f"({error})"] if isinstance(error, Exception) and str(error) else [])]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine; raises KeyboardInterrupt if one arrived before its loop ended.

        An error of the clean-up is raised as it is.
        """
        self._looping = True
        try:
            outcome = asyncio.run(self._noted(work))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            self._looping = False
        self.check()
        return outcome

    async def _noted(self, work: Coroutine[Any, Any, T]) -> T:
        if self.asked:  # before there was anything to cancel
            work.close()
            raise asyncio.CancelledError
        self._task = asyncio.current_task()
        try:
            return await work
        finally:
            self._task = None

    def _signal(self) -> list[str]:
        return [f"by {self._by}"] if self._by else []


_current: list[_Ending] = []
