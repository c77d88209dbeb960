"""One request of a browser."""

from dataclasses import dataclass

from aiohttp import web

from console_sim.errors import ConflictError
from console_sim.ui.form import Form
from console_sim.ui.sessions import BrowserSession
from privman_core.ids import is_same

VERSION = "version"


@dataclass(slots=True)
class Visit:
    """One request of a browser; the form is empty unless one was posted."""

    request: web.Request
    session: BrowserSession
    form: Form

    def require(self, version: str) -> None:
        """Raise ConflictError unless the form was filled in from what is stored now."""
        if not is_same(version, self.form.value(VERSION)):
            raise ConflictError("it was changed since you opened the page, so nothing was saved; open the page again")
