"""The tester's cockpit of the instance, put together."""

from mock_servicenow.contract_checks import ContractChecks
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.privilege_manager.app import PrivilegeManagerApp
from mock_servicenow.ui.cockpit.approvals_page import ApprovalsPage
from mock_servicenow.ui.cockpit.deliveries_page import DeliveriesPage
from privman_core.exchange import Exchange
from privman_core.instruments import Instruments
from privman_core.pages.cockpit import Cockpit
from privman_core.pages.cockpit_frame import Tab
from privman_core.pages.cockpit_keys import CockpitKeys
from privman_core.pages.instruments import Explain, Told

_CALLERS = {"console": "Console", "approver": "Approver"}


def build_cockpit(
    instance: Instance,
    app: PrivilegeManagerApp,
    instruments: Instruments,
    checks: ContractChecks,
    keys: CockpitKeys,
) -> Cockpit:
    """Return the cockpit of an instance with its app, under ``/__cockpit``."""
    cockpit = Cockpit("ServiceNow", instruments, _explaining(checks), keys, "mock_servicenow.ui.cockpit")
    cockpit.add(Tab("Approvals", "/approvals"), ApprovalsPage(cockpit, instance, app.tables).show)
    deliveries = DeliveriesPage(cockpit, app.deliverer, instance.clock, instruments.journal.mask)
    cockpit.add(Tab("Deliveries", "/deliveries"), deliveries.show)
    return cockpit


def _explaining(checks: ContractChecks) -> Explain:
    def explain(exchange: Exchange) -> Told:
        contract = checks.contract(exchange)
        words = "" if contract is None else contract.summary
        if exchange.direction == "out":
            return Told("Console", words)
        # People's pages stand outside of /api/; of an API client nothing is known but what it calls.
        usual = "API client" if exchange.url.startswith("/api/") else "Browser"
        return Told(usual if contract is None else _CALLERS.get(contract.caller, usual), words)

    return explain
