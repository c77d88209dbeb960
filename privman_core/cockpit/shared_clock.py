"""The clocks of the ends that a page shows, moved as one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from privman_core.clock import Due
from privman_core.cockpit.ends import End, EndError, require_reach
from privman_core.cockpit.facts import ClockState

SAME_TIME = timedelta(seconds=1)
"""Ends that are less apart than this are at the same time."""
MOST_DUE = 50
"""Things that are listed of each end."""
MOST_STOPS = 100
"""Deadlines of a jump at which it looks what was done."""
MOST_IN_ALL, MOST_IN_VAIN = 10_000, 20
"""Deadlines of a jump in all, and those at one time."""
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
    def earliest(self) -> datetime:
        """The time of the end that is behind, among those that can jump."""
        return min(state.now for state in self.states.values() if state.virtual or not self.virtual)

    @property
    def behind(self) -> list[str]:
        """The ends that can jump and are behind another one of these."""
        latest = self.latest
        return [name for name in self.virtual if latest - self.states[name].now >= SAME_TIME]


class PassedTime(Struct, frozen=True):
    """What fell due in a jump and was done, earliest first; ``whole`` unless there were more than `MOST_STOPS`."""

    done: list[DueAt]
    whole: bool


async def read_clocks(ends: Sequence[End]) -> Clocks:
    """Return the time of each end, and what falls due there, once for two ends that have one clock."""
    states = {end.name: await end.clock() for end in ends}
    dues: dict[Due, End] = {}
    for end in ends:
        for due in await end.due(MOST_DUE):
            dues.setdefault(due, end)
    listed = [DueAt(end, due) for due, end in dues.items()]
    return Clocks(states, sorted(listed, key=lambda each: each.due.at))


async def advance_to(ends: Sequence[End], moment: datetime) -> PassedTime:
    """Let the ends with virtual time jump together, from deadline to deadline; one that is behind catches up first.

    Whoever has something to send by then goes last, and so finds the other one at the same time. Two ends of one
    process may have one clock: jumps are to a moment, so it moves once. Returns what was done on the way, also what
    came up only then. Raises EndError, also if all time is real.
    """
    clocks = await read_clocks(ends)
    movable = [end for end in ends if clocks.states[end.name].virtual]
    if not movable:
        raise EndError(f"The time of {' and '.join(clocks.states)} is real and cannot jump", "jump")
    for end in movable:  # before any of them moves
        require_reach(moment, clocks.states[end.name].now)
    done: list[DueAt] = []
    progress = _Progress()
    for _ in range(MOST_STOPS):
        stop = progress.at(await _stop(movable, clocks.states, moment))
        before, clocks = clocks, await read_clocks(ends)
        done += [each for each in before.dues if each.due.at <= stop and each not in clocks.dues]
        if stop >= moment:
            return PassedTime(done, whole=True)
    if len(movable) == 1:
        await movable[0].advance_to(moment)
        return PassedTime(done, whole=False)
    while progress.at(await _stop(movable, {end.name: await end.clock() for end in movable}, moment)) < moment:
        pass
    return PassedTime(done, whole=False)


class _Progress:
    """Notices a jump that hardly moves, as whatever is done falls due again at once."""

    def __init__(self) -> None:
        self.last: datetime | None = None
        self._all = self._in_vain = 0

    def at(self, stop: datetime) -> datetime:
        """Return the stop; raises EndError for one that is no later than many before it, or after too many of them."""
        self._in_vain = self._in_vain + 1 if self.last is not None and stop <= self.last else 0
        self.last = stop if self.last is None else max(self.last, stop)
        self._all += 1
        if self._in_vain > MOST_IN_VAIN or self._all > MOST_IN_ALL:
            raise EndError(f"The clocks stay at {stop}: something falls due there again and again", "jump")
        return stop


async def _stop(ends: Sequence[End], states: Mapping[str, ClockState], moment: datetime) -> datetime:
    """Let the ends jump to the next deadline, or to the moment if that is earlier; return where they are."""
    dues = {end.name: states[end.name].due or _NEVER for end in ends}
    stop = min([moment, *dues.values()])
    for end in sorted(ends, key=lambda end: dues[end.name], reverse=True):
        await end.advance_to(stop)
    return stop
