"""One approval request as both parties know it, and the exchanges that are about it."""

from asyncio import gather
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from privman_core.cockpit.approval_facts import RequestDetail
from privman_core.cockpit.known_causes import with_causes
from privman_core.cockpit.merged_rows import MergedRow, has_ties, share_clock
from privman_core.cockpit.parties import Parties
from privman_core.cockpit.request_rows import explained, rows_about, rows_registering
from privman_core.cockpit.sequence_diagram import Diagram, DrawnCall, DrawnNote, call_of, draw
from privman_core.cockpit.time_line import ComingStep, TimedStep, time_line, what_falls_due


class FollowedRequest(Struct, frozen=True):
    """One approval request.

    Attributes:
        details: what each party knows of it, by name, with the causes that the exchanges show; None for no request.
        rows: the newest exchanges about it, oldest first.
        registering: the newest ones about the registration that it uses, oldest first.
        steps: its time line.
        due: what is still to come.
        one_clock: whether the times of both parties can be compared.
    """

    details: Mapping[str, RequestDetail | None]
    rows: Sequence[MergedRow]
    registering: Sequence[MergedRow]
    steps: Sequence[TimedStep]
    due: Sequence[ComingStep]
    one_clock: bool

    @classmethod
    async def read(cls, parties: Parties, request_id: str) -> "FollowedRequest | None":
        """Return the request as the parties and their journals know it now; None if there is no trace of it."""
        known = await gather(*(party.request(request_id) for party in parties))
        rows = await rows_about(parties, [each.about for each in known], request_id)
        found = {party.name: each.detail for party, each in zip(parties, known, strict=True) if each.detail}
        if not rows and not found:
            return None
        notes = await explained(rows)
        details = with_causes(found, rows, notes)
        one_clock = len(parties.times) == 1 and share_clock(rows)
        return cls(
            details={party.name: details.get(party.name) for party in parties},
            rows=rows,
            registering=await rows_registering(parties, [each.registering for each in known]),
            steps=time_line(rows, details, notes, one_clock=one_clock),
            due=what_falls_due(details, {hello.name: hello.now for hello in parties.hellos}),
            one_clock=one_clock,
        )

    @property
    def difference(self) -> str:
        """A sentence if the parties disagree about the outcome; empty if they agree."""
        if len({None if each is None else each.outcome for each in self.details.values()}) == 1:
            return ""
        told = ("does not have it" if each is None else f"says {each.state}" for each in self.details.values())
        return f"The parties differ: {' and '.join(map(' '.join, zip(self.details, told, strict=True)))}."

    @property
    def diagram(self) -> Diagram:
        """The time line as a sequence diagram."""
        return draw(list(_drawn(self.steps)), one_clock=self.one_clock)

    @property
    def ties(self) -> bool:
        """See `has_ties`."""
        return has_ties(self.rows)


def _drawn(steps: Iterable[TimedStep]) -> Iterator[DrawnCall | DrawnNote]:
    for step in steps:
        yield from map(call_of, step.preparations)
        yield DrawnNote(step.at, step.who, step.words) if step.exchange is None else call_of(step.exchange)
        yield from map(call_of, step.repeats)
