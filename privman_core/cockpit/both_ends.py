"""The ends that a page shows: the one that serves it, and the other if it is known and answers."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from msgspec import Struct, field

from privman_core.cockpit.ends import End, EndError, OwnEnd
from privman_core.cockpit.facts import Hello
from privman_core.cockpit.other_end import Neighbourhood
from privman_core.cockpit.shared_clock import SAME_TIME


class Ends(Struct, frozen=True):
    """One end or both, the one that serves the page first.

    Attributes:
        reason: why there is only one; empty for both.
        hellos: what each says of itself, in the same order.
    """

    all: list[End]
    reason: str = ""
    hellos: list[Hello] = field(default_factory=list)

    def __iter__(self) -> Iterator[End]:
        return iter(self.all)

    @property
    def armed(self) -> int:
        """How many faults are armed at all ends."""
        return sum(hello.armed for hello in self.hellos)

    @property
    def times(self) -> list[Hello]:
        """The ends whose times a page has to show: the first alone, if they agree."""
        first = self.hellos[0]
        return [first, *(hello for hello in self.hellos if abs(hello.now - first.now) >= SAME_TIME)]

    def named(self, name: str) -> End | None:
        """Return the end of that name, in any case; None for one that is not shown."""
        return next((end for end in self.all if end.name.lower() == name.lower()), None)


class BothEnds:
    """Finds the ends for each page."""

    def __init__(self, own: OwnEnd, configured: Callable[[], Awaitable[str]], neighbourhood: Neighbourhood) -> None:
        self.own = own
        self._configured = configured
        self._neighbourhood = neighbourhood

    async def find(self) -> Ends:
        """Return the ends that answer now."""
        neighbour = await self._neighbourhood.find(await self._configured())
        if neighbour.end is None or neighbour.hello is None:
            return Ends([self.own], neighbour.reason, [self.own.hello()])
        return Ends([self.own, neighbour.end], neighbour.reason, [self.own.hello(), neighbour.hello])

    async def drift(self) -> dict[str, Any]:
        """Return ``other`` with name and time of the other end, if it is known and at another time than this one."""
        end = await self._neighbourhood.last()
        if end is None:
            return {}
        try:
            now = (await end.clock()).now
        except EndError:
            return {}
        apart = now - self.own.hello().now
        return {"other": {"name": end.name, "now": now.isoformat()}} if abs(apart) >= SAME_TIME else {}
