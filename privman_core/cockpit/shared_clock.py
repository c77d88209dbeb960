"""The clocks of the ends that a page shows, moved as one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from privman_core.clock import Due
from privman_core.cockpit.ends import End, EndError
from privman_core.cockpit.facts import ClockState

SAME_TIME = timedelta(seconds=1)
"""Ends that are less apart than this are at the same time."""
MOST_DUE = 50
"""Things that are listed of each end."""
_NEVER = datetime.max.replace(tzinfo=UTC)


class DueAt(Struct, frozen=True):
    """What falls due at an end."""

    end: End
    due: Due


class Clocks(Struct, frozen=True):
    """The times of the ends that are shown, by name; ``dues`` is what falls due, earliest first."""

    states: dict[str, ClockState]
    dues: list[DueAt]

    @property
    def agree(self) -> bool:
        """Whether it is the same time at both ends, or nearly so."""
        times = [state.now for state in self.states.values()]
        return max(times) - min(times) < SAME_TIME

    @property
    def virtual(self) -> list[str]:
        """The ends that can jump."""
        return [name for name, state in self.states.items() if state.virtual]

    @property
    def real(self) -> list[str]:
        """The ends that cannot."""
        return [name for name, state in self.states.items() if not state.virtual]

    @property
    def latest(self) -> datetime:
        """The time of the jump's start: of the end that is ahead, among those that can jump."""
        return max(state.now for state in self.states.values() if state.virtual or not self.virtual)

    @property
    def behind(self) -> list[str]:
        """The ends that can jump and are behind another one of these."""
        latest = self.latest
        return [name for name in self.virtual if latest - self.states[name].now >= SAME_TIME]


async def read_clocks(ends: Sequence[End]) -> Clocks:
    """Return the time of each end, and what falls due there, once for two ends that have one clock."""
    states = {end.name: await end.clock() for end in ends}
    dues: dict[Due, End] = {}
    for end in ends:
        for due in await end.due(MOST_DUE):
            dues.setdefault(due, end)
    listed = [DueAt(end, due) for due, end in dues.items()]
    return Clocks(states, sorted(listed, key=lambda each: each.due.at))


async def advance_to(ends: Sequence[End], moment: datetime) -> None:
    """Let the ends with virtual time jump together, from deadline to deadline; one that is behind catches up first.

    Whoever has something to send by then goes last, and so finds the other one at the same time. Two ends of one
    process may have one clock: jumps are to a moment, so it moves once. Raises EndError, also if all time is real.
    """
    states = {end.name: await end.clock() for end in ends}
    movable = [end for end in ends if states[end.name].virtual]
    if not movable:
        raise EndError(f"The time of {' and '.join(states)} is real and cannot jump", "jump")
    if len(movable) == 1:
        await movable[0].advance_to(moment)
        return
    while not await _stop(movable, moment):
        pass


async def _stop(ends: Sequence[End], moment: datetime) -> bool:
    """Let the ends jump to the next deadline; return whether they have arrived."""
    dues = {end.name: (await end.clock()).due for end in ends}
    stop = min([moment, *(due for due in dues.values() if due)])
    for end in sorted(ends, key=lambda end: dues[end.name] or _NEVER, reverse=True):
        await end.advance_to(stop)
    return stop >= moment
