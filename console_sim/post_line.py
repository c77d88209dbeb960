"""The posts of one webhook that wait for their turn, as the ids of what they report."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

MOST_WAITING = 100
"""Posts that wait for one webhook."""


class Countdown:
    """Waits until so many things have ended, at least one."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._ended = asyncio.Event()

    def count(self) -> None:
        """Count one that has ended."""
        self._number -= 1
        if not self._number:
            self._ended.set()

    async def wait(self) -> None:
        """Wait until all have ended."""
        await self._ended.wait()


@dataclass(frozen=True, slots=True)
class Post:
    """A report of one approval request; ``ended`` counts it once it was posted or has failed."""

    request_id: str
    ended: Countdown


@dataclass(slots=True)
class PostLine:
    """The waiting posts of one webhook, oldest first.

    Attributes:
        is_served: whether something takes them, one at a time.
    """

    waiting: deque[Post] = field(default_factory=deque)
    is_served: bool = False

    @property
    def is_full(self) -> bool:
        """Whether no further post may wait."""
        return len(self.waiting) >= MOST_WAITING
