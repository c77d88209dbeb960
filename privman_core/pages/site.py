"""A site: one table of pages, from which routing, log-in, protection against forged forms and the journal follow."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Generic, NamedTuple, Protocol, TypeVar

from aiohttp import web
from msgspec import Struct, field
from multidict import MultiMapping

from privman_core.control import is_foreign_page
from privman_core.cuts import cut
from privman_core.failed_handlers import answer_to, passed_on, why_none
from privman_core.findings import Findings
from privman_core.ids import is_same
from privman_core.journal import Journal
from privman_core.pages.expired_forms import (
    BARE,
    EXPIRED,
    FOREIGN,
    LOGGED_OUT,
    OTHER_SESSION,
    TypedValue,
    typed_values,
)
from privman_core.pages.forms import LARGEST, Form, read_form
from privman_core.pages.rendering import Assets, Templates, to_page

TOO_LARGE = "The form has more than {:g} MiB, which is the most that this page takes."
NOT_FOUND = "Page not found"
LONGEST_SHOWN = 200
"""Characters that a page repeats of an unknown address."""
TO_LOG_IN = "whoever is not logged in is sent here"


class PageError(Exception):
    """Raised for a page that cannot be shown or a form that cannot be accepted; the browser shows title and detail.

    Args:
        status: of the answer.
        title: of the page that is shown instead.
        detail: its sentence.
        again: address of the form, if opening it again helps.

    Attributes:
        log_in: address of the log-in page, if logging in helps.
        typed: what was typed into the form.
    """

    log_in = ""
    typed: Sequence[TypedValue] = ()

    def __init__(self, status: int, title: str, detail: str, again: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.again = again


class ExpiredFormError(PageError):
    """Raised for a form that no page of this session has sent."""

    def __init__(self, reason: str, again: str, typed: Sequence[TypedValue] = (), log_in: str = "") -> None:
        super().__init__(HTTPStatus.FORBIDDEN, "Form expired", EXPIRED.format(reason), again)
        self.typed = typed
        self.log_in = log_in


class PageSession(Protocol):
    """A browser's session."""

    @property
    def id(self) -> str:
        """The value of its cookie."""

    @property
    def token(self) -> str:
        """The token that its forms carry."""


class _HiddenField(Struct, frozen=True):
    name: str
    value: str

    def __html__(self) -> str:
        return f'<input type="hidden" name="{self.name}" value="{self.value}">'


class Frame:
    """Parts that all pages of one site have in common.

    Args:
        templates: the site's templates.
        base: name of the template that every page extends.
        token_field: the field in which forms carry the session's token.
        constants: further values for every page.
    """

    def __init__(self, templates: Templates, base: str, token_field: str, **constants: object) -> None:
        self.token_field = token_field
        self._templates = templates
        self._base = base
        self._constants = constants

    async def render(self, template: str, token: str, values: Mapping[str, object]) -> str:
        """Return the HTML of a page; ``csrf`` is the hidden field that each of its forms needs."""
        csrf = _HiddenField(self.token_field, token)
        return await self._templates.render(template, self._base, {**self._constants, "csrf": csrf, **values})


class Visit(Struct, kw_only=True):
    """One request of a browser.

    Attributes:
        session: named by the request's cookie, or a new one; a page that replaces it changes the cookie.
        form: empty unless one was posted.
        findings: collects what is swallowed.
    """

    request: web.Request
    frame: Frame
    session: PageSession
    form: Form
    findings: Findings = field(default_factory=Findings)

    def concern(self, request_id: str) -> None:
        """Note that a posted form belongs to an approval request."""
        self.findings.concern([request_id.lower()])

    @property
    def query(self) -> MultiMapping[str]:
        """The parameters of the URL."""
        return self.request.query

    async def page(self, template: str, status: int = 200, /, **values: object) -> web.Response:
        """Return a page; its template also sees the visit as ``visit`` and what the frame adds."""
        known = {"visit": self, "path": self.request.path}
        return to_page(await self.frame.render(template, self.session.token, {**known, **values}), status)


V = TypeVar("V", bound=Visit)
Show = Callable[[V], Awaitable[web.Response]]


class Page(NamedTuple, Generic[V]):
    """One row of a site's table.

    Attributes:
        show: answers a GET; None if there is nothing to see.
        post: answers a posted form; None if the page has no form.
        public: whether the page is open to browsers that the gate turns away from the others.
        tab: label in a navigation that is made from the table; empty for no entry.
        unlinked: why no link from the site's first page leads here; empty if one does.
        largest: bytes that a posted form may have.
    """

    show: Show[V] | None
    post: Show[V] | None = None
    public: bool = False
    tab: str = ""
    unlinked: str = ""
    largest: int = LARGEST


