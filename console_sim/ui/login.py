"""Logging in with the control plane's token."""

from aiohttp import web

from console_sim.errors import ForbiddenError
from console_sim.settings import Settings
from console_sim.ui.form import Form
from console_sim.ui.frame import HOME, Frame
from console_sim.ui.gate import LOG_IN
from console_sim.ui.sessions import BrowserSessions
from console_sim.ui.visit import Visit
from privman_core.ids import is_same
from privman_core.pages.answers import see

_TOKEN = "start the console with a token in CONSOLE_SIM_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
_CLOSED_HERE = (
    "these pages answer browsers on this machine that open them at localhost or 127.0.0.1; "
    f"to let others log in, {_TOKEN}"
)
_CLOSED = f"with --no-admin these pages demand a log-in; to log in, {_TOKEN}"


class Login:
    """The log-in page; without a token there is none."""

    def __init__(self, sessions: BrowserSessions, frame: Frame, settings: Settings) -> None:
        self._sessions = sessions
        self._frame = frame
        self._admin_token = settings.admin_token
        self._refusal = _CLOSED_HERE if settings.control_plane else _CLOSED

    async def show(self, visit: Visit) -> web.Response:
        """Answer the page; raises ForbiddenError."""
        return self._page(visit, Form())

    async def log_in(self, visit: Visit) -> web.Response:
        """Open another session than before the log-in, so that nobody can have planted its cookie."""
        if is_same(self._admin_token, visit.form.value("key")):
            visit.session = self._sessions.open(trusted=True)
            return see(HOME)
        visit.form.complain("key", "is not the token that the console was started with")
        return self._page(visit, visit.form)

    async def log_out(self, visit: Visit) -> web.Response:
        """End the session."""
        self._sessions.close(visit.session)
        visit.session = self._sessions.open(trusted=False)
        return see(LOG_IN)

    def _page(self, visit: Visit, form: Form) -> web.Response:
        if not self._admin_token:
            raise ForbiddenError(self._refusal)
        return self._frame.page("login.html", visit, form)
