"""Manage Approvals: the pending requests."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from urllib.parse import urlencode

import orjson
from aiohttp import web
from msgspec import Struct

from console_sim.approval_decision import ApprovalDecision, Response, own_decision
from console_sim.approval_duration import duration_text
from console_sim.approval_request import ApprovalRequest
from console_sim.console import Console
from console_sim.errors import ConflictError, NotFoundError
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.form_values import read_number
from console_sim.ui.item_list import contains, read_page, read_search
from console_sim.ui.navigation import APPROVALS
from console_sim.ui.outcome_messages import see_decided
from console_sim.ui.request_facts import PAGE_SIZE, Facts, FactsReader, HistoryEntry, shortened
from privman_core.inputs import quoted
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see

CONFIRM = f"{APPROVALS}/confirm"
DECIDE = f"{APPROVALS}/decide"
_USUAL_HOURS, _MOST_HOURS = "1", 9_999
_ONE_TIME, _TIMED = "one_time", "timed"
MOST_SEARCHED = 2_000
_TICK_ONE = "Tick at least one request"
_TICK_FEWER = f"Tick at most {PAGE_SIZE} requests"


class PendingRow(Struct, frozen=True):
    """A row of the list: a pending request."""

    request: ApprovalRequest
    facts: Facts


class ManageApprovals:
    """The list of pending requests, oldest first, and the decisions about them.

    As documented, it leaves out requests that ServiceNow decides (elevate/app-req-app.md); ``extras`` adds these, with
    a mark.
    """

    def __init__(self, console: Console, *, extras: bool) -> None:
        self._console = console
        self._extras = extras
        self._approvals = console.approvals
        self._reader = FactsReader(console.names)
        self._approve = console.names.word("response", Response.APPROVE)
        self._deny = console.names.word("response", Response.DENY)

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show one page of the list."""
        return await self._list(visit, Form())

    async def act(self, visit: ConsoleVisit) -> web.Response:
        """Deny the chosen requests, or open the page that approves them; raises NotFoundError and ConflictError."""
        form = visit.form
        word, _, single = form.value("decide").partition(" ")
        chosen = [single] if single else form.values("request")
        if word not in (self._approve, self._deny):
            raise NotFoundError(f"decision {quoted(word)} does not exist; expected {self._approve} or {self._deny}")
        if not 0 < len(chosen) <= PAGE_SIZE:
            form.add_error("request", _TICK_FEWER if chosen else _TICK_ONE)
            return await self._list(visit, form)
        if word == self._approve:
            return see(f"{CONFIRM}?{urlencode([('request', each) for each in chosen])}")
        return await self._decide(visit, chosen, {"response": word})

    async def show_confirmation(self, visit: ConsoleVisit) -> web.Response:
        """Show the form that asks how long the approval lasts; raises NotFoundError."""
        chosen = visit.query.getall("request", [])
        if not chosen:
            return see(APPROVALS)
        return await self._confirm(visit, Form({"duration": _ONE_TIME, "hours": _USUAL_HOURS}), chosen)

    async def confirm(self, visit: ConsoleVisit) -> web.Response:
        """Approve the chosen requests, One Time or for some hours; raises NotFoundError and ConflictError."""
        form, chosen = visit.form, visit.form.values("request")
        given = {"response": self._approve, **_read_duration(form)}
        if form.errors:
            return await self._confirm(visit, form, chosen)
        return await self._decide(visit, chosen, given)

    async def _decide(self, visit: ConsoleVisit, chosen: list[str], given: dict[str, str]) -> web.Response:
        decision = self._console.decisions.read_own(own_decision(given))
        before = [self._approvals.find(each) for each in dict.fromkeys(chosen)]
        for request in before:
            visit.concern(request.request_id)
        for request in before:
            self._require_open(request, decision)
        after = await self._approvals.decide_all([each.request_id for each in before], decision)
        return see_decided(visit, APPROVALS, before, after, self._reader.whose)

    def _require_open(self, request: ApprovalRequest, decision: ApprovalDecision) -> None:
        """Raise ConflictError, which names the request's user and policy, unless the decision is possible."""
        try:
            request.decided(decision, self._console.clock.now())
        except ConflictError as error:
            whose = self._reader.whose(request)
            raise ConflictError(f"nothing was decided, because of the request of {whose}: {error}") from error

    async def _list(self, visit: ConsoleVisit, form: Form) -> web.Response:
        search = read_search(visit)
        pending = self._pending(search)
        number, first = read_page(visit, len(pending), PAGE_SIZE)
        return await visit.form_page(
            "approvals.html",
            form,
            rows=list(self._rows(pending[first : first + PAGE_SIZE])),
            search=search,
            searched=MOST_SEARCHED if search and len(self._waiting()) > MOST_SEARCHED else 0,
            more=urlencode({"search": search}),
            all="all" in visit.query,
            ticked=form.values("request"),
            approve=self._approve,
            deny=self._deny,
            number=number,
            first=first,
            total=len(pending),
            list=APPROVALS,
            decide=DECIDE,
        )

    def _pending(self, search: str) -> Sequence[str]:
        """Return the ids of the pending requests; a search finds those among the oldest `MOST_SEARCHED`."""
        pending = self._waiting()
        if not search:
            return pending
        # The JSON is parsed only if its text contains the search, which takes a tenth of the time.
        written = orjson.dumps(search).decode()[1:-1]
        likely = [each for each in self._found(pending[:MOST_SEARCHED]) if contains(written, [each.metadata])]
        return [each.request_id for each in likely if contains(search, self._reader.read(each).searched)]

    def _waiting(self) -> list[str]:
        return self._approvals.pending(manual_only=not self._extras)

    def _found(self, request_ids: Sequence[str]) -> Iterator[ApprovalRequest]:
        return filter(None, map(self._console.store.approval_requests.get, request_ids))

    def _rows(self, request_ids: Sequence[str]) -> Iterator[PendingRow]:
        return (PendingRow(each, self._reader.read(each)) for each in self._found(request_ids))

    async def _confirm(self, visit: ConsoleVisit, form: Form, chosen: list[str]) -> web.Response:
        requests = [self._approvals.find(each) for each in chosen]
        now = self._console.clock.now()
        rows = [HistoryEntry(each, each.state(now), self._reader.read(each)) for each in requests]
        return await visit.form_page(
            "confirm_approval.html",
            form,
            rows=rows,
            approve=self._approve,
            one_time=_ONE_TIME,
            timed=_TIMED,
            confirm=CONFIRM,
            shorten=shortened,
            list=APPROVALS,
        )


def _read_duration(form: Form) -> dict[str, str]:
    """Return the duration of the decision, empty for One Time; hours given with One Time are an error."""
    if form.one_of("duration", (_ONE_TIME, _TIMED)) == _TIMED:
        return {"duration": duration_text(timedelta(hours=read_number(form, "hours", _MOST_HOURS)))}
    hours = form.value("hours").strip()
    if "duration" not in form.errors and hours not in ("", _USUAL_HOURS):
        form.add_error("hours", f"is {quoted(hours)}, but One Time is selected; select For, or empty the field")
    return {}
