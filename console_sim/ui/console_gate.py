"""The console's gate: sessions, log-in and log-out, and the console's errors as pages.

The documentation describes no log-in of the console's users, so pages follow the control plane: if it has a token or is
switched off, everyone logs in with the token; otherwise browsers on this machine are let in.
"""

import hmac
import re
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web
from msgspec import Struct, field

from console_sim.errors import ConsoleError, ForbiddenError, NotFoundError, StaleFormError
from console_sim.settings import Settings
from console_sim.ui.navigation import HOME, LOG_IN, link
from console_sim.ui.one_time_notes import OneTimeNotes
from privman_core.clock import Clock
from privman_core.ids import Ids, is_same
from privman_core.own_machine import is_opened_here
from privman_core.pages.browser_sessions import SessionOwners, SessionTokens, idle_person
from privman_core.pages.forms import Form
from privman_core.pages.rendering import own_path, see
from privman_core.pages.site import Frame, Gate, PageError, Show, Visit

COOKIE = "PrivilegeManagerSession"
MOST_SESSIONS = 1_000
_NOT_TYPED = frozenset(
    {"version", "client_id", "request", "member", "add", "remove", "save_password", "decide", "response", "sort"}
)
_LONGEST_ASKED = 2_000
_ID = re.compile(r"[0-9a-f]{64}")
_TOKEN = "start the console with a token in CONSOLE_SIM_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
_CLOSED_HERE = (
    f"these pages are open to browsers on this machine, at localhost or 127.0.0.1; to let others log in, {_TOKEN}"
)
_CLOSED = f"with --no-admin these pages require a log-in; to log in, {_TOKEN}"


class BrowserSession(Struct, frozen=True):
    """One session.

    Attributes:
        id: the value of its cookie.
        token: the token that its forms carry.
        trusted: whether its browser has logged in.
    """

    id: str
    token: str
    trusted: bool


