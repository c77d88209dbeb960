"""The table of the console's pages."""

from aiohttp import web

from console_sim.console import Console
from console_sim.settings import Settings
from console_sim.ui.approval_pages import EndpointForm, ManageApprovals
from console_sim.ui.console_gate import BrowserSessions, ConsoleGate, ConsoleVisit, TokenLogin
from console_sim.ui.credential_pages import CredentialPages
from console_sim.ui.foreign_system_pages import ForeignSystemPages
from console_sim.ui.navigation import (
    ADVANCED,
    APPROVALS,
    CONFIGURATION,
    CREDENTIALS,
    ENDPOINT,
    FOREIGN_SYSTEMS,
    HOME,
    LOG_IN,
    LOG_OUT,
    MESSAGING,
    MODULES,
    SERVER_TASKS,
    TABS,
    USERS,
)
from console_sim.ui.setup_pages import SetupPages
from console_sim.ui.user_pages import UserPages
from privman_core.control import COCKPIT
from privman_core.ids import Ids
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.pages.rendering import SHARED, Assets, Templates, see
from privman_core.pages.site import TO_LOG_IN, Frame, Page, Site

ConsolePage = Page[ConsoleVisit]


def build_pages(
    settings: Settings, console: Console, *, secrets: Secrets, ids: Ids, journal: Journal
) -> Site[ConsoleVisit]:
    """Return the pages of a console.

    Args:
        settings: decide who must log in.
        console: the console behind the pages.
        secrets: masked in messages from ServiceNow.
        ids: draws sessions, independently of the console's own identifiers.
        journal: records posted forms.
    """
    key, sessions = ids.token(), BrowserSessions(console.clock, ids)
    login = TokenLogin(sessions, settings)
    table: dict[str, ConsolePage] = {
        LOG_IN: Page(login.show, login.log_in, public=True, unlinked=TO_LOG_IN),
        LOG_OUT: Page(None, login.log_out),
        **_configuration(settings, console),
        **_people(console),
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
        modules=MODULES,
        tabs=TABS,
        mask=secrets.mask,
        cockpit=COCKPIT if settings.control_plane else "",
    )
    opened_here = settings.control_plane and not settings.admin_token
    return Site(table, ConsoleGate(sessions, frame, key, secrets.mask, opened_here=opened_here), assets, journal)


def _configuration(settings: Settings, console: Console) -> dict[str, ConsolePage]:
    setup, credentials = SetupPages(console), CredentialPages(console)
    systems = ForeignSystemPages(settings, console)
    return {
        HOME: Page(setup.home),
        SERVER_TASKS: Page(setup.server_tasks),
        CONFIGURATION: Page(_first_tab),
        CREDENTIALS: Page(credentials.index),
        f"{CREDENTIALS}/create": Page(credentials.show_new, credentials.create),
        f"{CREDENTIALS}/edit": Page(credentials.show, credentials.change),
        FOREIGN_SYSTEMS: Page(systems.index),
        f"{FOREIGN_SYSTEMS}/create": Page(systems.show_new, systems.create),
        f"{FOREIGN_SYSTEMS}/edit": Page(systems.show, systems.change),
        MESSAGING: Page(setup.webhooks),
        f"{MESSAGING}/webhook": Page(setup.webhook),
        ADVANCED: Page(setup.api_settings, setup.change_api_settings),
    }


def _people(console: Console) -> dict[str, ConsolePage]:
    approvals, endpoint = ManageApprovals(console), EndpointForm(console.approvals)
    users = UserPages(console)
    return {
        APPROVALS: Page(approvals.show),
        f"{APPROVALS}/decide": Page(None, approvals.decide),
        USERS: Page(users.index),
        f"{USERS}/create": Page(users.show_new, users.create),
        f"{USERS}/api-client": Page(users.show, users.change),
        f"{USERS}/api-client/reset-secret": Page(None, users.reset_secret),
        ENDPOINT: Page(endpoint.show, endpoint.ask),
    }


async def _first_tab(_visit: ConsoleVisit) -> web.Response:
    return see(CREDENTIALS)
