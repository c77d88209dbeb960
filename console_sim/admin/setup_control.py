"""The set-up and what it leaves behind, on the control plane."""

from aiohttp import web

from console_sim.console import Console
from console_sim.foreign_system import ForeignSystem
from console_sim.own_url import own_url
from console_sim.settings import Settings
from console_sim.setup.order import read_order
from console_sim.setup.steps import Outcome
from privman_core.control import PREFIX, read_object, to_json


class SetupControl:
    """Runs the set-up and shows the Messaging tab."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post(f"{PREFIX}/setup", self.set_up),
            web.get(f"{PREFIX}/webhooks", self.webhooks),
        ]

    async def set_up(self, request: web.Request) -> web.Response:
        """Run the documented steps and answer after the first attempt of each."""
        order = read_order(await read_object(request), own_url(self._settings, request))
        outcomes = await self._console.setup.run(order)
        return to_json(setup_to_json(outcomes, self._console.foreign_systems.get()))

    async def webhooks(self, _request: web.Request) -> web.Response:
        """Answer what the Messaging tab lists."""
        return to_json({"webhooks": [webhook.to_json() for webhook in self._console.foreign_systems.webhooks()]})


def setup_to_json(outcomes: list[Outcome], system: ForeignSystem) -> dict[str, object]:
    """Return the outcomes, whether ServiceNow was reached as far as tried, the ids it has given, and the webhook."""
    unreachable = any(outcome.unreachable for outcome in outcomes)
    return {
        "steps": [outcome.to_json() for outcome in outcomes],
        "servicenow_reached": not unreachable,
        **system.ids_to_json(),
    }