class BrowserSessions:
    """The sessions of a console; those of browsers that have not logged in are not stored."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._ids = ids
        self._tokens = SessionTokens(ids)
        self._owners, self._idle = SessionOwners(clock, MOST_SESSIONS), idle_person(clock)

    def open(self, *, trusted: bool) -> BrowserSession:
        """Open a session."""
        session_id = self._ids.token()
        if trusted:
            self._owners.open(session_id, "trusted", self._idle)
        return self._session(session_id, trusted=trusted)

    def find(self, session_id: str) -> BrowserSession | None:
        """Return the session with that id; None if the id is malformed."""
        trusted = self._owners.owner(session_id) is not None
        return self._session(session_id, trusted=trusted) if _ID.fullmatch(session_id) else None

    def close(self, session: BrowserSession) -> None:
        """End a session, as logging out does."""
        self._owners.close(session.id)

    def _session(self, session_id: str, *, trusted: bool) -> BrowserSession:
        return BrowserSession(session_id, self._tokens.of(f"{session_id}{trusted}"), trusted)


class ConsoleVisit(Visit, kw_only=True):
    """One request of a browser.

    Attributes:
        key: turns stored values into versions, from which nobody can guess the values.
        notes: for pages to which a posted form redirects.
        note: the values that a posted form has left for this page.
    """

    session: BrowserSession
    key: bytes
    notes: OneTimeNotes
    note: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> str:
        """The message of the form that redirected here; empty for none."""
        return self.note.get("done", "")

    def version(self, *values: object) -> str:
        """Return a digest of stored values; a form carries it so that it cannot overwrite a later change."""
        return hmac.digest(self.key, repr(values).encode(), "sha256").hex()

    def require(self, version: str) -> None:
        """Raise StaleFormError unless the posted form carries that version."""
        if not is_same(version, self.form.value("version")):
            raise StaleFormError("the values changed after you opened this page, so nothing was saved")

    def see(self, page: str, done: str, tone: str = "good", **values: str) -> web.Response:
        """Redirect to a page, which shows once what the form has done.

        Args:
            page: its address.
            done: what the form has done, without a full stop.
            tone: ``good``, or ``wait`` if something is not done yet.
            values: further values of its note.
        """
        self.notes.leave(self.session.id, page, {"done": done, "tone": tone, **values})
        return see(page)

    async def form_page(self, template: str, form: Form, **values: object) -> web.Response:
        """Return a page with a form; its status is that of a refusal if the form has errors."""
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
        return await self.page(template, status, form=form, **values)


class ConsoleGate(Gate[ConsoleVisit]):
    """Shows pages to browsers that have logged in or need not, and sends others to the log-in page.

    Args:
        sessions: of browsers.
        frame: of the pages.
        key: of the versions that forms carry.
        mask: hides secrets that ServiceNow's messages may repeat.
        opened_here: whether browsers on this machine need no log-in.
    """

    cookie = COOKIE

    def __init__(
        self, sessions: BrowserSessions, frame: Frame, key: str, mask: Callable[[str], str], *, opened_here: bool
    ) -> None:
        self._sessions = sessions
        self._frame = frame
        self._key = key.encode()
        self._mask = mask
        self._opened_here = opened_here
        self._notes = OneTimeNotes()

    async def visit(self, request: web.Request, form: Form) -> ConsoleVisit:
        """Return the visit that a request is."""
        session = self._sessions.find(request.cookies.get(COOKIE, "")) or self._sessions.open(trusted=False)
        note = self._notes.take(session.id, request.rel_url) if _shows_page(request) else {}
        return ConsoleVisit(
            request=request, frame=self._frame, session=session, form=form, key=self._key, notes=self._notes, note=note
        )

    async def turned_away(self, visit: ConsoleVisit) -> web.Response | None:
        """Return the way to the log-in page."""
        admitted = visit.session.trusted or (self._opened_here and is_opened_here(visit.request))
        if admitted:
            return None
        return see(self.log_in_page(visit.request.path_qs if visit.request.method == "GET" else HOME))

    def is_typed(self, name: str) -> bool:
        """Return whether people fill in the field of that name; other fields name what the form is about."""
        return name not in _NOT_TYPED

    def log_in_page(self, back: str) -> str:
        """Return the address of the log-in page, which leads back to a page."""
        return link(LOG_IN, page=back) if back not in ("", HOME) and len(back) <= _LONGEST_ASKED else LOG_IN

    async def answer(self, visit: ConsoleVisit, show: Show[ConsoleVisit]) -> web.Response:
        """Return the page; raises PageError for what the console refuses."""
        try:
            return await show(visit)
        except ConsoleError as error:
            reason = self._mask(str(error))
            # A stale form was posted to its own address, so reloading would post it again; a link opens the page.
            stale = isinstance(error, StaleFormError)
            if gone := isinstance(error, NotFoundError) and visit.request.method == "POST":
                reason = f"{reason}, because it was renamed or deleted after you opened the page. Nothing was saved"
            title = "Nothing saved" if stale or gone else "Failed"
            again = str(visit.request.rel_url) if stale else ""
            raise PageError(error.status, title, f"{reason[:1].upper()}{reason[1:]}.", again) from error


def _shows_page(request: web.Request) -> bool:
    """Return whether a browser shows the answer as a page: not that to a HEAD, nor to a page that updates itself."""
    return request.method == "GET" and request.headers.get("Sec-Fetch-Dest", "document") == "document"


class TokenLogin:
    """Logging in with the control plane's token; without a token nobody can."""

    def __init__(self, sessions: BrowserSessions, settings: Settings) -> None:
        self._sessions = sessions
        self._admin_token = settings.admin_token
        self._refusal = _CLOSED_HERE if settings.control_plane else _CLOSED

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the page; raises ForbiddenError."""
        return await self._page(visit, Form())

    async def log_in(self, visit: ConsoleVisit) -> web.Response:
        """Replace the session: a cookie that was planted before the log-in must be worthless after it."""
        if is_same(self._admin_token, visit.form.value("key")):
            visit.session = self._sessions.open(trusted=True)
            return see(own_path(visit.query.get("page", ""), HOME))
        visit.form.add_error("key", "does not match the token that the console was started with")
        return await self._page(visit, visit.form)

    async def log_out(self, visit: ConsoleVisit) -> web.Response:
        """End the session."""
        self._sessions.close(visit.session)
        visit.session = self._sessions.open(trusted=False)
        return see(LOG_IN)

    async def _page(self, visit: ConsoleVisit, form: Form) -> web.Response:
        if not self._admin_token:
            raise ForbiddenError(self._refusal)
        return await visit.form_page("login.html", form)
