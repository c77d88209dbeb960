"""Takes back what a failed transaction has changed in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Step = Callable[[], object]


class Undo:
    """What takes back each change of the open transaction; outside of a transaction nothing is remembered."""

    def __init__(self) -> None:
        self._steps: list[Step] | None = None

    def add(self, step: Step) -> None:
        """Take the step if the open transaction fails, those that were added later first."""
        if self._steps is not None:
            self._steps.append(step)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Take back what the body has changed if it fails."""
        steps = self._steps = []
        try:
            yield
        except BaseException:
            self._steps = None
            for step in reversed(steps):
                step()
            raise
        finally:
            self._steps = None
