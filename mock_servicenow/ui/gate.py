"""What stands between a browser and every page: session, log-in, token against forged posts, errors as pages."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from aiohttp import web

from mock_servicenow.now_platform.errors import Forbidden, PlatformError
from mock_servicenow.now_platform.identity.roles import USER_TABLES, page_user
from mock_servicenow.now_platform.identity.web_sessions import COOKIE, WebSession
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import Holder, User
from mock_servicenow.ui.frame import Frame
from mock_servicenow.ui.visit import Visit
from privman_core.exchange import Exchange
from privman_core.ids import is_same
from privman_core.journal import Journal
from privman_core.pages.answers import see, to_page
from privman_core.pages.forms import read_form

Page = Callable[[Visit], Awaitable[web.Response]]
UserPage = Callable[[Visit, User], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.Response]]
TOKEN = "sysparm_ck"  # noqa: S105 - the name of a field
LOGIN = "/login.do"


class Gate:
    """Makes request handlers from pages.

    What a person looks at is not journaled, so that open browsers neither fill the journal nor use up faults. What a
    person posts is, without its body: a form may hold a password in any of its fields.
    """

    def __init__(self, instance: Instance, frame: Frame, journal: Journal) -> None:
        self._instance = instance
        self._frame = frame
        self._journal = journal

    def open(self, page: Page) -> Handler:
        """Let everybody see the page."""

        async def handle(request: web.Request) -> web.Response:
            visit = await self._visit(request)
            return self._sealed(visit, await self._answer(visit, page))

        return handle

    def closed(self, page: UserPage) -> Handler:
        """Let users who are logged in see the page; send others to log in and back."""

        async def known(visit: Visit) -> web.Response:
            if visit.user is None:
                return see(f"{LOGIN}?{urlencode({'sysparm_goto': _way_back(visit.request)})}")
            return await page(visit, visit.user)

        return self.open(known)

    async def _visit(self, request: web.Request) -> Visit:
        sessions = self._instance.web_sessions
        found = sessions.find(request.cookies.get(COOKIE, "")) or sessions.open(Holder())
        form = await read_form(request)  # which may take its time, the user's last
        user = await self._instance.run(lambda: self._user(found)) if found.holder.sys_id else None
        return Visit(request, found, user, form)

    def _user(self, found: WebSession) -> User | None:
        cache = self._instance.cache
        known: User | None = cache.peek("page-users", found.holder)
        if known is not None:
            return known
        with self._instance.transaction(self._instance.system) as session:
            return cache.get("page-users", found.holder, USER_TABLES, lambda: page_user(session, found.holder))

    async def _answer(self, visit: Visit, page: Page) -> web.Response:
        if visit.request.method != "POST":
            return await self._checked(visit, page)
        exchange = self._journal.begin("in", "POST", visit.request.path_qs, {}, b"")
        visit.findings = exchange.findings
        answer = await self._checked(visit, page)
        self._finish(exchange, answer)
        return answer

    async def _checked(self, visit: Visit, page: Page) -> web.Response:
        try:
            if visit.request.method == "POST":
                _check_token(visit)
            return await page(visit)
        except PlatformError as error:
            html = self._frame.render("error.html", visit, title=error.message, detail=error.detail or "")
            return to_page(html, error.status)

    def _finish(self, exchange: Exchange, answer: web.Response) -> None:
        self._journal.finish(exchange, answer.status, {}, b"")

    def _sealed(self, visit: Visit, answer: web.Response) -> web.Response:
        """Give the browser its session's cookie unless it has it."""
        if visit.request.cookies.get(COOKIE) != visit.web_session.id:
            secure = visit.request.secure
            answer.set_cookie(COOKIE, visit.web_session.id, path="/", httponly=True, samesite="Lax", secure=secure)
        return answer


def _check_token(visit: Visit) -> None:
    if not is_same(visit.web_session.token, visit.last(TOKEN) or ""):
        raise Forbidden("The form was not sent", "Its token is not that of your session: open the page again")


def _way_back(request: web.Request) -> str:
    return request.path_qs if request.method == "GET" else "/"
