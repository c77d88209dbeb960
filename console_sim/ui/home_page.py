"""The first page: how far the set-up has come."""

from aiohttp import web

from console_sim.console import Console
from console_sim.ui.frame import Frame
from console_sim.ui.visit import Visit


class HomePage:
    """The first page."""

    def __init__(self, console: Console, frame: Frame) -> None:
        self._console = console
        self._frame = frame

    async def show(self, visit: Visit) -> web.Response:
        """Answer the page."""
        store = self._console.store
        return self._frame.page("home.html", visit, store=store, system=store.foreign_system, user=store.api_user)
