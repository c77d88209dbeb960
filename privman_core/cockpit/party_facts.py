"""A party's facts about itself, its clock and its faults; the other party's cockpit reads the same structs as JSON."""

from typing import Any

import msgspec
from msgspec import Struct, field

from privman_core.cockpit.bounded_texts import Line, Method, Moment, PartyName, Sentence, Word
from privman_core.cockpit.recipes import ArmedPart, Recipe
from privman_core.faults import DescribedKind, FaultStage

MOST_HITS, LONGEST_URL = 10, 300
"""Exchanges that are shown of one fault, and characters of the address of each."""


class Hello(Struct, frozen=True):
    """Which party this is, its version and time, and how many faults are armed: what the head of every page shows.

    Attributes:
        started: when it started, in real time.
        armed: how many faults may strike now or later.
        virtual: whether time moves only when it is advanced.
    """

    name: PartyName
    version: Word
    now: Moment
    armed: int = 0
    virtual: bool = False
    started: Moment | None = None


class Marks(Struct, frozen=True):
    """Numbers that change when a party's journal, faults or virtual time do.

    Attributes:
        now: the time; empty for real time, which never stops.
        epoch: see `FoundExchanges`.
    """

    journal: int
    faults: int
    now: str
    epoch: Word = ""


class ClockState(Struct, frozen=True):
    """The time of a party.

    Attributes:
        due: when the next thing falls due; None for nothing, and in real time.
        virtual: whether it moves only when it is advanced.
    """

    now: Moment
    due: Moment | None = None
    virtual: bool = False


class FaultHit(Struct, frozen=True):
    """One exchange that a fault has struck."""

    number: int
    at: Moment
    method: Method
    url: Line
    answer: Sentence


class FaultState(Struct, frozen=True, kw_only=True):
    """One fault of a party.

    Attributes:
        spec: what arms it again, with the counts that are left.
        struck: how many requests it has struck.
        begins: when it starts to match.
        ends: when it stops; None for never.
        hits: the exchanges that it has struck and that are kept, newest first, at most `MOST_HITS`.
    """

    number: int
    stage: FaultStage
    spec: dict[str, Any]
    struck: int = 0
    begins: Moment | None = None
    ends: Moment | None = None
    hits: list[FaultHit] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what no control plane arms."""
        msgspec.convert(self.spec, ArmedPart)


class FaultsState(Struct, frozen=True):
    """The faults of a party.

    Attributes:
        known: the armed ones, then those that are used up or over, the last one first.
        kinds: what can be armed.
        recipes: what testers arm most.
    """

    known: list[FaultState]
    kinds: list[DescribedKind]
    recipes: list[Recipe] = field(default_factory=list)