class Gate(ABC, Generic[V]):
    """Decides who sees the pages of a site.

    Attributes:
        cookie: name of the session's cookie; empty if the gate sets none.
    """

    cookie = ""

    @abstractmethod
    async def visit(self, request: web.Request, form: Form) -> V:
        """Return the visit that a request is."""

    @abstractmethod
    async def turned_away(self, visit: V) -> web.Response | None:
        """Return what a browser gets instead of a page that is not public; None to let it in."""

    def trusts_form(self, visit: V) -> bool:
        """Return whether a posted form comes from a page of this session, and not from one of another site."""
        return not is_foreign_page(visit.request) and is_same(
            visit.session.token, visit.form.value(visit.frame.token_field)
        )

    @abstractmethod
    def is_typed(self, name: str) -> bool:
        """Return whether people fill in the field of that name, so that a refused form shows its value again."""

    def log_in_page(self, _back: str) -> str:
        """Return the address of the log-in page, which leads back to the given page; empty for none."""
        return ""

    async def answer(self, visit: V, show: Show[V]) -> web.Response:
        """Return the page; a gate that knows further errors raises PageError in their place."""
        return await show(visit)

    async def around_refusal(self, _visit: V) -> Mapping[str, object]:
        """Return what the page of a refusal shows besides it."""
        return {}


class Site(Generic[V]):
    """Serves the pages of one table behind one gate.

    Looking at a page is not journaled, so open browsers neither fill the journal nor use up faults. A posted form is,
    without its body, because any of its fields may hold a password.

    Args:
        table: every page by path; paths are aiohttp's, with ``{name:pattern}`` for variable parts.
        gate: decides who sees them.
        assets: files that the pages load.
        journal: records posted forms; None to record nothing.

    Attributes:
        handlers: of all routes.
        unknown: answers a browser that asks for an address without a page.
    """

    def __init__(
        self, table: Mapping[str, Page[V]], gate: Gate[V], assets: Assets, journal: Journal | None = None
    ) -> None:
        self._gate = gate
        self._journal = journal
        self._routes = [assets.route(), *(route for path, page in table.items() for route in self._of(path, page))]
        self.unknown = partial(self._handle, Page(_not_found, unlinked=NOT_FOUND), _not_found)
        self.handlers = frozenset[object]({self.unknown, *(route.handler for route in self._routes)})

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of pages and assets."""
        return list(self._routes)

    def _of(self, path: str, page: Page[V]) -> list[web.RouteDef]:
        routes = []
        if page.show is not None:
            routes.append(web.get(path, partial(self._handle, page, page.show)))
        if page.post is not None:
            routes.append(web.post(path, partial(self._handle, page, page.post)))
        return routes

    async def _handle(self, page: Page[V], show: Show[V], request: web.Request) -> web.Response:
        visit = await self._gate.visit(request, await read_form(request, page.largest))
        answering = self._answer(visit, page, show)
        if self._journal is not None and request.method == "POST":
            answering = _journaled(self._journal, visit, answering)
        return self._with_cookie(visit, await answering)

    async def _answer(self, visit: V, page: Page[V], show: Show[V]) -> web.Response:
        try:
            await self._require_token(visit, page)
            turned_away = None if page.public else await self._gate.turned_away(visit)
            return turned_away or await self._shown(visit, show)
        except PageError as error:
            links = {"again": error.again, "log_in": error.log_in}
            around = await self._gate.around_refusal(visit)
            shown = {"title": error.title, "detail": error.detail, "typed": error.typed, **links, **around}
            return await visit.page("refusal.html", error.status, **shown)

    async def _shown(self, visit: V, show: Show[V]) -> web.Response:
        """Return the page; a refusal of a posted form shows what was typed."""
        try:
            return await self._gate.answer(visit, show)
        except PageError as error:
            error.typed = typed_values(visit.form, self._gate.is_typed)
            raise

    async def _require_token(self, visit: V, page: Page[V]) -> None:
        if most := visit.form.most:
            raise PageError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Form too large", TOO_LARGE.format(most / 2**20))
        if visit.request.method == "POST" and not self._gate.trusts_form(visit):
            raise await self._expired(visit, page)

    async def _expired(self, visit: V, page: Page[V]) -> ExpiredFormError:
        """Return the refusal of a form; what was typed is shown only if no other site sent it."""
        again = visit.request.path_qs if page.show is not None and not page.public else ""
        if is_foreign_page(visit.request):
            return ExpiredFormError(FOREIGN, again)
        if not visit.form.value(visit.frame.token_field):
            return ExpiredFormError(BARE, again)
        typed = typed_values(visit.form, self._gate.is_typed)
        if await self._gate.turned_away(visit) is None:
            return ExpiredFormError(OTHER_SESSION, again, typed)
        return ExpiredFormError(LOGGED_OUT, "", typed, self._gate.log_in_page(again))

    def _with_cookie(self, visit: V, answer: web.Response) -> web.Response:
        name, session_id = self._gate.cookie, visit.session.id
        if name and visit.request.cookies.get(name) != session_id:
            secure = visit.request.secure
            answer.set_cookie(name, session_id, path="/", httponly=True, samesite="Lax", secure=secure)
        return answer


async def _not_found(visit: Visit) -> web.Response:
    address = cut(visit.request.path, LONGEST_SHOWN)
    raise PageError(HTTPStatus.NOT_FOUND, NOT_FOUND, f"No page has the address {address!r}.")


async def _journaled(journal: Journal, visit: Visit, answering: Coroutine[None, None, web.Response]) -> web.Response:
    exchange = journal.begin("in", "POST", visit.request.path_qs, {}, b"")
    visit.findings = exchange.findings
    answer: web.Response | None
    try:
        answer = await answering
    except BaseException as error:  # such as the cancellation when the browser has left
        answer = answer_to(error, visit.request)
        if answer is None:
            journal.fail(exchange, why_none(error, visit.request))
            raise
    journal.finish(exchange, answer.status, {}, b"")
    return passed_on(answer)
