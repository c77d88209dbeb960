"""The tester's cockpit at ``/__cockpit``, for whoever may use ``/__admin``; not part of the product."""

import hmac
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Self

from aiohttp import web
from msgspec import Struct

from privman_core.cockpit.addresses import exchange_page, search_page
from privman_core.cockpit.clock_pages import ClockPages
from privman_core.cockpit.cockpit_calls import CockpitCalls
from privman_core.cockpit.exchange_pages import ExchangePages
from privman_core.cockpit.fault_pages import FaultPages
from privman_core.cockpit.journal_pages import JournalPages
from privman_core.cockpit.live_events import LiveEvents
from privman_core.cockpit.one_request_page import OneRequestPage
from privman_core.cockpit.other_party import ControlClient
from privman_core.cockpit.own_party import OwnParty
from privman_core.cockpit.parties import OtherAddress, PartyFinder
from privman_core.cockpit.product import Product
from privman_core.cockpit.replay_pages import ReplayPages
from privman_core.cockpit.replayer import Replayer
from privman_core.cockpit.request_pages import RequestPages
from privman_core.cockpit.selection_pages import SelectionPages
from privman_core.cockpit.shown_party import PartyError, UnusablePartyError
from privman_core.control import (
    COCKPIT,
    OTHER_CLOCK,
    has_token,
    is_fetched_by_foreign_page,
    is_foreign_page,
    is_own_origin,
)
from privman_core.ids import Ids, is_same
from privman_core.inputs import Trust
from privman_core.instruments import Instruments
from privman_core.own_machine import is_opened_here
from privman_core.pages.forms import Form
from privman_core.pages.rendering import SHARED, Assets, Templates, see
from privman_core.pages.site import Frame, Gate, Page, PageError, Show, Site, Visit
from privman_core.pages.unknown_address import UnknownAddresses

_ELSEWHERE = re.compile(rf"(?!{COCKPIT}/)")
_PORT = re.compile(r":([0-9]{1,5})$")
UNLOCK = f"{COCKPIT}/unlock"
_NOT_TYPED = frozenset({"party", "recipe", "kind", "number", "x", "find"})
TEMPLATES = "privman_core.cockpit"
"""The package with the cockpit's templates and styles."""
_EXCHANGE = "/exchanges/{party:[a-z]{1,20}}/{number:[0-9]{1,12}}"
CockpitPage = Page[Visit]


class CockpitKeys:
    """Admits browsers with the token of the control plane; without a token, browsers on this machine.

    Args:
        party: that serves the cockpit.
        admin_token: of the control plane; empty keeps the cockpit closed to other machines.
        secret: drawn anew at each start.
    """

    def __init__(self, party: str, admin_token: str, secret: str) -> None:
        self._party = party.lower()
        self._admin_token = admin_token
        self._key = f"{admin_token}{secret}".encode()
        self.cookie = self._derive("entrance")

    @classmethod
    def draw(cls, party: str, admin_token: str, ids: Ids) -> Self:
        """Return the keys of one start; drawing them does not change the identifiers that are drawn later."""
        return cls(party, admin_token, ids.fork("cockpit").token())

    def cookie_name(self, request: web.Request) -> str:
        """Return the name of the cookie of an admitted browser, which has one cookie jar for all ports of a host."""
        port = _PORT.search(request.host)
        return f"cockpit-{self._party}-{port[1]}" if port else f"cockpit-{self._party}"

    def admits(self, request: web.Request) -> bool:
        """Return whether a browser may see the cockpit."""
        if self._admin_token and has_token(request, self._admin_token):
            return True
        if is_fetched_by_foreign_page(request):
            return False
        if self._admin_token:
            return is_same(self.cookie, request.cookies.get(self.cookie_name(request), ""))
        return is_opened_here(request) and is_own_origin(request)

    def admits_stream(self, request: web.Request) -> bool:
        """Return whether a script of the cockpit's own pages may open the stream of events."""
        return self.admits(request) and not is_foreign_page(request)

    def unlocks(self, token: str) -> bool:
        """Return whether a typed token is that of the control plane."""
        return is_same(self._admin_token, token)

    def form_token(self, request: web.Request) -> str:
        """Return the token for forms. The form that unlocks has another one, since everybody can read its page."""
        return self._derive("form" if self.admits(request) else "unlock")

    def _derive(self, purpose: str) -> str:
        return hmac.new(self._key, purpose.encode(), "sha256").hexdigest()


