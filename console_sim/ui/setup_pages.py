"""Pages about the set-up: Home, API Settings, the webhooks and the server tasks (integration 2.1, 2.8, 2.11)."""

from itertools import islice

from aiohttp import web

from console_sim.console import Console
from console_sim.errors import NotFoundError
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import ADVANCED, MESSAGING
from console_sim.webhook import CREATED_BY, WEBHOOK_TYPE
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see

TASKS_SHOWN = 100


class SetupPages:
    """Home, API Settings, Messaging and Server Tasks."""

    def __init__(self, console: Console) -> None:
        self._store = console.store
        self._webhooks = console.webhooks
        self._server_tasks = console.server_tasks

    async def home(self, visit: ConsoleVisit) -> web.Response:
        """Show which steps of the set-up are done."""
        store = self._store
        return await visit.page(
            "home.html", store=store, system=store.foreign_systems.only(), user=store.api_users.only()
        )

    async def api_settings(self, visit: ConsoleVisit) -> web.Response:
        """Show API Enabled."""
        form = Form({"api_enabled": "yes" if self._store.api_enabled else ""})
        return await visit.form_page("advanced.html", form, version=visit.version(self._store.api_enabled))

    async def change_api_settings(self, visit: ConsoleVisit) -> web.Response:
        """Set API Enabled; raises ConflictError."""
        visit.require(visit.version(self._store.api_enabled))
        self._store.enable_api(enabled=visit.form.ticked("api_enabled"))
        return see(f"{ADVANCED}?done=saved")

    async def webhooks(self, visit: ConsoleVisit) -> web.Response:
        """Show the list of webhooks."""
        webhooks, one = list(self._webhooks), f"{MESSAGING}/webhook"
        return await visit.page("messaging.html", webhooks=webhooks, author=CREATED_BY, one=one)

    async def webhook(self, visit: ConsoleVisit) -> web.Response:
        """Show one webhook; raises NotFoundError."""
        name = visit.query.get("name", "")
        found = next((each for each in self._webhooks if each.name == name), None)
        if found is None:
            raise NotFoundError(f"webhook {name!r} does not exist")
        return await visit.page("webhook.html", webhook=found, type=WEBHOOK_TYPE, list=MESSAGING)

    async def server_tasks(self, visit: ConsoleVisit) -> web.Response:
        """Show the newest attempts of server tasks."""
        runs = list(islice(reversed(self._server_tasks.runs), TASKS_SHOWN))
        return await visit.page("server_tasks.html", runs=runs)
