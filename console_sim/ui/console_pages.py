"""The table of the console's pages."""

from aiohttp import web

from console_sim.console import Console
from console_sim.settings import Settings
from console_sim.ui.action_pages import ActionPages
from console_sim.ui.approval_pages import CONFIRM, DECIDE, ManageApprovals
from console_sim.ui.console_gate import BrowserSessions, ConsoleGate, ConsoleVisit, TokenLogin
from console_sim.ui.credential_pages import CredentialPages
from console_sim.ui.endpoint_pages import EndpointForm
from console_sim.ui.foreign_system_pages import ForeignSystemPages
from console_sim.ui.history_pages import ApprovalHistory
from console_sim.ui.messaging_pages import MessagingPages
from console_sim.ui.navigation import (
    ACTIONS,
    ADVANCED,
    APPROVALS,
    AUTOMATION,
    CONFIGURATION,
    CONFIGURATION_TABS,
    CREDENTIALS,
    ENDPOINT,
    FOREIGN_SYSTEMS,
    GENERAL,
    HISTORY,
    HOME,
    LOG_IN,
    LOG_OUT,
    MESSAGING,
    POLICIES,
    PROCESSES,
    ROLES,
    SERVERS,
    TASK_TABS,
    TASKS,
    TYPES,
    USERS,
    modules,
    section,
)
from console_sim.ui.policy_pages import PolicyPages
from console_sim.ui.process_pages import ProcessPages
from console_sim.ui.role_pages import RolePages
from console_sim.ui.setup_pages import SetupPages
from console_sim.ui.type_pages import TypePages
from console_sim.ui.user_pages import UserPages
from privman_core.cockpit.addresses import exchange_page, search_page
from privman_core.control import COCKPIT
from privman_core.ids import Ids
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.pages.rendering import SHARED, Assets, Templates, see
from privman_core.pages.site import TO_LOG_IN, Frame, Page, Show, Site

ConsolePage = Page[ConsoleVisit]


def build_pages(
    settings: Settings, console: Console, *, secrets: Secrets, ids: Ids, journal: Journal
) -> Site[ConsoleVisit]:
    """Return the pages of a console.

    Args:
        settings: decide who must log in, and whether there is what the vendor does not document.
        console: the console behind the pages.
        secrets: masked in messages from ServiceNow.
        ids: draws sessions, and new Client Ids and Secrets, independently of the console's own identifiers.
        journal: records posted forms.
    """
    key, sessions = ids.token(), BrowserSessions(console.clock, ids)
    login, extras = TokenLogin(sessions, settings), not settings.documented_only
    table: dict[str, ConsolePage] = {
        LOG_IN: Page(login.show, login.log_in, public=True, unlinked=TO_LOG_IN),
        LOG_OUT: Page(None, login.log_out),
        **_configuration(settings, console),
        **_automation(console),
        **_people(console, ids, extras=extras),
        **(_extras(console) if extras else {}),
    }
    assets = Assets("/ui", "console_sim.ui", SHARED)
    frame = Frame(
        Templates("console_sim.ui", SHARED),
        "base.html",
        "__RequestVerificationToken",
        site="Privilege Manager",
        assets=assets.prefix,
        home=HOME,
        home_label="Home",
        modules=modules(extras=extras),
        section=section,
        configuration_tabs=CONFIGURATION_TABS,
        task_tabs=TASK_TABS,
        extras=extras,
        mask=secrets.mask,
        cockpit=COCKPIT if settings.control_plane else "",
        exchange_page=exchange_page,
        search_page=search_page,
    )
    opened_here = settings.control_plane and not settings.admin_token
    return Site(table, ConsoleGate(sessions, frame, key, secrets.mask, opened_here=opened_here), assets, journal)


def _configuration(settings: Settings, console: Console) -> dict[str, ConsolePage]:
    setup, credentials = SetupPages(console, extras=not settings.documented_only), CredentialPages(console)
    systems, messaging = ForeignSystemPages(settings, console), MessagingPages(console)
    return {
        HOME: Page(setup.home),
        TASKS: Page(setup.server_tasks),
        CONFIGURATION: Page(_to(GENERAL)),
        GENERAL: Page(setup.general),
        CREDENTIALS: Page(credentials.index),
        f"{CREDENTIALS}/create": Page(credentials.show_new, credentials.create),
        f"{CREDENTIALS}/edit": Page(credentials.show, credentials.change),
        FOREIGN_SYSTEMS: Page(systems.index),
        SERVERS: Page(systems.servers),
        f"{SERVERS}/create": Page(systems.show_new, systems.create),
        f"{SERVERS}/server": Page(systems.show, systems.change),
        MESSAGING: Page(messaging.index),
        f"{MESSAGING}/create": Page(messaging.show_new, messaging.create),
        f"{MESSAGING}/webhook": Page(messaging.show, messaging.change),
        ADVANCED: Page(setup.api_settings, setup.change_api_settings),
    }


def _automation(console: Console) -> dict[str, ConsolePage]:
    processes, types = ProcessPages(console), TypePages(console)
    actions, policies = ActionPages(console), PolicyPages(console)
    return {
        AUTOMATION: Page(_to(PROCESSES)),
        PROCESSES: Page(processes.index),
        f"{PROCESSES}/create": Page(processes.show_new, processes.create),
        f"{PROCESSES}/process": Page(processes.show, processes.change),
        TYPES: Page(types.index),
        f"{TYPES}/create": Page(types.show_new, types.create),
        f"{TYPES}/duplicate": Page(types.show_duplicate, types.duplicate),
        f"{TYPES}/type": Page(types.show, types.change),
        ACTIONS: Page(actions.index),
        f"{ACTIONS}/action": Page(actions.show, actions.change),
        f"{ACTIONS}/duplicate": Page(actions.show_duplicate, actions.duplicate),
        POLICIES: Page(policies.index),
        f"{POLICIES}/create": Page(policies.show_new, policies.create),
        f"{POLICIES}/policy": Page(policies.show, policies.change),
    }


def _people(console: Console, ids: Ids, *, extras: bool) -> dict[str, ConsolePage]:
    approvals, endpoint = ManageApprovals(console, extras=extras), EndpointForm(console)
    users, roles = UserPages(console, ids), RolePages(console, extras=extras)
    return {
        APPROVALS: Page(approvals.show, approvals.act),
        CONFIRM: Page(approvals.show_confirmation, approvals.confirm, unlinked="the button Approve leads here"),
        USERS: Page(users.index),
        f"{USERS}/create": Page(users.show_new, users.create),
        f"{USERS}/api-client": Page(users.show, users.change),
        f"{USERS}/api-client/reset-secret": Page(users.show_reset, users.reset_secret),
        ROLES: Page(roles.index),
        f"{ROLES}/role": Page(roles.show, roles.save),
        f"{ROLES}/role/members": Page(roles.edit),
        ENDPOINT: Page(endpoint.show, endpoint.run),
    }


def _extras(console: Console) -> dict[str, ConsolePage]:
    """Return the pages that the vendor does not document."""
    history = ApprovalHistory(console)
    return {HISTORY: Page(history.show), DECIDE: Page(history.show_decision, history.decide)}


def _to(path: str) -> Show[ConsoleVisit]:
    async def show(_visit: ConsoleVisit) -> web.Response:
        return see(path)

    return show
