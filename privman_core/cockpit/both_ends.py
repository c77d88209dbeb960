"""The ends that a page shows: the one that serves it, and the other if it is known and answers."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

from msgspec import Struct

from privman_core.cockpit.ends import End, EndError, OwnEnd
from privman_core.cockpit.facts import ClockState
from privman_core.cockpit.other_end import Neighbourhood

_SAME_TIME = timedelta(seconds=1)


class Ends(Struct, frozen=True):
    """One end or both, the one that serves the page first.

    Attributes:
        reason: why there is only one; empty for both.
    """

    all: list[End]
    reason: str = ""

    def __iter__(self) -> Iterator[End]:
        return iter(self.all)

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
        return Ends([self.own, *([neighbour.end] if neighbour.end else [])], neighbour.reason)


class Clocks(Struct, frozen=True):
    """The times of the ends that are shown, by name."""

    states: dict[str, ClockState]

    @property
    def apart(self) -> timedelta:
        """How far they are apart, if at all."""
        times = [state.now for state in self.states.values()]
        return max(times) - min(times)

    @property
    def agree(self) -> bool:
        """Whether it is the same time at both ends, or nearly so."""
        return self.apart < _SAME_TIME

    @property
    def virtual(self) -> bool:
        """Whether all of them can jump."""
        return all(state.virtual for state in self.states.values())


async def read_clocks(ends: Ends) -> Clocks:
    """Return the time of each end."""
    return Clocks({end.name: await end.clock() for end in ends})


async def advance(ends: Ends, seconds: float) -> None:
    """Let all ends jump together, from deadline to deadline; one that is behind catches up first.

    Whoever has something to send by then goes last, and so finds the other one at the same time. Two ends of one
    process may keep one clock: what the other one has moved is not moved again. Raises EndError.
    """
    clocks = {end.name: await end.clock() for end in ends}
    if not all(state.virtual for state in clocks.values()):
        await _refuse(ends, clocks)
    target = max(state.now for state in clocks.values()) + timedelta(seconds=seconds)
    while True:
        clocks = {end.name: await end.clock() for end in ends}
        stop = min(target, *(state.due for state in clocks.values() if state.due), target)
        for end in sorted(ends, key=lambda end: clocks[end.name].due or target, reverse=True):
            left = (stop - (await end.clock()).now).total_seconds()
            await end.advance(max(left, 0))
        if stop >= target:
            return


async def _refuse(ends: Ends, clocks: dict[str, ClockState]) -> None:
    real = " and ".join(end.name for end in ends if not clocks[end.name].virtual)
    raise EndError(f"The time of {real} is real and cannot jump; start with --clock virtual.", "jump")