class _CockpitSession(Struct, frozen=True):
    token: str
    id: str = ""


class CockpitGate(Gate[Visit]):
    """Shows the cockpit to browsers that its keys admit, and to others a form that unlocks it."""

    def __init__(self, frame: Frame, keys: CockpitKeys, parties: PartyFinder) -> None:
        self._frame = frame
        self._keys = keys
        self._parties = parties

    async def visit(self, request: web.Request, form: Form) -> Visit:
        """Return the visit that a request is."""
        session = _CockpitSession(self._keys.form_token(request))
        return Visit(request=request, frame=self._frame, session=session, form=form)

    async def turned_away(self, visit: Visit) -> web.Response | None:
        """Return the form that unlocks the cockpit, unless the browser is admitted."""
        return None if self._keys.admits(visit.request) else await _locked(visit)

    def is_typed(self, name: str) -> bool:
        """Return whether people fill in the field of that name; other fields name what the form is about."""
        return name not in _NOT_TYPED

    def trusts_form(self, visit: Visit) -> bool:
        """Check the origin too: the token is the same for every browser."""
        return is_own_origin(visit.request) and super().trusts_form(visit)

    async def around_refusal(self, visit: Visit) -> Mapping[str, object]:
        """Return the parties, for the head of the page; none for a browser that is not admitted."""
        return {"parties": await self._parties.find()} if self._keys.admits(visit.request) else {}

    async def answer(self, visit: Visit, show: Show[Visit]) -> web.Response:
        """Return the page, or one that says what a party has refused.

        A page that the other party leaves without an answer is shown again without it, and says why.
        """
        try:
            return await _with_whom_answers(visit, show)
        except PartyError as error:
            raise PageError(HTTPStatus.BAD_REQUEST, "Not possible", str(error)) from None
        except UnusablePartyError as error:
            raise PageError(HTTPStatus.BAD_GATEWAY, "A party does not answer", str(error)) from None


