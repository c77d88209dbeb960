"""The cockpit's pages about approval requests: their states at both parties, deliveries, and the diagram of one."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from aiohttp import web
from msgspec import Struct, field

from privman_core.cockpit.approval_facts import ApprovalState, DeliveryState
from privman_core.cockpit.exchange_facts import FoundExchanges
from privman_core.cockpit.merged_rows import MergedRow, has_ties, share_clock
from privman_core.cockpit.merging import merged, with_other_entries
from privman_core.cockpit.missing_values import hints
from privman_core.cockpit.parties import Parties, PartyFinder
from privman_core.cockpit.search_line import is_open
from privman_core.cockpit.sequence_diagram import call_of, draw
from privman_core.cockpit.shown_party import PartyError
from privman_core.cockpit.waits import in_words
from privman_core.pages.site import Visit

ROWS = 50
"""Approval requests, and deliveries, that a page lists of each party."""
MOST_DRAWN = 60


class ApprovalRow(Struct, frozen=True):
    """One approval request; ``states`` are by name of the party, ``places`` are its indexes in both parties' lists."""

    request_id: str
    asked_at: datetime | None
    states: dict[str, ApprovalState] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)


class ShownDelivery(Struct, frozen=True):
    """One delivery of a party; ``remaining`` is the time until its next attempt, for people."""

    party: str
    delivery: DeliveryState
    remaining: str


class RequestPages:
    """Shows approval requests and deliveries of both parties, and the exchanges of one request as a diagram."""

    def __init__(self, parties: PartyFinder) -> None:
        self._parties = parties

    async def approvals(self, visit: Visit) -> web.Response:
        """Show the newest approval requests, with their state at both parties."""
        parties = await self._parties.find()
        known = {party.name: await party.approvals(ROWS + 1) for party in parties}
        rows: dict[str, ApprovalRow] = {}
        for name, listed in known.items():
            for place, each in enumerate(listed[:ROWS]):
                row = rows.setdefault(each.request_id.lower(), ApprovalRow(each.request_id, each.asked_at))
                row.states[name] = each
                row.places.append(place)
        newest_first = sorted(rows.values(), key=_age)
        return await visit.page(
            "cockpit/approvals.html",
            title="Approvals",
            parties=parties,
            approvals=newest_first,
            most=ROWS,
            more=_with_more(known),
        )

    async def deliveries(self, visit: Visit) -> web.Response:
        """Show what either party sends until it succeeds."""
        parties, rows = await self._parties.find(), list[ShownDelivery]()
        known = {party.name: await party.deliveries(ROWS + 1) for party in parties}
        for party in parties:
            now = (await party.clock()).now
            rows += [_delivery(party.name, each, now) for each in known[party.name][:ROWS]]
        return await visit.page(
            "cockpit/deliveries.html",
            title="Deliveries",
            parties=parties,
            deliveries=rows,
            most=ROWS,
            more=_with_more(known),
        )

    async def sequence(self, visit: Visit) -> web.Response:
        """Show a diagram of the newest exchanges that match a search line ``find``."""
        parties, line, error = await self._parties.find(), visit.query.get("find", "").strip(), ""
        rows, found = list[MergedRow](), list[FoundExchanges]()
        try:
            rows, found = await _rows(parties, line) if line else ([], [])
        except PartyError as refusal:
            error = str(refusal)
        one_clock = len(parties.times) == 1 and share_clock(rows)
        return await visit.page(
            "cockpit/sequence.html",
            400 if error else 200,
            title="Sequence",
            parties=parties,
            line=line,
            error=error,
            rows=rows,
            unjudged=sum(part.unjudged for part in found),
            hints=hints(line, (part.values for part in found)) if not rows else [],
            is_open=is_open(line),
            diagram=draw([call_of(each) for each in rows], one_clock=one_clock),
            most=MOST_DRAWN,
            ties=has_ties(rows),
            one_clock=one_clock,
        )


def _with_more(known: Mapping[str, Sequence[object]]) -> list[str]:
    """Return the parties that have more than the page lists."""
    return [name for name, listed in known.items() if len(listed) > ROWS]


def _age(row: ApprovalRow) -> tuple[float, int]:
    """Return a key that sorts newer requests first, and those whose time is unknown last.

    Times of records have whole seconds; of two requests, a party lists the newer one first.
    """
    return -row.asked_at.timestamp() // 1 if row.asked_at else 0, max(row.places)


def _delivery(party: str, delivery: DeliveryState, now: datetime) -> ShownDelivery:
    remaining = "" if delivery.next_at is None else in_words(delivery.next_at - now) or "now"
    return ShownDelivery(party, delivery, remaining)


async def _rows(parties: Parties, line: str) -> tuple[list[MergedRow], list[FoundExchanges]]:
    """Return the exchanges, oldest first, and what each party has found."""
    found = [(party, await party.find(line, MOST_DRAWN)) for party in parties]
    rows = await with_other_entries(parties.all, merged(found).rows)
    return rows[::-1], [part for _, part in found]
