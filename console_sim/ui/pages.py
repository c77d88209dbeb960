"""Where the console's pages are."""

from aiohttp import web

from console_sim.console import Console
from console_sim.settings import Settings
from console_sim.ui import advanced_page as advanced
from console_sim.ui import approvals_page as approvals
from console_sim.ui import credentials_page as credentials
from console_sim.ui import foreign_systems_page as systems
from console_sim.ui import messaging_page as messaging
from console_sim.ui import users_page as users
from console_sim.ui.endpoint_page import EndpointPage
from console_sim.ui.frame import APPROVALS, ASSETS, CONFIGURATION, ENDPOINT, HOME, SERVER_TASKS, USERS, Frame
from console_sim.ui.gate import LOG_IN, LOG_OUT, Gate, Page
from console_sim.ui.home_page import HomePage
from console_sim.ui.login import Login
from console_sim.ui.server_tasks_page import ServerTasksPage
from console_sim.ui.sessions import BrowserSessions
from console_sim.ui.visit import Visit
from privman_core.control import COCKPIT
from privman_core.ids import Ids
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.pages.answers import see
from privman_core.pages.assets import SHARED, Assets

# By address: what is shown there, and what a form does that is posted there.
Addresses = dict[str, tuple[Page | None, Page | None]]


class Pages:
    """The console's pages.

    Args:
        secrets: are masked wherever a page repeats ServiceNow's words.
        ids: draws sessions, apart from the console's own identifiers.
        journal: records what people post.
    """

    def __init__(self, settings: Settings, console: Console, *, secrets: Secrets, ids: Ids, journal: Journal) -> None:
        frame = Frame(ids.token(), secrets.mask, COCKPIT if settings.control_plane else "")
        sessions = BrowserSessions(console.clock, ids)
        login = Login(sessions, frame, settings)
        opened_here = settings.control_plane and not settings.admin_token
        self._gate = Gate(sessions, frame, journal, opened_here=opened_here)
        self._open: Addresses = {LOG_IN: (login.show, login.log_in)}
        self._closed: Addresses = {
            LOG_OUT: (None, login.log_out),
            **_configuration(settings, console, frame),
            **_others(console, frame),
        }

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        routes = Assets(ASSETS, "console_sim.ui", SHARED).routes()
        for guard, addresses in ((self._gate.open, self._open), (self._gate.closed, self._closed)):
            for address, (shown, posted) in addresses.items():
                routes += [] if shown is None else [web.get(address, guard(shown))]
                routes += [] if posted is None else [web.post(address, guard(posted))]
        return routes

    def is_page(self, request: web.Request) -> bool:
        """Tell whether a request is for one of these pages."""
        return request.path in self._open or request.path in self._closed or request.path.startswith(f"{ASSETS}/")


def _configuration(settings: Settings, console: Console, frame: Frame) -> Addresses:
    credential = credentials.CredentialsPage(console, frame)
    system = systems.ForeignSystemsPage(settings, console, frame)
    webhook = messaging.MessagingPage(console.foreign_systems, frame)
    api_settings = advanced.AdvancedPage(console.store, frame)
    return {
        CONFIGURATION: (_to_first_tab, None),
        credentials.LIST: (credential.show_all, None),
        credentials.NEW: (credential.show_new, credential.create),
        credentials.ONE: (credential.show, credential.change),
        systems.LIST: (system.show_all, None),
        systems.NEW: (system.show_new, system.create),
        systems.ONE: (system.show, system.change),
        messaging.LIST: (webhook.show_all, None),
        messaging.ONE: (webhook.show, None),
        advanced.PAGE: (api_settings.show, api_settings.change),
    }


def _others(console: Console, frame: Frame) -> Addresses:
    approval = approvals.ApprovalsPage(console, frame)
    user = users.UsersPage(console, frame)
    endpoint = EndpointPage(console.approvals, frame)
    return {
        HOME: (HomePage(console, frame).show, None),
        APPROVALS: (approval.show, None),
        approvals.DECIDE: (None, approval.decide),
        USERS: (user.show_all, None),
        users.NEW: (user.show_new, user.create),
        users.ONE: (user.show, user.change),
        users.RESET: (None, user.reset_secret),
        SERVER_TASKS: (ServerTasksPage(console.server_tasks, frame).show, None),
        ENDPOINT: (endpoint.show, endpoint.ask),
    }


async def _to_first_tab(_visit: Visit) -> web.Response:
    return see(credentials.LIST)