class Cockpit:
    """The cockpit of both parties, served by one of them.

    It knows no message: the ``product`` names the other party of an exchange, and the contract that applies to it.

    Args:
        product: what the product that serves it knows.
        instruments: that product's own.
        keys: decide who may enter.
        other: where the other party is.
        trusted: certificates to trust when the other party is read.
    """

    def __init__(
        self,
        product: Product,
        instruments: Instruments,
        keys: CockpitKeys,
        other: OtherAddress = OtherAddress(),  # noqa: B008 - frozen
        *,
        trusted: Trust = True,
    ) -> None:
        self._client = ControlClient(trusted, lambda: instruments.neighbours.own)
        self._replayer = Replayer(instruments, self._other_url)
        own = OwnParty(product, instruments, self._replayer)
        self._parties = parties = PartyFinder(own, product, self._client, other, lambda: instruments.neighbours.senders)
        pages = {f"{COCKPIT}{path}": page for path, page in self._pages(product, keys).items()}
        assets = Assets(f"{COCKPIT}/static", TEMPLATES, SHARED)
        frame = _frame(product.name, assets.prefix, {path: page.tab for path, page in pages.items() if page.tab})
        self._site = Site(pages, CockpitGate(frame, keys, parties), assets)
        self._calls = CockpitCalls(own, self._replayer.listens_at)
        self._events = LiveEvents(parties, keys.admits_stream)

    def add_to(self, app: web.Application) -> None:
        """Add every page, and the calls that the other party's cockpit reads."""
        app.add_routes(self._site.routes())
        app.add_routes(self._calls.routes())
        app.router.register_resource(UnknownAddresses(self._site.unknown, _ELSEWHERE))
        app[OTHER_CLOCK] = self._parties.drift
        app.router.add_get(f"{COCKPIT}/events", self._events.stream, allow_head=False)
        app.on_shutdown.append(self._events.close)
        app.on_cleanup.append(lambda _app: self._aclose())

    def _pages(self, product: Product, keys: CockpitKeys) -> dict[str, CockpitPage]:
        """Return the pages by their paths below the cockpit's."""
        parties = self._parties
        journal, requests = JournalPages(parties), RequestPages(parties)
        faults, clock = FaultPages(parties), ClockPages(parties)
        replays, selection = ReplayPages(parties, self._replayer.listens_at), SelectionPages(parties, product)
        return {
            "": Page(journal.show, tab="Journal"),
            "/journal/clear": Page(journal.ask, journal.clear),
            _EXCHANGE: Page(ExchangePages(parties).show),
            f"{_EXCHANGE}/replay": Page(None, replays.replay),
            f"{_EXCHANGE}/edit": Page(replays.edit, replays.send),
            "/selection": Page(selection.show),
            "/selection/saved.yaml": Page(_asked_for_here(selection.scenario)),
            "/selection/exchanges.har": Page(_asked_for_here(selection.archive)),
            "/compare": Page(selection.compare),
            "/approvals": Page(requests.approvals, tab="Approvals"),
            "/requests/{request_id:[0-9A-Fa-f-]{1,36}}": Page(OneRequestPage(parties).show),
            "/deliveries": Page(requests.deliveries, tab="Deliveries"),
            "/sequence": Page(requests.sequence, tab="Sequence"),
            "/faults": Page(faults.show, faults.arm, tab="Faults"),
            "/faults/disarm": Page(None, faults.disarm),
            "/clock": Page(clock.show, clock.advance, tab="Clock"),
            "/unlock": Page(None, lambda visit: _unlock(keys, visit), public=True),
        }

    async def _other_url(self) -> str:
        return (await self._parties.other()).url

    async def _aclose(self) -> None:
        await self._replayer.aclose()
        await self._client.aclose()


def _frame(own_name: str, assets: str, tabs: Mapping[str, str]) -> Frame:
    return Frame(
        Templates(TEMPLATES, SHARED),
        "cockpit/base.html",
        "cockpit_token",
        site="Tester's cockpit",
        assets=assets,
        home=COCKPIT,
        home_label="Journal",
        own_name=own_name,
        exchange_page=exchange_page,
        search_page=search_page,
        tabs=tabs,
    )


async def _with_whom_answers(visit: Visit, show: Show[Visit]) -> web.Response:
    try:
        return await show(visit)
    except UnusablePartyError as error:
        if visit.request.method == "POST":
            raise UnusablePartyError(f"{error}. What it has done is not known.") from None
    return await show(visit)  # the other party is left alone now


def _asked_for_here(show: Show[Visit]) -> Show[Visit]:
    """Return the download, which is refused if a page of another site has led the browser here."""

    async def download(visit: Visit) -> web.Response:
        if is_foreign_page(visit.request):
            raise PageError(HTTPStatus.FORBIDDEN, "Not from another site", "Download it from its page in the cockpit.")
        return await show(visit)

    return download


async def _unlock(keys: CockpitKeys, visit: Visit) -> web.Response:
    if not keys.unlocks(visit.form.value("admin_token").strip()):
        return await _locked(visit, "This is not the token of the control plane.")
    answer, secure = see(COCKPIT), visit.request.secure
    answer.set_cookie(
        keys.cookie_name(visit.request), keys.cookie, path=COCKPIT, httponly=True, samesite="Strict", secure=secure
    )
    return answer


async def _locked(visit: Visit, error: str = "") -> web.Response:
    return await visit.page("cockpit/locked.html", HTTPStatus.FORBIDDEN, title="Locked", error=error, unlock=UNLOCK)
