"""The time line of one approval request: what happened, step by step, and what falls due."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from msgspec import Struct, field
from msgspec.structs import replace

from privman_core.cockpit.approval_facts import DatedEvent, RequestDetail
from privman_core.cockpit.bounded_texts import Tone
from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.waits import Times, in_words, wait_between
from privman_core.exchange import path_of
from privman_core.exchange_marks import is_same_request

FOLDED = 3
"""So many steps in a row that differ only in time are folded into one."""
_READING, _CHANGING = frozenset({"GET", "HEAD"}), frozenset({"PATCH", "PUT"})


class TimedStep(Struct, frozen=True):
    """One step.

    Attributes:
        who: the party of an event, or who sent the request.
        whom: who answered it; empty for an event.
        words: what happened.
        exchange: None for an event.
        preparations: exchanges that only prepared this one, such as token calls.
        repeats: exchanges like this one that followed it at once, such as polls.
        wait: how long after the step before; empty for less than a second.
        notes: explanations of a failure.
    """

    at: datetime
    who: str
    whom: str
    words: str
    tone: Tone
    exchange: MergedRow | None = None
    preparations: tuple[MergedRow, ...] = ()
    repeats: tuple[MergedRow, ...] = ()
    wait: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def until(self) -> datetime:
        """When it happened for the last time."""
        return self.repeats[-1].sender_row.at if self.repeats else self.at

    @property
    def times(self) -> Times:
        """When it happened by the clock of each party that knows of it."""
        return {self.who: self.at} if self.exchange is None else self.exchange.times


class ComingStep(Struct, frozen=True):
    """What falls due at a party; ``remaining`` is the time until then, for people."""

    at: datetime
    party: str
    words: str
    remaining: str


def time_line(
    rows: Sequence[MergedRow],
    known: Mapping[str, RequestDetail],
    notes: Mapping[int, list[str]],
    *,
    one_clock: bool,
) -> list[TimedStep]:
    """Return the steps, oldest first.

    Args:
        rows: the exchanges about the request, oldest first.
        known: the request as each party knows it, by name.
        notes: explanations of exchanges, by their places among the rows.
        one_clock: whether the times of both parties can be compared.
    """
    steps = _exchanges(rows, notes)
    for name, detail in known.items():
        for event in detail.events:
            if not event.due:
                steps.insert(_place(steps, name, event), TimedStep(event.at, name, "", event.text, event.tone))
    return list(_with_waits(_folded(steps), one_clock=one_clock))


def what_falls_due(known: Mapping[str, RequestDetail], now: Mapping[str, datetime]) -> list[ComingStep]:
    """Return what is still to come, the next first; ``now`` is the time at each party."""
    found = [
        ComingStep(event.at, name, event.text, in_words(max(event.at - now[name], timedelta(0))) or "now")
        for name, detail in known.items()
        for event in detail.events
        if event.due
    ]
    return sorted(found, key=lambda due: due.at)


def words_of(row: MergedRow) -> str:
    """Return the purpose of an exchange."""
    what = (
        row.answerer_row.contract or row.sender_row.contract or f"{row.sender_row.method} {path_of(row.sender_row.url)}"
    )
    return ", ".join(filter(None, (what, row.replay)))


def _exchanges(rows: Sequence[MergedRow], notes: Mapping[int, list[str]]) -> list[TimedStep]:
    """Return a step for each exchange; those that only prepare another are part of its step, unless they failed."""
    steps: list[TimedStep] = []
    waiting: list[MergedRow] = []
    for place, row in enumerate(rows):
        if _only_prepares(row, rows[place + 1 :]):
            waiting.append(row)
            continue
        tone, again = row.sender_row.tone, notes.get(place, [])
        words, prepared = words_of(row), tuple(waiting)
        steps.append(
            TimedStep(row.sender_row.at, row.sender_name, row.answerer_name, words, tone, row, prepared, notes=again)
        )
        waiting.clear()
    return steps


def _only_prepares(row: MergedRow, later: Iterable[MergedRow]) -> bool:
    """Return whether an exchange only prepared a later one: it succeeded, and its sender then sent that one."""
    return (
        row.sender_row.prepares
        and row.sender_row.tone == "good"
        and any(each.sender_name == row.sender_name and not each.sender_row.prepares for each in later)
    )


def _place(steps: Sequence[TimedStep], party: str, event: DatedEvent) -> int:
    """Return the place of an event among the steps, by the journal and the clock of its party.

    Times alone do not say: those of records have whole seconds, virtual time stands still, and the clocks may differ.
    """
    second = event.at.replace(microsecond=0)
    known = [(place, when) for place, step in enumerate(steps) if (when := _second_at(step, party)) is not None]
    same = [place for place, when in known if when == second and steps[place].exchange]
    last = max((place + 1 for place, when in known if when <= second), default=0)
    if event.order == "first" and same:
        return _first_arrival(steps, same[0])
    if causes := _causes(steps, same, party).get(event.order):
        return causes[-1]
    later = (place for place in range(last, len(steps)) if steps[place].at > event.at)
    return next(later, len(steps)) if event.order == "last" or not same else last


def _first_arrival(steps: Sequence[TimedStep], place: int) -> int:
    """Return the place of the first arrival of a request, which a fault may have repeated: they share a mark."""
    mark = _mark(steps[place])
    while place and is_same_request(mark, _mark(steps[place - 1])):
        place -= 1
    return place


def _mark(step: TimedStep) -> str:
    return step.exchange.mark if step.exchange else ""


def _causes(steps: Sequence[TimedStep], same: Sequence[int], party: str) -> Mapping[str, Sequence[int]]:
    """Return the places at which an event may stand in its second, after what it follows from, by its order."""
    received = [place + 1 for place in same if _receives(steps[place], party)]
    delivered = [place for place in received if _keeps_contract(steps[place - 1])]
    first_sent = next((place for place in same if _sends(steps[place], party)), len(steps))
    return {
        "sent": [_without_reading(steps, place) for place in same if _sends_change(steps[place], party)],
        "received": [place for place in received if place <= first_sent] or received,
        "delivered": delivered[:1] or received,
    }


def _second_at(step: TimedStep, party: str) -> datetime | None:
    """Return the time of a step by the clock of a party; None if that party does not know of it."""
    if step.exchange is None:
        return step.at.replace(microsecond=0) if step.who == party else None
    return next((row.at.replace(microsecond=0) for one, row in step.exchange.entries if one.name == party), None)


def _receives(step: TimedStep, party: str) -> bool:
    """Return whether a step is a write that the party received and took, so that it may have caused an event there.

    A fault may have dropped its answer.
    """
    if step.exchange is None or step.whom != party:
        return False
    served = step.exchange.answerer_row
    took = served.tone == "good" or (served.fault and not served.status)
    return bool(took) and served.method not in _READING


def _keeps_contract(step: TimedStep) -> bool:
    """Return whether a step is a message of the integration, not that of a page and not a preparation."""
    exchange = step.exchange
    return exchange is not None and bool(exchange.answerer_row.contract) and not exchange.answerer_row.prepares


def _sends(step: TimedStep, party: str) -> bool:
    return step.exchange is not None and step.who == party and step.exchange.sender_row.method not in _READING


def _sends_change(step: TimedStep, party: str) -> bool:
    return step.exchange is not None and step.who == party and step.exchange.sender_row.method in _CHANGING


def _without_reading(steps: Sequence[TimedStep], place: int) -> int:
    """Return the place of the first exchange by which the sender of a change read the record before."""
    while place and _reads(steps[place - 1], steps[place].who):
        place -= 1
    return place


def _reads(step: TimedStep, party: str) -> bool:
    return step.exchange is not None and step.who == party and step.exchange.sender_row.method in _READING


def _folded(steps: Iterable[TimedStep]) -> Iterator[TimedStep]:
    """Yield the steps; several in a row that differ only in time are one."""
    for _, group in groupby(steps, key=_kind):
        same = list(group)
        if len(same) < FOLDED:
            yield from same
        else:
            yield replace(same[0], repeats=tuple(step.exchange for step in same[1:] if step.exchange))


def _kind(step: TimedStep) -> tuple[object, ...]:
    if step.exchange is None or step.preparations or step.notes:
        return (id(step),)
    return step.who, step.whom, step.words, step.exchange.sender_row.answer, step.exchange.fault


def _with_waits(steps: Iterable[TimedStep], *, one_clock: bool) -> Iterable[TimedStep]:
    before: Times | None = None
    for step in steps:
        gap = timedelta(0) if before is None else wait_between(before, step.times, one_clock=one_clock)
        yield replace(step, wait=in_words(gap))
        before = step.repeats[-1].times if step.repeats else step.times
