"""The table of the instance's pages."""

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.privilege_manager.approval_requests import ActivityTypes
from mock_servicenow.privilege_manager.tables import AppTables, RequestRow, ResponseRow
from mock_servicenow.ui.decisions import Decisions
from mock_servicenow.ui.form_page import FormPage
from mock_servicenow.ui.import_page import MOST_BYTES, ImportPage
from mock_servicenow.ui.instance_gate import LOG_IN, InstanceGate, InstanceVisit, LoginPage
from mock_servicenow.ui.list_page import ListPage
from mock_servicenow.ui.metadata_entries import MetadataColumn
from mock_servicenow.ui.navigator import Application, Module, Navigator
from mock_servicenow.ui.visible_schema import VisibleTables
from privman_core.journal import Journal
from privman_core.pages.rendering import SHARED, Assets, Templates
from privman_core.pages.site import TO_LOG_IN, Frame, Page, Site

InstanceSite = Site[InstanceVisit]
_LIST = "/{table:[a-z0-9_]+}_list.do"
# The OAuth endpoints have the form of a table's page.
_FORM = "/{table:(?!oauth_(?:auth|token|revoke_token)[.])[a-z0-9_]+}.do"


def build_pages(
    instance: Instance, tables: AppTables, activity_types: ActivityTypes, journal: Journal, cockpit: str
) -> InstanceSite:
    """Return the pages of an instance.

    Args:
        instance: has the records.
        tables: the app's; those of its secrets and deliveries have no page.
        activity_types: define how a request may be decided.
        journal: records posted forms.
        cockpit: path of the tester's cockpit; empty if there is none.
    """
    application = _application(tables)
    login, navigator = LoginPage(instance), Navigator(instance, application, tables.hidden)
    imports, visible = ImportPage(instance), VisibleTables(instance, tables.hidden)
    place = tables.request.name, tables.request[RequestRow.metadata]
    titles = {module.table: module.label for module in application.modules}
    decisions, metadata = Decisions(tables, activity_types), MetadataColumn(place, tables.chief_metadata)
    listing = ListPage(instance, visible, metadata, decisions, titles)
    kept = {tables.response.name: frozenset({tables.response[ResponseRow.request_id]})}
    form = FormPage(instance, visible, decisions, kept)
    table: dict[str, Page[InstanceVisit]] = {
        "/": Page(navigator.show),
        "/nav_to.do": Page(navigator.lead, unlinked="links in e-mails lead here"),
        LOG_IN: Page(login.show, login.log_in, public=True, unlinked=TO_LOG_IN),
        "/logout.do": Page(None, login.log_out),
        "/upload.do": Page(imports.show, unlinked="lists lead administrators here"),
        "/sys_upload.do": Page(None, imports.upload, largest=MOST_BYTES),
        _LIST: Page(listing.show, listing.act),
        _FORM: Page(form.show, form.save),
    }
    assets = Assets("/ui", "mock_servicenow.ui", SHARED)
    frame = Frame(
        Templates("mock_servicenow.ui", SHARED),
        "base.html",
        "sysparm_ck",
        site="ServiceNow",
        assets=assets.prefix,
        home="/",
        home_label="All applications",
        application=application,
        cockpit=cockpit,
    )
    return Site(table, InstanceGate(instance, frame), assets, journal)


def _application(tables: AppTables) -> Application:
    """Return the app's modules under the names that the integration's documentation uses."""
    return Application(
        "Thycotic Privilege Manager",
        (
            Module("Integration Configuration", tables.configuration.name),
            Module("Activity types", tables.activity_type.name),
            Module("Requests", tables.request.name),
            Module("Responses", tables.response.name),
        ),
    )
