"""What is on its way to ServiceNow: attempts, and the time of the next."""

from collections.abc import Callable
from itertools import islice

from aiohttp import web

from console_sim.console import Console
from console_sim.server_tasks import Waiting
from privman_core.pages.cockpit import Cockpit
from privman_core.pages.sequence import in_words

ROWS = 50


class DeliveriesPage:
    """The server tasks that wait for their next attempt, and the last attempts."""

    def __init__(self, cockpit: Cockpit, console: Console, mask: Callable[[str], str]) -> None:
        self._cockpit = cockpit
        self._clock = console.clock
        self._server_tasks = console.server_tasks
        self._mask = mask

    async def show(self, request: web.Request) -> web.Response:
        """Answer the page."""
        return self._cockpit.page(
            "deliveries.html",
            request,
            title="Deliveries",
            waiting=[(task, self._remaining(task)) for task in self._server_tasks.waiting()[:ROWS]],
            runs=list(islice(reversed(self._server_tasks.runs), ROWS)),
            mask=self._mask,
        )

    def _remaining(self, task: Waiting) -> str:
        return in_words(task.next_at - self._clock.now()) or "now"
