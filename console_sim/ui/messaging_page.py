"""Configuration, Messaging: Webhook Configuration (integration 2.11)."""

from aiohttp import web

from console_sim.errors import NotFoundError
from console_sim.foreign_system import CREATED_BY, WEBHOOK_EVENT, WEBHOOK_TYPE
from console_sim.foreign_systems import ForeignSystems
from console_sim.ui.frame import CONFIGURATION, Frame
from console_sim.ui.visit import Visit

LIST = f"{CONFIGURATION}/messaging"
ONE = f"{LIST}/webhook"


class MessagingPage:
    """The list of webhooks and the details of one."""

    def __init__(self, foreign_systems: ForeignSystems, frame: Frame) -> None:
        self._foreign_systems = foreign_systems
        self._frame = frame

    async def show_all(self, visit: Visit) -> web.Response:
        """Answer the list."""
        webhooks = self._foreign_systems.webhooks()
        return self._frame.page("messaging.html", visit, webhooks=webhooks, author=CREATED_BY, one=ONE)

    async def show(self, visit: Visit) -> web.Response:
        """Answer the details of one webhook; raises NotFoundError."""
        name = visit.request.query.get("name", "")
        found = next((each for each in self._foreign_systems.webhooks() if each.name == name), None)
        if found is None:
            raise NotFoundError(f"there is no webhook {name!r}")
        return self._frame.page("webhook.html", visit, webhook=found, type=WEBHOOK_TYPE, event=WEBHOOK_EVENT, list=LIST)
