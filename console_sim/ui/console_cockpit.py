"""The tester's cockpit of the console: the pages of every cockpit, and approvals and deliveries."""

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from urllib.parse import urlencode

from aiohttp import web
from msgspec import Struct

from console_sim.approval_request import ApprovalRequest
from console_sim.console import Console
from console_sim.server_tasks import WaitingTask
from privman_contracts.contract_checks import ContractChecks
from privman_core.control import COCKPIT
from privman_core.exchange import Exchange
from privman_core.instruments import Instruments
from privman_core.pages.cockpit import Cockpit, CockpitKeys
from privman_core.pages.exchange_pages import Explain, Explanation
from privman_core.pages.sequence_diagram import in_words
from privman_core.pages.site import Page, Visit

ROWS = 50


def build_cockpit(
    console: Console,
    instruments: Instruments,
    checks: ContractChecks,
    keys: CockpitKeys,
    mask: Callable[[str], str],
) -> Cockpit:
    """Return the cockpit of a console; ``mask`` hides secrets that ServiceNow's messages may repeat."""
    return Cockpit(
        "Console",
        instruments,
        _explaining(checks),
        keys,
        pages={
            "/approvals": Page(EndpointRequests(console).show, tab="Approvals"),
            "/deliveries": Page(TaskAttempts(console, mask).show, tab="Deliveries"),
        },
        package="console_sim.ui",
    )


def _explaining(checks: ContractChecks) -> Explain:
    def explain(exchange: Exchange) -> Explanation:
        contract = checks.contract(exchange)
        summary = "" if contract is None else contract.summary
        if exchange.direction == "out":
            return Explanation("ServiceNow", summary)
        # Pages for people are outside of /Tms/; nothing else distinguishes the callers.
        usual = "API client" if exchange.url.lower().startswith("/tms/") else "Browser"
        return Explanation(usual if contract is None else "ServiceNow", summary)

    return explain


class EndpointRow(Struct, frozen=True):
    """One approval request; ``sequence`` is the address of its sequence diagram."""

    request_id: str
    state: str
    asked_at: datetime
    attempts: int
    sequence: str


class EndpointRequests:
    """The newest approval requests of endpoint users."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, visit: Visit) -> web.Response:
        """Show the page."""
        approvals = [self._row(each) for each in self._console.store.approval_requests.newest(0, ROWS)]
        return await visit.page("cockpit/approvals.html", title="Approvals", approvals=approvals)

    def _row(self, request: ApprovalRequest) -> EndpointRow:
        about = [("about", text) for text in (request.request_id, request.sys_id) if text]
        return EndpointRow(
            request.request_id,
            request.state(self._console.clock.now()),
            request.asked_at,
            request.attempts,
            f"{COCKPIT}/sequence?{urlencode(about)}",
        )


class TaskAttempts:
    """The server tasks that wait for another attempt, and the last attempts."""

    def __init__(self, console: Console, mask: Callable[[str], str]) -> None:
        self._clock = console.clock
        self._server_tasks = console.server_tasks
        self._mask = mask

    async def show(self, visit: Visit) -> web.Response:
        """Show the page."""
        return await visit.page(
            "cockpit/deliveries.html",
            title="Deliveries",
            waiting=[(task, self._remaining(task)) for task in self._server_tasks.waiting()[:ROWS]],
            runs=list(islice(reversed(self._server_tasks.runs), ROWS)),
            mask=self._mask,
        )

    def _remaining(self, task: WaitingTask) -> str:
        return in_words(task.next_at - self._clock.now()) or "now"
