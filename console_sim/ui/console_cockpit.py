"""The console as its cockpit shows it: who sent each exchange, approval requests, server tasks, recipes of faults."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from console_sim.approval_request import ApprovalRequest
from console_sim.console import Console
from console_sim.ui.console_deliveries import console_deliveries
from console_sim.ui.console_requests import ConsoleRequests
from privman_contracts.contract_checks import ContractChecks
from privman_core.clock import Due
from privman_core.cockpit.approval_facts import ApprovalState, DeliveryState, RequestDetail
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_core.cockpit.product import Explanation, is_sent_by
from privman_core.cockpit.recipes import Recipe, wire_recipes
from privman_core.exchange import Exchange

_PREPARATIONS, _DELIVERS = frozenset({"log_on", "log_out"}), "deliver_decision"
_DELIVERY = {"method": "POST", "path": "*/approval/approve"}
_TOKEN = {"method": "POST", "path": "*/logon/token"}
_RECIPES = [
    Recipe("delivery-fails", "The next delivery fails",
           "Strikes the next delivery of a decision: it gets a status, and the console does not take the decision.",
           {"kind": "status", **_DELIVERY}, {"times": "2", "status": "503"}),
    Recipe("token-refused", "The token call answers 401",
           "Strikes the next log-on of ServiceNow: it gets no token. ServiceNow keeps a token and logs on only when "
           "the console refuses that one: after its end, which the tab Clock lists, or at once after "
           "DELETE /__admin/tokens at the console.",
           {"kind": "status", **_TOKEN, "status": 401}, {"times": "1"}),
    Recipe("down", "The console is down", "Strikes every request to the console's API: the connection is dropped.",
           {"kind": "reset", "path": "/Tms/*"}, {"from": "now", "for": "10 minutes"}),
    *wire_recipes("delivery", _DELIVERY),
]  # fmt: skip


class ConsoleProduct:
    """A console; implements `Product`.

    Args:
        mask: hides secrets that ServiceNow's messages may repeat.
        extras: whether there is what the vendor does not document.
    """

    name = "Console"
    way_to_other = (
        "Start with --servicenow-url, and the token of its control plane in SERVICENOW_ADMIN_TOKEN, to name it."
    )

    def __init__(self, console: Console, checks: ContractChecks, mask: Callable[[str], str], *, extras: bool) -> None:
        self._console = console
        self._checks = checks
        self._mask = mask
        self._requests = ConsoleRequests(console, mask, extras=extras)

    def explain(self, exchange: Exchange) -> Explanation:
        """Return who the other party of an exchange is, and the contract of the exchange."""
        contract = self._checks.contract(exchange)
        summary = "" if contract is None else contract.summary
        if exchange.direction == "out":
            return Explanation("ServiceNow", summary)
        name = "" if contract is None else contract.name
        prepares, delivers = name in _PREPARATIONS, name == _DELIVERS
        if is_sent_by(exchange, "ServiceNow"):
            return Explanation("ServiceNow", summary, prepares, delivers)
        # Pages for people are outside of /Tms/.
        usual = "API client" if exchange.url.lower().startswith("/tms/") else "Browser"
        return Explanation(usual, summary, prepares, delivers)

    def scenario(self, title: str, exchanges: Sequence[ExchangeToSave]) -> str:
        """Return the YAML of a scenario that plays the same."""
        return self._checks.scenario(title, exchanges)

    def compare(self, exchange: Exchange, printed: dict[str, Any]) -> ContractComparison:
        """Return an exchange beside its contract."""
        return self._checks.compare(exchange, printed, self._mask)

    async def approvals(self, most: int) -> list[ApprovalState]:
        """Return the newest approval requests, newest first."""
        return [self._approval(each) for each in self._console.store.approval_requests.newest(0, most)]

    async def deliveries(self, most: int) -> list[DeliveryState]:
        """Return server tasks, waiting ones first, then requests that no task sends; at most ``most``."""
        newest = self._console.store.approval_requests.newest(0, most)
        unsent = [self._requests.unsent(each) for each in newest if each.last_error and not each.server_id]
        return [*console_deliveries(self._console.server_tasks, self._mask), *unsent][:most]

    async def request(self, request_id: str) -> RequestDetail | None:
        """Return an approval request as the console knows it; None if it has none with that RequestId."""
        return self._requests.find(request_id)

    async def due(self, most: int) -> list[Due]:
        """Return the next attempts of tasks, time-outs, ends of approvals and of tokens, at most ``most`` of each."""
        tasks = self._console.server_tasks.waiting()[:most]
        return [
            *(Due(each.next_at, each.task_name, each.about, "task") for each in tasks),
            *(Due(at, "Time out in the console", key, "time-out") for at, key in self._console.approvals.coming(most)),
            *self._ending_approvals(most),
            *(Due(at, "Token of the console's API ends", kind="end") for at in self._console.tokens.coming(most)),
        ]

    def _ending_approvals(self, most: int) -> Iterator[Due]:
        now = self._console.clock.now()
        for each in self._console.store.approval_requests.newest(0, most):
            if each.expires_at is not None and each.expires_at > now:
                yield Due(each.expires_at, "Approval ends", each.request_id, "end")

    def recipes(self) -> list[Recipe]:
        """Return the faults of a console that testers arm most."""
        return _RECIPES

    async def other_urls(self) -> list[str]:
        """Return the Base URLs of the foreign systems, the newest first."""
        return [system.address for system in self._console.store.foreign_systems][::-1]

    def _approval(self, request: ApprovalRequest) -> ApprovalState:
        state = request.state(self._console.clock.now())
        page = self._requests.page(request.request_id)
        return ApprovalState(request_id=request.request_id, state=state, asked_at=request.asked_at, page=page)
