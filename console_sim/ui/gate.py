"""What stands between a browser and every page: who may look, the token against forged posts, errors as pages.

The documentation names no log-in of the console's people, so pages follow the control plane: where it has a token, or
is switched off, everybody logs in with it; otherwise whoever sits at this machine is let in.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from console_sim.errors import ConsoleError, ForbiddenError
from console_sim.ui.form import Form
from console_sim.ui.frame import Frame
from console_sim.ui.sessions import COOKIE, BrowserSessions
from console_sim.ui.visit import Visit
from privman_core.control import is_opened_here
from privman_core.ids import is_same
from privman_core.journal import Journal
from privman_core.pages.answers import see
from privman_core.pages.forms import read_form

Page = Callable[[Visit], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.Response]]
TOKEN = "__RequestVerificationToken"  # noqa: S105 - the name of a field
LOG_IN = "/login"
LOG_OUT = "/logout"


class Gate:
    """Makes request handlers from pages.

    What a person looks at is not journaled, so that open browsers neither fill the journal nor use up faults. What a
    person posts is, without its body: a form may hold a password.

    Args:
        opened_here: whether people at this machine need not log in.
    """

    def __init__(self, sessions: BrowserSessions, frame: Frame, journal: Journal, *, opened_here: bool) -> None:
        self._sessions = sessions
        self._frame = frame
        self._journal = journal
        self._opened_here = opened_here

    def open(self, page: Page) -> Handler:
        """Let everybody see the page."""

        async def handle(request: web.Request) -> web.Response:
            visit = await self._visit(request)
            return _sealed(visit, await self._answer(visit, page))

        return handle

    def closed(self, page: Page) -> Handler:
        """Let those see the page who have logged in or need not; let others log in."""

        async def known(visit: Visit) -> web.Response:
            if visit.session.trusted or (self._opened_here and is_opened_here(visit.request)):
                return await page(visit)
            return see(LOG_IN)

        return self.open(known)

    async def _visit(self, request: web.Request) -> Visit:
        session = self._sessions.find(request.cookies.get(COOKIE, "")) or self._sessions.open(trusted=False)
        return Visit(request, session, Form(await read_form(request)))

    async def _answer(self, visit: Visit, page: Page) -> web.Response:
        if visit.request.method != "POST":
            return await self._checked(visit, page)
        exchange = self._journal.begin("in", "POST", visit.request.path_qs, {}, b"")
        answer = await self._checked(visit, page)
        self._journal.finish(exchange, answer.status, {}, b"")
        return answer

    async def _checked(self, visit: Visit, page: Page) -> web.Response:
        try:
            if visit.request.method == "POST":
                _check_token(visit)
            return await page(visit)
        except ConsoleError as error:
            return self._frame.refusal(visit, error.status, str(error))


def _check_token(visit: Visit) -> None:
    if not is_same(visit.session.token, visit.form.value(TOKEN)):
        raise ForbiddenError("the form's token is not that of your session, so nothing was done; open the page again")


def _sealed(visit: Visit, answer: web.Response) -> web.Response:
    """Give the browser its session's cookie unless it has it."""
    if visit.request.cookies.get(COOKIE) != visit.session.id:
        secure = visit.request.secure
        answer.set_cookie(COOKIE, visit.session.id, path="/", httponly=True, samesite="Lax", secure=secure)
    return answer
