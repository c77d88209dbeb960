"""Sequence diagrams of HTTP calls, laid out in pixels."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

from privman_core.cockpit.bounded_texts import Tone
from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.waits import Times, in_words, wait_between
from privman_core.exchange import path_of

TIMES, SPACING, TOP, ROW, GAP, HEAD = 80, 340, 64, 62, 30, 8
"""Pixels: width of the times, distance of lifelines, space above the first call, height of a call, height of a pause
or a note, length of an arrowhead."""
LONGEST_LABEL = 46
_SHORTEST_PAUSE = timedelta(seconds=1)


class DrawnCall(Struct, frozen=True):
    """One request and its answer.

    Attributes:
        href: where its arrows lead.
        times: when it began by the clock of each party that has journaled it.
    """

    at: datetime
    source: str
    target: str
    method: str
    path: str
    answer: str
    tone: Tone
    href: str
    times: Times

    @property
    def label(self) -> str:
        """The text on its arrow: a long path loses its beginning."""
        fitting = LONGEST_LABEL - len(self.method)
        return f"{self.method} {self.path if len(self.path) <= fitting else f'…{self.path[-fitting:]}'}"

    @property
    def name(self) -> str:
        """Its text for screen readers."""
        return f"{self.source} to {self.target}: {self.method} {self.path}, answer {self.answer}"


class DrawnNote(Struct, frozen=True):
    """Something that happened at a party without a call."""

    at: datetime
    party: str
    text: str

    @property
    def times(self) -> Times:
        """When it happened by the clock of its party."""
        return {self.party: self.at}


class Arrow(Struct, frozen=True):
    """One arrow."""

    y: int
    start: int
    end: int
    label: str
    tone: Tone
    is_answer: bool

    @property
    def head(self) -> str:
        """The corners of its head, as SVG lists points."""
        back = self.end - HEAD if self.end > self.start else self.end + HEAD
        return f"{self.end},{self.y} {back},{self.y - HEAD // 2} {back},{self.y + HEAD // 2}"

    @property
    def middle(self) -> int:
        """The centre of its label."""
        return (self.start + self.end) // 2


class CallArrows(Struct, frozen=True):
    """The arrows of a call, and the rectangle in which a click hits them."""

    call: DrawnCall
    arrows: tuple[Arrow, Arrow]

    @property
    def left(self) -> int:
        """Where the rectangle begins."""
        return min(self.arrows[0].start, self.arrows[0].end)

    @property
    def top(self) -> int:
        """The upper edge of the rectangle."""
        return self.arrows[0].y - ROW // 3


class Diagram(Struct):
    """A diagram.

    Attributes:
        lifelines: name and x of each party.
        times: y and time of day of each call and note.
        pauses: y and text of each pause between calls.
        notes: x, y and text of each note.
    """

    width: int
    lifelines: list[tuple[str, int]]
    height: int = TOP
    calls: list[CallArrows] = field(default_factory=list)
    times: list[tuple[int, str]] = field(default_factory=list)
    pauses: list[tuple[int, str]] = field(default_factory=list)
    notes: list[tuple[int, int, str]] = field(default_factory=list)


def call_of(row: MergedRow) -> DrawnCall:
    """Return the arrows of an exchange, which lead to its page."""
    sent, source, target = row.sender_row, row.sender_name, row.answerer_name
    path, page = path_of(sent.url), row.sender_entry.page
    return DrawnCall(sent.at, source, target, sent.method, path, sent.answer, sent.tone, page, row.times)


def draw(drawn: Sequence[DrawnCall | DrawnNote], *, one_clock: bool) -> Diagram:
    """Return the diagram of calls and notes in this order; parties are in the order in which they appear.

    Args:
        drawn: the calls and notes.
        one_clock: whether the times of different parties can be compared.
    """
    names = dict.fromkeys(name for each in drawn for name in _parties(each))
    places = {name: TIMES + SPACING // 2 + SPACING * number for number, name in enumerate(names)}
    diagram = Diagram(TIMES + SPACING * len(places), list(places.items()))
    before: Times = {}
    for each in drawn:
        pause = wait_between(before, each.times, one_clock=one_clock) if before else timedelta(0)
        if pause >= _SHORTEST_PAUSE:
            diagram.pauses.append((diagram.height, f"{in_words(pause)} later"))
            diagram.height += GAP
        diagram.times.append((diagram.height, each.at.strftime("%H:%M:%S")))
        if isinstance(each, DrawnNote):
            diagram.notes.append((places[each.party], diagram.height, each.text))
            diagram.height += GAP
        else:
            _add(diagram, each, places[each.source], places[each.target])
        before = each.times
    return diagram


def _parties(each: DrawnCall | DrawnNote) -> tuple[str, ...]:
    return (each.party,) if isinstance(each, DrawnNote) else (each.source, each.target)


def _add(diagram: Diagram, call: DrawnCall, source: int, target: int) -> None:
    y = diagram.height
    request = Arrow(y, source, target, call.label, "quiet", is_answer=False)
    answer = Arrow(y + ROW // 2, target, source, call.answer, call.tone, is_answer=True)
    diagram.calls.append(CallArrows(call, (request, answer)))
    diagram.height += ROW
