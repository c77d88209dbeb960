"""Tracebacks that end in the line of a test, not in the frames of what the fixtures do for it."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from privman_core.loop_thread import LoopThread
from privman_scenarios.errors import ExpectationError, ScenariosError

if TYPE_CHECKING:
    import pytest

Value = TypeVar("Value")
_OF_USERS = (ExpectationError, ScenariosError)


def is_for_users(raised: "pytest.ExceptionInfo[BaseException]") -> bool:
    """Return whether an error explains itself, so that pytest hides the frames of a module.

    A module says so with ``__tracebackhide__ = is_for_users``; any other error is a defect of ours and shows them all.
    """
    return issubclass(raised.type, _OF_USERS)


__tracebackhide__ = is_for_users


class ShortLoopThread(LoopThread):
    """An event loop in a thread of its own; user errors are raised without its internal frames."""

    def run(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run the coroutine there and return its result, or raise what it raised."""
        try:
            return super().run(work)
        except _OF_USERS as error:
            raise error.with_traceback(None) from None

    async def wait(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run the coroutine there without blocking the caller's own loop."""
        try:
            return await super().wait(work)
        except _OF_USERS as error:
            raise error.with_traceback(None) from None
