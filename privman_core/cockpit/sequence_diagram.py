"""Sequence diagrams of HTTP calls, laid out in pixels."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, field

TIMES, SPACING, TOP, ROW, GAP, HEAD = 80, 340, 64, 62, 30, 8
"""Pixels: width of the times, distance of lifelines, space above the first call, height of a call, height of a pause,
length of an arrowhead."""
LONGEST_LABEL = 46
_SHORTEST_PAUSE = timedelta(seconds=1)

Tone = Literal["good", "bad", "quiet"]
"""The colour of an answer or a verdict."""


class DrawnCall(Struct, frozen=True):
    """One request and its answer."""

    at: datetime
    source: str
    target: str
    method: str
    path: str
    answer: str
    tone: Tone

    @property
    def label(self) -> str:
        """The text on its arrow: a long path loses its beginning."""
        fitting = LONGEST_LABEL - len(self.method)
        return f"{self.method} {self.path if len(self.path) <= fitting else f'…{self.path[-fitting:]}'}"


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


class Diagram(Struct):
    """A diagram.

    Attributes:
        lifelines: name and x of each party.
        times: y and time of day of each call.
        pauses: y and text of each pause between calls.
    """

    width: int
    lifelines: list[tuple[str, int]]
    height: int = TOP
    arrows: list[Arrow] = field(default_factory=list)
    times: list[tuple[int, str]] = field(default_factory=list)
    pauses: list[tuple[int, str]] = field(default_factory=list)


def draw(calls: Sequence[DrawnCall]) -> Diagram:
    """Return the diagram of calls that are sorted by time; parties are in the order of their first call."""
    names = dict.fromkeys(name for call in calls for name in (call.source, call.target))
    places = {name: TIMES + SPACING // 2 + SPACING * number for number, name in enumerate(names)}
    diagram = Diagram(TIMES + SPACING * len(places), list(places.items()))
    before: datetime | None = None
    for call in calls:
        if before is not None and call.at - before >= _SHORTEST_PAUSE:
            diagram.pauses.append((diagram.height, f"{in_words(call.at - before)} later"))
            diagram.height += GAP
        _add(diagram, call, places[call.source], places[call.target])
        before = call.at
    return diagram


def in_words(span: timedelta) -> str:
    """Return a span of time such as ``16 h 30 min``, without fractions of a second; empty for less than a second."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number:,} {unit}" for number, unit in parts if number)


def _add(diagram: Diagram, call: DrawnCall, source: int, target: int) -> None:
    y = diagram.height
    diagram.times.append((y, call.at.strftime("%H:%M:%S")))
    diagram.arrows.append(Arrow(y, source, target, call.label, "quiet", is_answer=False))
    diagram.arrows.append(Arrow(y + ROW // 2, target, source, call.answer, call.tone, is_answer=True))
    diagram.height += ROW
