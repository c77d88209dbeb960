"""Pages that only show: Home with the state of the set-up, and Server Tasks (integration 2.8)."""

from itertools import islice

from aiohttp import web

from console_sim.console import Console
from console_sim.ui.console_gate import ConsoleVisit

SHOWN = 100


class StatusPages:
    """Home and Server Tasks."""

    def __init__(self, console: Console) -> None:
        self._store = console.store
        self._server_tasks = console.server_tasks

    async def home(self, visit: ConsoleVisit) -> web.Response:
        """Show which steps of the set-up are done."""
        store = self._store
        return await visit.page("home.html", store=store, system=store.foreign_system, user=store.api_user)

    async def server_tasks(self, visit: ConsoleVisit) -> web.Response:
        """Show the newest attempts of server tasks."""
        return await visit.page("server_tasks.html", runs=list(islice(reversed(self._server_tasks.runs), SHOWN)))
