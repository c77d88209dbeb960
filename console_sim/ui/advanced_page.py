"""Configuration, Advanced: API Settings (integration 2.1)."""

from aiohttp import web

from console_sim.store import Store
from console_sim.ui.form import Form
from console_sim.ui.frame import CONFIGURATION, Frame
from console_sim.ui.visit import Visit
from privman_core.pages.answers import see

PAGE = f"{CONFIGURATION}/advanced"


class AdvancedPage:
    """The switch that webhooks need."""

    def __init__(self, store: Store, frame: Frame) -> None:
        self._store = store
        self._frame = frame

    async def show(self, visit: Visit) -> web.Response:
        """Answer the form."""
        form = Form({"api_enabled": "yes" if self._store.api_enabled else ""})
        return self._frame.page("advanced.html", visit, form, version=self._version())

    async def change(self, visit: Visit) -> web.Response:
        """Set API Enabled; raises ConflictError."""
        visit.require(self._version())
        self._store.enable_api(enabled=visit.form.ticked("api_enabled"))
        return see(f"{PAGE}?done=saved")

    def _version(self) -> str:
        return self._frame.version(self._store.api_enabled)
