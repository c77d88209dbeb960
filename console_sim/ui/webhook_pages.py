"""Configuration, Messaging and Advanced: the webhooks, and API Enabled, which they need (integration 2.1, 2.11)."""

from aiohttp import web

from console_sim.console import Console
from console_sim.errors import NotFoundError
from console_sim.foreign_system import CREATED_BY, WEBHOOK_EVENT, WEBHOOK_TYPE
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import ADVANCED, MESSAGING
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see


class WebhookPages:
    """The webhooks and API Settings."""

    def __init__(self, console: Console) -> None:
        self._store = console.store
        self._foreign_systems = console.foreign_systems

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the webhooks."""
        webhooks, one = self._foreign_systems.webhooks(), f"{MESSAGING}/webhook"
        return await visit.page("messaging.html", webhooks=webhooks, author=CREATED_BY, one=one)

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show one webhook; raises NotFoundError."""
        name = visit.query.get("name", "")
        found = next((each for each in self._foreign_systems.webhooks() if each.name == name), None)
        if found is None:
            raise NotFoundError(f"webhook {name!r} does not exist")
        return await visit.page("webhook.html", webhook=found, type=WEBHOOK_TYPE, event=WEBHOOK_EVENT, list=MESSAGING)

    async def show_api(self, visit: ConsoleVisit) -> web.Response:
        """Show API Settings."""
        form = Form({"api_enabled": "yes" if self._store.api_enabled else ""})
        return await visit.form_page("advanced.html", form, version=visit.version(self._store.api_enabled))

    async def change_api(self, visit: ConsoleVisit) -> web.Response:
        """Set API Enabled; raises ConflictError."""
        visit.require(visit.version(self._store.api_enabled))
        self._store.enable_api(enabled=visit.form.ticked("api_enabled"))
        return see(f"{ADVANCED}?done=saved")
