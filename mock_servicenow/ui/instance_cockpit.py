"""The tester's cockpit of the instance: the pages of every cockpit, and approvals and deliveries."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from msgspec import Struct

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.privilege_manager.deliverer import Deliverer
from mock_servicenow.privilege_manager.scoped_app import PrivilegeManagerApp
from mock_servicenow.privilege_manager.tables import AppTables
from privman_contracts.contract_checks import ContractChecks
from privman_core.clock import Clock
from privman_core.control import COCKPIT
from privman_core.exchange import Exchange
from privman_core.instruments import Instruments
from privman_core.pages.cockpit import Cockpit, CockpitKeys
from privman_core.pages.exchange_pages import Explain, Explanation
from privman_core.pages.sequence_diagram import in_words
from privman_core.pages.site import Page, Visit

ROWS, ATTEMPTS = 50, 20
_CALLERS = {"console": "Console", "approver": "Approver"}
_TONES = {"delivered": "good", "failed": "bad"}


def build_cockpit(
    instance: Instance,
    app: PrivilegeManagerApp,
    instruments: Instruments,
    checks: ContractChecks,
    keys: CockpitKeys,
) -> Cockpit:
    """Return the cockpit of an instance with its app."""
    deliveries = Deliveries(app.deliverer, instance.clock, instruments.journal.mask)
    return Cockpit(
        "ServiceNow",
        instruments,
        _explaining(checks),
        keys,
        pages={
            "/approvals": Page(ApprovalRecords(instance, app.tables).show, tab="Approvals"),
            "/deliveries": Page(deliveries.show, tab="Deliveries"),
        },
        package="mock_servicenow.ui",
    )


def _explaining(checks: ContractChecks) -> Explain:
    def explain(exchange: Exchange) -> Explanation:
        contract = checks.contract(exchange)
        summary = "" if contract is None else contract.summary
        if exchange.direction == "out":
            return Explanation("Console", summary)
        # Pages for people are outside of /api/; nothing else distinguishes the callers.
        usual = "API client" if exchange.url.startswith("/api/") else "Browser"
        return Explanation(usual if contract is None else _CALLERS.get(contract.caller, usual), summary)

    return explain


class ApprovalRow(Struct, frozen=True):
    """One approval request; ``form`` and ``sequence`` are the addresses of its record and of its sequence diagram."""

    request_id: str
    status: str
    asked: str
    form: str
    sequence: str


class ApprovalRecords:
    """The newest approval requests."""

    def __init__(self, instance: Instance, tables: AppTables) -> None:
        self._instance = instance
        self._table = tables.request

    async def show(self, visit: Visit) -> web.Response:
        """Show the page."""
        approvals = await self._instance.run(self._rows)
        return await visit.page("cockpit/approvals.html", title="Approvals", approvals=approvals)

    def _rows(self) -> list[ApprovalRow]:
        with self._instance.transaction(self._instance.system) as session:
            return [self._row(record) for some in session.newest(self._table.name, ROWS) for record in some]

    def _row(self, record: Record) -> ApprovalRow:
        request = self._table.row(record)
        about = urlencode([("about", request.request_id), ("about", request.sys_id)])
        return ApprovalRow(
            request.request_id,
            request.status,
            request.created_on,
            f"/{self._table.name}.do?sys_id={request.sys_id}",
            f"{COCKPIT}/sequence?{about}",
        )


class Deliveries:
    """The newest decisions, with their attempts and the time of the next."""

    def __init__(self, deliverer: Deliverer, clock: Clock, mask: Callable[[str], str]) -> None:
        self._deliverer = deliverer
        self._clock = clock
        self._mask = mask

    async def show(self, visit: Visit) -> web.Response:
        """Show the page."""
        deliveries = [self._row(each) for each in await self._deliverer.newest(ROWS)]
        return await visit.page("cockpit/deliveries.html", title="Deliveries", deliveries=deliveries)

    def _row(self, delivery: Mapping[str, Any]) -> dict[str, Any]:
        attempts = delivery["attempts"]
        next_at = delivery["next_attempt_at"] and datetime.fromisoformat(delivery["next_attempt_at"])
        return {
            **delivery,
            "error": self._mask(delivery["error"]),
            "tone": _TONES.get(delivery["state"], "quiet"),
            "attempts": [{**each, "at": datetime.fromisoformat(each["at"])} for each in attempts[-ATTEMPTS:]],
            "earlier": len(attempts[:-ATTEMPTS]),
            "next_at": next_at,
            "remaining": next_at and (in_words(next_at - self._clock.now()) or "now"),
            "sequence": f"{COCKPIT}/sequence?{urlencode({'about': delivery['request_id']})}",
        }
