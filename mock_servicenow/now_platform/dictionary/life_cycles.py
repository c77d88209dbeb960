"""The life cycle of a table's records: which states follow which, and what a change of state does to other columns."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

States = frozenset[str]
Moves = Mapping[str, States | None]
"""The states that may follow each state; any state may follow one that is not named, or that has None."""
InvalidMove = Literal["error", "keep", "allow"]


class Effect(Struct, frozen=True):
    """What a change of one column does to others.

    Attributes:
        column: the column that changes.
        into: the values that it enters, from others than these; any value if empty.
        out_of: the values that it leaves, for others than these; any value but an empty one if both are empty.
        set: columns with the values that they get, whatever the client sends.
        fill: columns with the values that they get if they are empty.
        clear: columns that are emptied.
        elapsed: columns that get, if they are empty, the time from one column to another: durations, or seconds.
        count: the column that counts these changes; empty for none.
    """

    column: str
    into: States = frozenset()
    out_of: States = frozenset()
    set: Mapping[str, str] = field(default_factory=dict)
    fill: Mapping[str, str] = field(default_factory=dict)
    clear: tuple[str, ...] = ()
    elapsed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    count: str = ""

    def happens(self, before: str, after: str) -> bool:
        """Return whether it follows from a change of its column."""
        if self.into and (after not in self.into or before in self.into):
            return False
        if self.out_of:
            return before in self.out_of and after not in self.out_of
        return bool(self.into or before)


class LifeCycle(Struct, frozen=True):
    """The life cycle of the records of a table, and of those that extend it without a life cycle of their own.

    Attributes:
        column: the column that holds the state.
        mirror: a column that always has the same value, whichever of both is written; empty for none.
        moves: those of every record.
        kind: the column that decides which of ``moves_by_kind`` apply, too; empty for none.
        moves_by_kind: more moves, by the value of that column.
        invalid_move: ``error`` refuses the write, ``keep`` leaves the state as it was, ``allow`` changes it.
        rule: the name of the business rule that refuses a move.
        message: the error's text, with ``{from}`` and ``{to}``; empty for that of every aborted write.
        effects: by name, in order.
    """

    column: str = "state"
    mirror: str = ""
    moves: Moves = field(default_factory=dict)
    kind: str = ""
    moves_by_kind: Mapping[str, Moves] = field(default_factory=dict)
    invalid_move: InvalidMove = "error"
    rule: str = "Check state transition"
    message: str = ""
    effects: Mapping[str, Effect] = field(default_factory=dict)

    def following(self, state: str, values: Mapping[str, str]) -> States | None:
        """Return the states that may follow a state of a record with these values; None if every state may."""
        return self.of_kind(self.kind_of(values)).get(state)

    def kind_of(self, values: Mapping[str, str]) -> str:
        """Return the kind of a record with these values; empty where moves do not depend on one."""
        return values[self.kind] if self.kind else ""

    def of_kind(self, kind: str) -> Moves:
        """Return the moves of a record of that kind."""
        return {**self.moves, **self.moves_by_kind.get(kind, {})}

    def mirrored(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return a new record's values with the state in both of its columns, if it has either."""
        state = values.get(self.column, values.get(self.mirror))
        if not self.mirror or state is None:
            return dict(values)
        return {**values, self.column: state, self.mirror: state}
