"""Every page of the instance, put together."""

from aiohttp import web

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.privilege_manager.requests import ActivityTypes
from mock_servicenow.privilege_manager.tables import AppTables
from mock_servicenow.ui.decisions import Decisions
from mock_servicenow.ui.form_page import FormPage
from mock_servicenow.ui.frame import ASSETS, Application, Frame, Module
from mock_servicenow.ui.gate import LOGIN, Gate
from mock_servicenow.ui.list_page import ListPage
from mock_servicenow.ui.login import Login
from mock_servicenow.ui.navigator import Navigator
from mock_servicenow.ui.tables import PageTables
from privman_core.journal import Journal
from privman_core.pages.assets import SHARED, Assets

# The OAuth end points are no tables.
_LIST = "/{table:[a-z0-9_]+}_list.do"
_FORM = "/{table:(?!oauth_(?:auth|token|revoke_token)[.])[a-z0-9_]+}.do"
NAV_TO = "/nav_to.do"
_PATHS = frozenset({"/", NAV_TO, "/login.do", "/logout.do", "/{table}_list.do", "/{table}.do", f"{ASSETS}/{{name}}"})


def routes(
    instance: Instance, tables: AppTables, activity_types: ActivityTypes, journal: Journal, cockpit: str
) -> list[web.RouteDef]:
    """Return the routes of the navigator, the log-in, and a list and a form for every table.

    Args:
        instance: whose pages they are.
        tables: the app's; those of its Secrets and of its deliveries have no page.
        activity_types: say how a request may be decided.
        journal: records what people post.
        cockpit: the address of the tester's cockpit, empty where there is none.
    """
    hidden = tables.hidden
    frame = Frame(_application(tables), cockpit)
    gate = Gate(instance, frame, journal)
    shown = PageTables(instance.dictionary, hidden)
    login, navigator = Login(instance, frame), Navigator(instance, frame, hidden)
    listing = ListPage(instance, frame, shown)
    form = FormPage(instance, frame, shown, Decisions(tables, activity_types))
    return [
        web.get("/", gate.closed(navigator.show)),
        web.get(NAV_TO, gate.closed(navigator.lead)),
        web.get(LOGIN, gate.open(login.show)),
        web.post(LOGIN, gate.open(login.log_in)),
        web.post("/logout.do", gate.closed(login.log_out)),
        web.get(_LIST, gate.closed(listing.show)),
        web.get(_FORM, gate.closed(form.show)),
        web.post(_FORM, gate.closed(form.save)),
        *Assets(ASSETS, "mock_servicenow.ui", SHARED).routes(),
    ]


def is_page(request: web.Request) -> bool:
    """Tell whether a request is for one of these pages."""
    resource = request.match_info.route.resource
    return resource is not None and resource.canonical in _PATHS


def _application(tables: AppTables) -> Application:
    """Return the navigator's group in the words of integration 1."""
    return Application(
        "Thycotic Privilege Manager",
        (
            Module("Integration Configuration", tables.configuration.name),
            Module("Activity types", tables.activity_type.name),
            Module("Requests", tables.request.name),
            Module("Responses", tables.response.name),
        ),
    )
