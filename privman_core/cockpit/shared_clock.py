"""The clocks of the parties that a page shows, moved as one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from privman_core.clock import Due
from privman_core.cockpit.party_facts import ClockState
from privman_core.cockpit.shown_party import PartyError, ShownParty, require_reach

SAME_TIME = timedelta(seconds=1)
"""Times that differ by less than this count as the same."""
MOST_DUE = 50
"""Things that fall due and are listed, of each party."""
MOST_STOPS = 100
"""Deadlines of a jump at which it notes what was done; further ones pass without a note."""
MOST_IN_ALL, MOST_IN_VAIN = 10_000, 20
"""Most deadlines of a jump, and most of these at the same time."""
_NEVER = datetime.max.replace(tzinfo=UTC)


class DueAt(Struct, frozen=True):
    """Something that falls due at a party."""

    party: ShownParty
    due: Due


class Clocks(Struct, frozen=True):
    """The times of the parties that are shown, by name.

    Attributes:
        dues: what falls due, earliest first.
        more: the parties at which more than `MOST_DUE` things do.
    """

    states: dict[str, ClockState]
    dues: list[DueAt]
    more: list[str]

    @property
    def agree(self) -> bool:
        """Whether both parties have the same time, or nearly so."""
        times = [state.now for state in self.states.values()]
        return max(times) - min(times) < SAME_TIME

    @property
    def virtual(self) -> list[str]:
        """The parties that can jump."""
        return [name for name, state in self.states.items() if state.virtual]

    @property
    def real(self) -> list[str]:
        """The parties that cannot."""
        return [name for name, state in self.states.items() if not state.virtual]

    @property
    def latest(self) -> datetime:
        """The time at which a jump starts: that of the party that is ahead, of those that can jump, or of all."""
        return max(self._starts)

    @property
    def earliest(self) -> datetime:
        """The time of the party that is behind, of those that can jump, or of all."""
        return min(self._starts)

    @property
    def _starts(self) -> list[datetime]:
        """The times of the parties that can jump, or of all if none can."""
        return [self.states[name].now for name in self.virtual or self.states]

    @property
    def behind(self) -> list[str]:
        """The parties that can jump and are behind another party that can."""
        latest = self.latest
        return [name for name in self.virtual if latest - self.states[name].now >= SAME_TIME]


class PassedTime(Struct, frozen=True):
    """What fell due in a jump and was done, earliest first; ``whole`` unless there were more than `MOST_STOPS`."""

    done: list[DueAt]
    whole: bool


async def read_clocks(parties: Sequence[ShownParty]) -> Clocks:
    """Return the time of each party, and what falls due there; on a clock that both share, each thing once."""
    states = {party.name: await party.clock() for party in parties}
    dues, more = dict[Due, ShownParty](), list[str]()
    for party in parties:
        found = await party.due(MOST_DUE + 1)
        more += [party.name] if len(found) > MOST_DUE else []
        for due in found[:MOST_DUE]:
            dues.setdefault(due, party)
    listed = [DueAt(party, due) for due, party in dues.items()]
    return Clocks(states, sorted(listed, key=lambda each: each.due.at), more)


async def advance_to(parties: Sequence[ShownParty], moment: datetime) -> PassedTime:
    """Let the parties with virtual time jump together, from deadline to deadline; one that is behind catches up first.

    The party that has something to send at a deadline jumps last, so that the other one has reached that time already.
    Two parties of one process may share a clock, which moves once. Returns what was done on the way, including what
    came up during the jump. Raises PartyError, also if no party has virtual time.
    """
    clocks = await read_clocks(parties)
    movable = [party for party in parties if clocks.states[party.name].virtual]
    if not movable:
        raise PartyError(f"The time of {' and '.join(clocks.states)} is real and cannot jump", "jump")
    for party in movable:  # before any of them moves
        require_reach(moment, clocks.states[party.name].now)
    done: list[DueAt] = []
    progress = _Progress()
    for _ in range(MOST_STOPS):
        stop = progress.at(await _stop(movable, clocks.states, moment))
        before, clocks = clocks, await read_clocks(parties)
        done += [each for each in before.dues if each.due.at <= stop and each not in clocks.dues]
        if stop >= moment:
            return PassedTime(done, whole=True)
    if len(movable) == 1:
        await movable[0].advance_to(moment)
        return PassedTime(done, whole=False)
    while progress.at(await _stop(movable, {party.name: await party.clock() for party in movable}, moment)) < moment:
        pass
    return PassedTime(done, whole=False)


class _Progress:
    """Ends a jump that hardly moves, because what is done falls due again at once."""

    def __init__(self) -> None:
        self.last: datetime | None = None
        self._all = self._in_vain = 0

    def at(self, stop: datetime) -> datetime:
        """Return the stop; raises PartyError after too many stops, in all or at the same time."""
        self._in_vain = self._in_vain + 1 if self.last is not None and stop <= self.last else 0
        self.last = stop if self.last is None else max(self.last, stop)
        self._all += 1
        if self._in_vain > MOST_IN_VAIN or self._all > MOST_IN_ALL:
            raise PartyError(f"The clocks stay at {stop}: something falls due there again and again", "jump")
        return stop


async def _stop(parties: Sequence[ShownParty], states: Mapping[str, ClockState], moment: datetime) -> datetime:
    """Let the parties jump to the next deadline, or to the moment if that is earlier; return the time reached."""
    dues = {party.name: states[party.name].due or _NEVER for party in parties}
    stop = min([moment, *dues.values()])
    for party in sorted(parties, key=lambda party: dues[party.name], reverse=True):
        await party.advance_to(stop)
    return stop
