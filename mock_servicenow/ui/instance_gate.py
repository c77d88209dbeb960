"""The instance's gate: sessions, log-in and log-out, and platform errors as pages."""

from functools import partial
from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from mock_servicenow.now_platform.errors import PlatformError
from mock_servicenow.now_platform.identity.authentication import check_password
from mock_servicenow.now_platform.identity.roles import USER_TABLES, may_log_in, page_user
from mock_servicenow.now_platform.identity.web_sessions import COOKIE, WebSession
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.users import GUEST, NOBODY, Holder, User
from privman_core.cuts import cut
from privman_core.pages.forms import Form
from privman_core.pages.rendering import own_path, see
from privman_core.pages.site import Frame, Gate, PageError, Show, Visit

LOG_IN = "/login.do"
_LONGEST_NAME = 100


class InstanceVisit(Visit, kw_only=True):
    """One request of a browser, and the user behind it, who is the guest before the log-in."""

    session: WebSession
    user: User

    @property
    def logged_in(self) -> bool:
        """Whether a user has logged in."""
        return self.user is not GUEST


_PAGE_USERS = Fact("users who may open pages", *USER_TABLES)


class InstanceGate(Gate[InstanceVisit]):
    """Shows pages to users who have logged in, and sends others to the log-in page and back."""

    cookie = COOKIE

    def __init__(self, instance: Instance, frame: Frame) -> None:
        self._instance = instance
        self._frame = frame

    async def visit(self, request: web.Request, form: Form) -> InstanceVisit:
        """Return the visit that a request is."""
        # Looked up after the form has arrived, which may take long, so that the user's present rights count.
        session, user = await self._instance.run(lambda: self._recognized(request.cookies.get(COOKIE, "")))
        visit = InstanceVisit(request=request, frame=self._frame, session=session, form=form, user=user or GUEST)
        if user is not None:
            visit.findings.user, visit.findings.roles = user.user_name, user.roles
        return visit

    async def turned_away(self, visit: InstanceVisit) -> web.Response | None:
        """Return the way to the log-in page, which leads back to the page."""
        if visit.logged_in:
            return None
        goto = visit.request.path_qs if visit.request.method == "GET" else "/"
        return see(self.log_in_page(goto))

    def is_typed(self, name: str) -> bool:
        """Return whether the field belongs to a column or a decision: their names have a dot."""
        return "." in name

    def log_in_page(self, back: str) -> str:
        """Return the address of the log-in page, which leads back to the given page, or else to the navigator."""
        return f"{LOG_IN}?{urlencode({'sysparm_goto': back or '/'})}"

    async def answer(self, visit: InstanceVisit, show: Show[InstanceVisit]) -> web.Response:
        """Return the page; raises PageError for what the platform refuses."""
        try:
            return await show(visit)
        except PlatformError as error:
            raise PageError(error.status, error.message, error.detail or "") from error

    def _recognized(self, session_id: str) -> tuple[WebSession, User | None]:
        """Return a browser's session, and the user who has logged in, if that user may still open pages."""
        sessions = self._instance.web_sessions
        session = sessions.find(session_id) or sessions.open(NOBODY)
        return session, self._user(session) if session.holder.sys_id else None

    def _user(self, session: WebSession) -> User | None:
        cache = self._instance.cache
        known: User | None = cache.peek(_PAGE_USERS, session.holder)
        if known is not None:
            return known
        with self._instance.transaction(self._instance.system) as transaction:
            return cache.get(_PAGE_USERS, session.holder, lambda: page_user(transaction, session.holder))


class LoginPage:
    """Logging in and out."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def show(self, visit: InstanceVisit) -> web.Response:
        """Show the log-in page."""
        return await _login_page(visit, visit.query.get("sysparm_goto", "/"), "")

    async def log_in(self, visit: InstanceVisit) -> web.Response:
        """Open a session of the user and continue to the page they asked for."""
        user_name, password = visit.form.value("user_name"), visit.form.value("user_password")
        user = await self._instance.run(lambda: self._check(user_name, password))
        goto = visit.form.value("sysparm_goto") or "/"
        if user is None:
            return await _login_page(visit, goto, "User name or password invalid", cut(user_name, _LONGEST_NAME))
        await self._open(visit, user.holder)
        return see(own_path(goto, "/"))

    async def log_out(self, visit: InstanceVisit) -> web.Response:
        """End the session."""
        await self._open(visit, NOBODY)
        return see(LOG_IN)

    async def _open(self, visit: InstanceVisit, holder: Holder) -> None:
        """Replace the session: a cookie that was planted before the log-in must be worthless after it."""
        visit.session = await self._instance.run(lambda: self._replaced(visit.session, holder))

    def _replaced(self, session: WebSession, holder: Holder) -> WebSession:
        self._instance.web_sessions.close(session.id)
        return self._instance.web_sessions.open(holder)

    def _check(self, user_name: str, password: str) -> User | None:
        with self._instance.transaction(self._instance.system) as session:
            user = check_password(session, user_name, password)
            if user is None or not may_log_in(session, user):
                return None
            session.on_commit(partial(self._instance.authentication.note_log_in, user.sys_id))
            return user


async def _login_page(visit: InstanceVisit, goto: str, error: str, user_name: str = "") -> web.Response:
    return await visit.page("login.html", title="Log in", goto=goto, error=error, user_name=user_name)


def own_page(uri: str) -> str:
    """Return the path of the page that ``uri`` names, with or without its first slash; the navigator's for any other.

    A link in a message must not lead away from the instance.
    """
    path, _, query = uri.partition("?")
    path = f"/{path.removeprefix('/')}"
    return str(URL.build(path=path, query_string=query)) if own_path(path, "") else "/"
