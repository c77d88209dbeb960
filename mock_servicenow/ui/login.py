"""Logging in and out."""

from aiohttp import web

from mock_servicenow.now_platform.identity.authentication import check_password
from mock_servicenow.now_platform.identity.roles import may_log_in
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import Holder, User
from mock_servicenow.ui.frame import Frame
from mock_servicenow.ui.links import is_own
from mock_servicenow.ui.visit import Visit
from privman_core.pages.answers import see, to_page


class Login:
    """The log-in page."""

    def __init__(self, instance: Instance, frame: Frame) -> None:
        self._instance = instance
        self._frame = frame

    async def show(self, visit: Visit) -> web.Response:
        """Answer the page."""
        return self._page(visit, visit.query.get("sysparm_goto", "/"), "")

    async def log_in(self, visit: Visit) -> web.Response:
        """Open a session of the user and go where he wanted to."""
        user_name, password = visit.last("user_name") or "", visit.last("user_password") or ""
        user = await self._instance.run(lambda: self._check(user_name, password))
        goto = visit.last("sysparm_goto") or "/"
        if user is None:
            return self._page(visit, goto, "User name or password invalid")
        # Another session than before the log-in, so that nobody can have planted its cookie.
        self._instance.web_sessions.close(visit.web_session.id)
        visit.web_session = self._instance.web_sessions.open(user.holder)
        return see(goto if is_own(goto) else "/")

    async def log_out(self, visit: Visit, _user: User) -> web.Response:
        """End the session."""
        self._instance.web_sessions.close(visit.web_session.id)
        visit.web_session = self._instance.web_sessions.open(Holder())
        return see("/login.do")

    def _page(self, visit: Visit, goto: str, error: str) -> web.Response:
        return to_page(self._frame.render("login.html", visit, title="Log in", goto=goto, error=error))

    def _check(self, user_name: str, password: str) -> User | None:
        with self._instance.transaction(self._instance.system) as session:
            user = check_password(session, user_name, password)
            return user if user is not None and may_log_in(session, user) else None
