"""The cockpit's pages about approval requests: their states at both ends, deliveries, and the diagram of one."""

from datetime import datetime

from aiohttp import web
from msgspec import Struct, field

from privman_core.cockpit.both_ends import BothEnds, Ends
from privman_core.cockpit.ends import EndError
from privman_core.cockpit.facts import ApprovalState, DeliveryState
from privman_core.cockpit.merged_rows import MergedRow, merged, with_other_sides
from privman_core.cockpit.one_request_page import call_of
from privman_core.cockpit.sequence_diagram import draw, in_words
from privman_core.pages.site import Visit

ROWS = 50
MOST_DRAWN = 60


class ApprovalRow(Struct, frozen=True):
    """One approval request; ``states`` are by name of the end that knows it, ``places`` those in the lists of both."""

    request_id: str
    asked_at: datetime
    states: dict[str, ApprovalState] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)


class ShownDelivery(Struct, frozen=True):
    """One delivery of an end; ``remaining`` is the time until its next attempt, for people."""

    end: str
    delivery: DeliveryState
    remaining: str


class RequestPages:
    """Shows approval requests and deliveries of both ends, and the exchanges of one request as a diagram."""

    def __init__(self, ends: BothEnds) -> None:
        self._ends = ends

    async def approvals(self, visit: Visit) -> web.Response:
        """Show the newest approval requests, with their state at both ends."""
        ends = await self._ends.find()
        rows: dict[str, ApprovalRow] = {}
        for end in ends:
            for place, each in enumerate(await end.approvals(ROWS)):
                row = rows.setdefault(each.request_id.lower(), ApprovalRow(each.request_id, each.asked_at))
                row.states[end.name] = each
                row.places.append(place)
        # Times of records have whole seconds; of two requests, an end lists the newer one first.
        newest_first = sorted(rows.values(), key=lambda row: (-row.asked_at.timestamp() // 1, max(row.places)))
        return await visit.page("cockpit/approvals.html", title="Approvals", ends=ends, approvals=newest_first)

    async def deliveries(self, visit: Visit) -> web.Response:
        """Show what either end sends again until it succeeds."""
        ends, rows = await self._ends.find(), []
        for end in ends:
            now = (await end.clock()).now
            rows += [_delivery(end.name, each, now) for each in await end.deliveries(ROWS)]
        return await visit.page("cockpit/deliveries.html", title="Deliveries", ends=ends, deliveries=rows)

    async def sequence(self, visit: Visit) -> web.Response:
        """Show a diagram of the newest exchanges that a search line ``find`` fits."""
        ends, line, error = await self._ends.find(), visit.query.get("find", "").strip(), ""
        rows: list[MergedRow] = []
        try:
            rows = await _rows(ends, line) if line else []
        except EndError as refusal:
            error = str(refusal)
        return await visit.page(
            "cockpit/sequence.html",
            400 if error else 200,
            title="Sequence",
            ends=ends,
            line=line,
            error=error,
            rows=rows,
            diagram=draw([call_of(each) for each in rows]),
            most=MOST_DRAWN,
        )


def _delivery(end: str, delivery: DeliveryState, now: datetime) -> ShownDelivery:
    remaining = "" if delivery.next_at is None else in_words(delivery.next_at - now) or "now"
    return ShownDelivery(end, delivery, remaining)


async def _rows(ends: Ends, line: str) -> list[MergedRow]:
    """Return the exchanges, oldest first."""
    rows = merged([(end, await end.find(line, MOST_DRAWN)) for end in ends]).rows
    return (await with_other_sides(ends.all, rows))[::-1]
