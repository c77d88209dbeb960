"""The application navigator."""

from aiohttp import web
from msgspec import Struct

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import User
from mock_servicenow.ui.instance_gate import InstanceVisit, own_page
from privman_core.pages.rendering import see


class Module(Struct, frozen=True):
    """One entry: a table's list."""

    label: str
    table: str

    @property
    def url(self) -> str:
        """The address of the list."""
        return f"/{self.table}_list.do"


class Application(Struct, frozen=True):
    """One group of entries."""

    label: str
    modules: tuple[Module, ...]


class Navigator:
    """The modules of the app, and every other table under its label.

    Args:
        instance: has the tables.
        application: the app's own modules.
        hidden: names of tables that no page shows.
    """

    def __init__(self, instance: Instance, application: Application, hidden: frozenset[str]) -> None:
        self._instance = instance
        self._application = application
        self._hidden = hidden

    async def show(self, visit: InstanceVisit) -> web.Response:
        """Show the page; ``sysparm_filter`` keeps the modules whose label or table has that text."""
        wanted = visit.query.get("sysparm_filter", "").strip()
        applications = await self._instance.run(lambda: self._applications(visit.user, wanted.lower()))
        return await visit.page("navigator.html", title="All applications", wanted=wanted, applications=applications)

    async def lead(self, visit: InstanceVisit) -> web.Response:
        """Continue to the page that ``uri`` names, as links in ServiceNow's e-mails do."""
        return see(own_page(visit.query.get("uri", "")))

    def _applications(self, user: User, wanted: str) -> list[Application]:
        own = self._application
        known = {module.table for module in own.modules} | self._hidden
        others = [Module(table.label, table.name) for table in self._instance.dictionary if table.name not in known]
        tables = Application("All tables", tuple(sorted(others, key=lambda module: (module.label, module.table))))
        with self._instance.transaction(user) as session:
            return [
                Application(each.label, modules)
                for each in (own, tables)
                if (
                    modules := tuple(
                        module
                        for module in each.modules
                        if wanted in f"{module.label} {module.table}".lower() and session.may("read", module.table)
                    )
                )
            ]
