"""The cockpit's page of one approval request: state and reasons at each party, time line, what falls due."""

from asyncio import gather
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus

from aiohttp import web

from privman_core.cockpit.approval_facts import MOST_ABOUT, MOST_REGISTERING, RequestDetail
from privman_core.cockpit.known_causes import with_causes
from privman_core.cockpit.merged_rows import has_ties, share_clock
from privman_core.cockpit.parties import PartyFinder
from privman_core.cockpit.request_rows import explained, rows_about, rows_registering
from privman_core.cockpit.sequence_diagram import DrawnCall, DrawnNote, call_of, draw
from privman_core.cockpit.time_line import TimedStep, time_line, what_falls_due
from privman_core.pages.site import PageError, Visit

_SHORT = 8  # digits of a RequestId in the title
_WHOLE = 36


class OneRequestPage:
    """Shows one approval request."""

    def __init__(self, parties: PartyFinder) -> None:
        self._parties = parties

    async def show(self, visit: Visit) -> web.Response:
        """Show the request with the RequestId of the address; raises PageError if there is no trace of it."""
        request_id, parties = visit.request.match_info["request_id"].lower(), await self._parties.find()
        if len(request_id) != _WHOLE:
            raise _not_found(request_id, "Expected a whole RequestId, such as those in the list of approvals.")
        known = await gather(*(party.request(request_id) for party in parties))
        told = {party.name: each.detail for party, each in zip(parties, known, strict=True)}
        rows = await rows_about(parties, [each.about for each in known], request_id)
        if not rows and not any(told.values()):
            raise _not_found(request_id, "No party has a request with this RequestId, and no exchange is about it.")
        notes = await explained(rows)
        details = with_causes({name: each for name, each in told.items() if each is not None}, rows, notes)
        one_clock = len(parties.times) == 1 and share_clock(rows)
        steps = time_line(rows, details, notes, one_clock=one_clock)
        return await visit.page(
            "cockpit/request.html",
            title=f"Request {request_id[:_SHORT]}…",
            parties=parties,
            request_id=request_id,
            known={name: details.get(name) for name in told},
            difference=_difference(told),
            steps=steps,
            due=what_falls_due(details, {hello.name: hello.now for hello in parties.hellos}),
            diagram=draw(list(_drawn(steps)), one_clock=one_clock),
            registering=await rows_registering(parties, [each.registering for each in known]),
            rows=rows,
            most=MOST_ABOUT,
            most_registering=MOST_REGISTERING,
            ties=has_ties(rows),
            one_clock=one_clock,
        )


def _drawn(steps: Iterable[TimedStep]) -> Iterator[DrawnCall | DrawnNote]:
    for step in steps:
        yield from map(call_of, step.preparations)
        yield DrawnNote(step.at, step.who, step.words) if step.exchange is None else call_of(step.exchange)
        yield from map(call_of, step.repeats)


def _difference(known: Mapping[str, RequestDetail | None]) -> str:
    """Return a sentence if the parties disagree about the outcome of a request; empty if they agree."""
    if len({None if detail is None else detail.stand for detail in known.values()}) == 1:
        return ""
    told = {name: "does not have it" if detail is None else f"says {detail.state}" for name, detail in known.items()}
    says = " and ".join(f"{name} {what}" for name, what in told.items())
    return f"The parties differ: {says}."


def _not_found(request_id: str, detail: str) -> PageError:
    return PageError(HTTPStatus.NOT_FOUND, f"Request {request_id} not found", detail)
