"""Recipes: the faults that testers arm most, each with a few fields."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
import orjson
from msgspec import Meta, Struct, field

from privman_core.cockpit.bounded_texts import Line, Sentence, Word
from privman_core.cockpit.time_words import TimeWordsError, read_moment, read_span
from privman_core.faults import NUMBER, SPAN, STATUS, TURNS, Option

BLANKS: Mapping[str, str] = {
    "times": "How many (empty: all)",
    "status": "Status",
    "seconds": "How long",
    "from": "From (now, 18:00, +2h)",
    "for": "For (10 minutes, 2 h)",
}
"""The label of each field that a recipe may have."""
Blank = Annotated[str, Meta(pattern=r"\A(?:times|status|seconds|from|for)\Z")]
_VALID: Mapping[str, Option] = {
    "times": TURNS,
    "status": STATUS,
    "seconds": NUMBER,
    "from": NUMBER,
    "for": Option(SPAN.holds, SPAN.expected, "more than no time, for example 10 minutes or 2 h"),
}
_SPANS = {"seconds", "for"}


class CommonPart(TypedDict, total=False):
    """The keys that faults of every kind have, as the control plane reads them, beside the options of each kind."""

    kind: Word
    method: Word
    path: Line
    skip: int
    times: int | None
    after: float
    lasts: float


class ArmedPart(TypedDict):
    """The same of a fault that is armed."""

    kind: Word
    method: Word
    path: Line
    skip: int
    times: int | None
    after: NotRequired[float]
    lasts: NotRequired[float]


class Recipe(Struct, frozen=True):
    """A fault that testers arm often.

    Attributes:
        name: identifies it at its party.
        title: what happens, as in *The next delivery fails*.
        strikes: what it strikes, in a sentence.
        fault: the fixed part, as the control plane reads it.
        blanks: names of its fields, keys of `BLANKS`, with their defaults.
    """

    name: Word
    title: Word
    strikes: Sentence
    fault: dict[str, Any]
    blanks: dict[Blank, Word] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a fault that no control plane would arm."""
        msgspec.convert(self.fault, CommonPart)

    def filled(self, texts: Mapping[str, str], now: datetime) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fault with its fields filled in, and an error for each field that is invalid."""
        spec, errors = dict(self.fault), dict[str, str]()
        for name in self.blanks:
            text = texts.get(name, "").strip()
            try:
                part = _part(name, text, now)
            except TimeWordsError as error:
                errors[name] = str(error)
                continue
            if not all(map(_VALID[name].holds, part.values())):
                errors[name] = _VALID[name].wrong(text)
            spec |= part
        return spec, errors

    @property
    def example(self) -> dict[str, Any]:
        """The fault with the defaults, which do not depend on the time of day."""
        return self.filled(self.blanks, datetime.min.replace(tzinfo=UTC))[0]


def wire_recipes(what: str, where: Mapping[str, str]) -> list[Recipe]:
    """Return the recipes for trouble on the wire.

    Args:
        what: names the request that they strike, such as *delivery*.
        where: method and path of these requests.
    """
    once, strikes = {"times": "1"}, f"Strikes the next {what}"
    return [
        Recipe("lost", f"The answer to the next {what} is lost after commit",
               f"{strikes}: it takes effect, and the sender gets no answer.", {"kind": "answer-lost", **where}, once),
        Recipe("slow", f"The answer to the next {what} is slow", f"{strikes}: it is done so much later, on the clock.",
               {"kind": "slow", **where}, {"seconds": "40 s", **once}),
        Recipe("truncated", f"The answer to the next {what} is truncated",
               f"{strikes}: it takes effect, and half of the answer arrives.", {"kind": "truncated", **where}, once),
        Recipe("malformed", f"The answer to the next {what} is malformed",
               f"{strikes}: it takes effect, and the answer is cut-off JSON.", {"kind": "malformed", **where}, once),
        Recipe("reset", f"The connection of the next {what} is reset",
               f"{strikes}: the connection is dropped before anything is done.", {"kind": "reset", **where}, once),
        Recipe("twice", f"A proxy repeats the next {what}",
               f"{strikes}: it takes effect twice, and the journal has both arrivals.",
               {"kind": "duplicated", **where}, once),
    ]  # fmt: skip


def read_value(text: str) -> object:
    """Return the number or object that a text spells, or the text itself."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _part(name: str, text: str, now: datetime) -> dict[str, Any]:
    """Return the keys of the fault that one field sets; none for an empty field, whose default applies."""
    if name == "times":
        return {"times": read_value(text) if text else None}
    if not text:
        return {}
    if name == "from":
        seconds = (read_moment(text, now) - now).total_seconds()
        return {"after": _whole(seconds)} if seconds else {}
    if name in _SPANS:
        return {"lasts" if name == "for" else name: _whole(read_span(text).total_seconds())}
    return {name: read_value(text)}


def _whole(seconds: float) -> float:
    return int(seconds) if seconds == int(seconds) else seconds
