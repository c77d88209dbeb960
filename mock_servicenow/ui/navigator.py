"""The application navigator."""

from aiohttp import web

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import User
from mock_servicenow.ui.frame import Application, Frame, Module
from mock_servicenow.ui.links import own_page
from mock_servicenow.ui.visit import Visit
from privman_core.pages.answers import see, to_page


class Navigator:
    """The modules of the app, and every other table under its label.

    Args:
        hidden: names of tables that no page shows.
    """

    def __init__(self, instance: Instance, frame: Frame, hidden: frozenset[str]) -> None:
        self._instance = instance
        self._frame = frame
        self._hidden = hidden

    async def show(self, visit: Visit, user: User) -> web.Response:
        """Answer the page; ``sysparm_filter`` leaves the modules whose label or table has that text."""
        wanted = visit.query.get("sysparm_filter", "").strip()
        applications = await self._instance.run(lambda: self._applications(user, wanted.lower()))
        html = self._frame.render(
            "navigator.html", visit, title="All applications", wanted=wanted, applications=applications
        )
        return to_page(html)

    async def lead(self, visit: Visit, _user: User) -> web.Response:
        """Go on to the page that ``uri`` names, as the links do that people are sent."""
        return see(own_page(visit.query.get("uri", "")))

    def _applications(self, user: User, wanted: str) -> list[Application]:
        own = self._frame.application
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
