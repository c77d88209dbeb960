"""The tester's cockpit of the console, put together."""

from collections.abc import Callable

from console_sim.console import Console
from console_sim.contract_checks import ContractChecks
from console_sim.ui.cockpit.approvals_page import ApprovalsPage
from console_sim.ui.cockpit.deliveries_page import DeliveriesPage
from privman_core.exchange import Exchange
from privman_core.instruments import Instruments
from privman_core.pages.cockpit import Cockpit
from privman_core.pages.cockpit_frame import Tab
from privman_core.pages.cockpit_keys import CockpitKeys
from privman_core.pages.instruments import Explain, Told


def build_cockpit(
    console: Console,
    instruments: Instruments,
    checks: ContractChecks,
    keys: CockpitKeys,
    mask: Callable[[str], str],
) -> Cockpit:
    """Return the cockpit of a console, under ``/__cockpit``; ``mask`` hides secrets in ServiceNow's own words."""
    cockpit = Cockpit("Console", instruments, _explaining(checks), keys, "console_sim.ui.cockpit")
    cockpit.add(Tab("Approvals", "/approvals"), ApprovalsPage(cockpit, console).show)
    cockpit.add(Tab("Deliveries", "/deliveries"), DeliveriesPage(cockpit, console, mask).show)
    return cockpit


def _explaining(checks: ContractChecks) -> Explain:
    def explain(exchange: Exchange) -> Told:
        contract = checks.contract(exchange)
        words = "" if contract is None else contract.summary
        if exchange.direction == "out":
            return Told("ServiceNow", words)
        # People's pages stand outside of /Tms/; of an API client nothing is known but what it calls.
        usual = "API client" if exchange.url.lower().startswith("/tms/") else "Browser"
        return Told(usual if contract is None else "ServiceNow", words)

    return explain
