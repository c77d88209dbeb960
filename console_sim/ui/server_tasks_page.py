"""Server Tasks: what ran in the background, with its outcome (integration 2.8)."""

from itertools import islice

from aiohttp import web

from console_sim.server_tasks import ServerTasks
from console_sim.ui.frame import Frame
from console_sim.ui.visit import Visit

SHOWN = 100


class ServerTasksPage:
    """The newest attempts of server tasks."""

    def __init__(self, server_tasks: ServerTasks, frame: Frame) -> None:
        self._server_tasks = server_tasks
        self._frame = frame

    async def show(self, visit: Visit) -> web.Response:
        """Answer the list, newest first."""
        return self._frame.page("server_tasks.html", visit, runs=list(islice(reversed(self._server_tasks.runs), SHOWN)))
