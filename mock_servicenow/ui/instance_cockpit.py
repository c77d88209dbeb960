"""The instance as its cockpit shows it: who sent each exchange, approval requests, deliveries, recipes of faults."""

from collections.abc import Callable, Sequence
from typing import Any

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.users import ADMIN_ROLE
from mock_servicenow.privilege_manager.scoped_app import PrivilegeManagerApp
from mock_servicenow.privilege_manager.tables import INTEGRATION_ROLES
from mock_servicenow.privilege_manager.wire_formats import parse_moment
from mock_servicenow.ui.instance_requests import InstanceRequests
from privman_contracts.contract_checks import ContractChecks
from privman_core.clock import Due
from privman_core.cockpit.approval_facts import ApprovalState, DeliveryState, RequestDetail
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_core.cockpit.product import Explanation, is_sent_by
from privman_core.cockpit.recipes import Recipe, wire_recipes
from privman_core.exchange import Exchange

_UNKNOWN = "API client"
_PARTIES = frozenset({"", "approver", "browser", "console", "servicenow", "tester"})
"""Names of users that would be taken for parties."""
_PREPARATIONS, _DELIVERS = frozenset({"log_on", "log_out"}), "deliver_decision"
_MOST_ENDPOINTS = 20
"""Registrations in which the other party is searched."""


class InstanceProduct:
    """An instance with its app; implements `Product`.

    Args:
        mask: hides secrets that a console's messages may repeat.
    """

    name = "ServiceNow"
    way_to_other = "Start with --console-url, and the token of its control plane in CONSOLE_ADMIN_TOKEN, to name it."

    def __init__(
        self, instance: Instance, app: PrivilegeManagerApp, checks: ContractChecks, mask: Callable[[str], str]
    ) -> None:
        self._instance = instance
        self._app = app
        self._checks = checks
        self._mask = mask
        self._requests = InstanceRequests(instance, app, checks.names, mask)

    def explain(self, exchange: Exchange) -> Explanation:
        """Return who the other party of an exchange is, and the contract of the exchange."""
        contract = self._checks.contract(exchange)
        summary = "" if contract is None else contract.summary
        if exchange.direction == "out":
            name = "" if contract is None else contract.name
            return Explanation("Console", summary, name in _PREPARATIONS, name == _DELIVERS)
        if is_sent_by(exchange, "PrivilegeManager"):
            return Explanation("Console", summary)
        if contract is None and not exchange.url.startswith("/api/"):  # pages for people are outside of it
            return Explanation("Browser", summary)
        return Explanation(self._caller(exchange), summary)

    def scenario(self, title: str, exchanges: Sequence[ExchangeToSave]) -> str:
        """Return the YAML of a scenario that plays the same."""
        return self._checks.scenario(title, exchanges)

    def compare(self, exchange: Exchange, printed: dict[str, Any]) -> ContractComparison:
        """Return an exchange beside its contract."""
        return self._checks.compare(exchange, printed, self._mask)

    async def approvals(self, most: int) -> list[ApprovalState]:
        """Return the newest approval requests, newest first."""
        return await self._instance.run(lambda: self._approvals(most))

    async def deliveries(self, most: int) -> list[DeliveryState]:
        """Return the newest decisions with their attempts, newest first."""
        return [self._requests.delivery(each) for each in await self._app.deliverer.newest(most)]

    async def request(self, request_id: str) -> RequestDetail | None:
        """Return an approval request as the instance knows it; None if it has none with that RequestId."""
        return await self._requests.find(request_id)

    async def due(self, most: int) -> list[Due]:
        """Return the next attempts to deliver and the next time-outs, at most ``most`` of each."""
        deliveries = await self._app.deliverer.coming(most)
        return [*deliveries, *await self._instance.run(lambda: self._app.timeouts.coming(most))]

    def recipes(self) -> list[Recipe]:
        """Return the faults of an instance that testers arm most."""
        return _recipes(self._app.tables.request.name)

    async def other_urls(self) -> list[str]:
        """Return the addresses to which the newest registrations want decisions posted, the newest first."""
        return await self._instance.run(self._endpoint_urls)

    def _caller(self, exchange: Exchange) -> str:
        """Return who called an API, by who logged in: the console's account, an approver, or another user by name."""
        user, roles = exchange.user, exchange.findings.roles
        if ADMIN_ROLE not in roles and roles.issuperset(INTEGRATION_ROLES):
            return "Console"
        if ADMIN_ROLE not in roles and self._app.tables.approver_role in roles:
            return "Approver"
        return _UNKNOWN if user.lower() in _PARTIES else user

    def _approvals(self, most: int) -> list[ApprovalState]:
        with self._instance.transaction(self._instance.system) as session:
            table = self._app.tables.request.name
            return [self._approval(record) for some in session.newest(table, most) for record in some]

    def _approval(self, record: Record) -> ApprovalState:
        table = self._app.tables.request
        request = table.row(record)
        return ApprovalState(
            request_id=request.request_id,
            state=request.status,
            asked_at=parse_moment(request.created_on),
            page=f"/{table.name}.do?sys_id={request.sys_id}",
        )

    def _endpoint_urls(self) -> list[str]:
        with self._instance.transaction(self._instance.system) as session:
            return self._app.registrations.newest_endpoints(session, _MOST_ENDPOINTS)


def _recipes(request_table: str) -> list[Recipe]:
    """Return the recipes; ``request_table`` is the table in which consoles insert approval requests."""
    requests = {"method": "POST", "path": f"/api/now/table/{request_table}"}
    return [
        Recipe("hibernates", "The instance hibernates", "Strikes every request to the instance: it gets an HTML page.",
               {"kind": "hibernating"}, {"from": "now", "for": "2 h"}),
        Recipe("maintenance", "The instance is in maintenance", "Strikes every request to the instance: it gets 503.",
               {"kind": "maintenance"}, {"from": "now", "for": "10 minutes"}),
        Recipe("rate-limit", "Rate limit for the next requests",
               "Strikes the next requests to the APIs: they get 429, and the time to try again.",
               {"kind": "rate-limited", "path": "/api/*"}, {"times": "3", "seconds": "60 s"}),
        Recipe("refused", "The next approval request fails",
               "Strikes the next approval request of a console: it gets a status, and nothing is stored.",
               {"kind": "status", **requests}, {"times": "2", "status": "503"}),
        Recipe("log-in", "The log-in is refused once", "Strikes the next request to the APIs: it gets 401.",
               {"kind": "status", "path": "/api/*", "status": 401}, {"times": "1"}),
        *wire_recipes("approval request", requests),
    ]  # fmt: skip
