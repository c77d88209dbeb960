"""The tester's cockpit of one party at ``/__cockpit``, for whoever may use ``/__admin``; not part of the product."""

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import Self

from aiohttp import web
from msgspec import Struct

from privman_core.control import COCKPIT, has_token, is_own_origin
from privman_core.ids import Ids, is_same
from privman_core.instruments import Instruments
from privman_core.own_machine import is_opened_here
from privman_core.pages.control_pages import ClockPages, FaultPages
from privman_core.pages.exchange_pages import Exchanges, Explain
from privman_core.pages.forms import Form
from privman_core.pages.rendering import SHARED, Assets, Templates, see
from privman_core.pages.site import Frame, Gate, Page, Site, Visit

COOKIE = "cockpit"
UNLOCK = f"{COCKPIT}/unlock"
CockpitPage = Page[Visit]


class CockpitKeys:
    """Admits browsers with the token of the control plane; without a token, browsers on this machine.

    Args:
        admin_token: of the control plane; empty keeps the cockpit closed to other machines.
        secret: drawn anew at each start.
    """

    def __init__(self, admin_token: str, secret: str) -> None:
        self._admin_token = admin_token
        self._key = f"{admin_token}{secret}".encode()
        self.cookie = self._derive("entrance")

    @classmethod
    def draw(cls, admin_token: str, ids: Ids) -> Self:
        """Return the keys of one start; drawing them shifts no other identifier."""
        return cls(admin_token, ids.fork("cockpit").token())

    def admits(self, request: web.Request) -> bool:
        """Return whether a request may see the cockpit."""
        if self._admin_token:
            return has_token(request, self._admin_token) or is_same(self.cookie, request.cookies.get(COOKIE, ""))
        return is_opened_here(request) and is_own_origin(request)

    def unlocks(self, token: str) -> bool:
        """Return whether a typed token is that of the control plane."""
        return is_same(self._admin_token, token)

    def form_token(self, request: web.Request) -> str:
        """Return the token for forms; strangers read the page that unlocks, so its form has another one."""
        return self._derive("form" if self.admits(request) else "unlock")

    def _derive(self, purpose: str) -> str:
        return hmac.new(self._key, purpose.encode(), "sha256").hexdigest()


class _CockpitSession(Struct, frozen=True):
    token: str
    id: str = ""


class CockpitGate(Gate[Visit]):
    """Shows the cockpit to browsers that its keys admit, and to others a form that unlocks it."""

    def __init__(self, frame: Frame, keys: CockpitKeys) -> None:
        self._frame = frame
        self._keys = keys

    async def visit(self, request: web.Request, form: Form) -> Visit:
        """Return the visit that a request is."""
        session = _CockpitSession(self._keys.form_token(request))
        return Visit(request=request, frame=self._frame, session=session, form=form)

    async def turned_away(self, visit: Visit) -> web.Response | None:
        """Return the form that unlocks the cockpit, unless the browser is admitted."""
        return None if self._keys.admits(visit.request) else await _locked(visit)

    def trusts_form(self, visit: Visit) -> bool:
        """Check the origin too: the token is the same for every browser."""
        return is_own_origin(visit.request) and super().trusts_form(visit)


class Cockpit:
    """The cockpit of one party.

    It shows the journal, each exchange, sequence diagrams (``/__cockpit/sequence?about=TEXT``), faults and the clock.
    It knows no message: ``explain`` names the other party of an exchange, and the contract that applies to it.

    Args:
        party: its name in the banner and in sequence diagrams.
        instruments: the party's own.
        explain: the product's knowledge about exchanges.
        keys: decide who may enter.
        pages: the product's own pages by path below ``/__cockpit``. Their templates ``cockpit/NAME.html`` extend
            ``base`` and fill its block ``main``; elements with ``id`` and ``data-live`` are refreshed.
        package: import name of the package with these templates; empty for none.
    """

    def __init__(  # noqa: PLR0913 - the one place where a cockpit is put together
        self,
        party: str,
        instruments: Instruments,
        explain: Explain,
        keys: CockpitKeys,
        *,
        pages: Mapping[str, CockpitPage] | None = None,
        package: str = "",
    ) -> None:
        exchanges = Exchanges(party, instruments.journal, explain)
        faults, clock = FaultPages(instruments.faults), ClockPages(instruments.clock)
        table: dict[str, CockpitPage] = {
            "": Page(exchanges.journal, tab="Journal"),
            "/journal/clear": Page(None, exchanges.clear),
            "/exchanges/{number:[0-9]{1,12}}": Page(exchanges.exchange),
            "/sequence": Page(exchanges.sequence, tab="Sequence"),
            "/faults": Page(faults.show, faults.arm, tab="Faults"),
            "/faults/disarm": Page(None, faults.disarm),
            "/clock": Page(clock.show, clock.advance, tab="Clock"),
            "/unlock": Page(None, lambda visit: _unlock(keys, visit), public=True),
            **(pages or {}),
        }
        assets = Assets(f"{COCKPIT}/static", SHARED)
        frame = Frame(
            Templates(*filter(None, (package, SHARED))),
            "cockpit/base.html",
            "cockpit_token",
            site="Tester's cockpit",
            assets=assets.prefix,
            home=COCKPIT,
            home_label="Journal",
            party=party,
            tabs={f"{COCKPIT}{path}": page.tab for path, page in table.items() if page.tab},
        )
        self._site = Site({f"{COCKPIT}{path}": page for path, page in table.items()}, CockpitGate(frame, keys), assets)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of every page."""
        return self._site.routes()


async def _unlock(keys: CockpitKeys, visit: Visit) -> web.Response:
    if not keys.unlocks(visit.form.value("admin_token").strip()):
        return await _locked(visit, "This is not the token of the control plane.")
    answer, secure = see(COCKPIT), visit.request.secure
    answer.set_cookie(COOKIE, keys.cookie, path=COCKPIT, httponly=True, samesite="Strict", secure=secure)
    return answer


async def _locked(visit: Visit, error: str = "") -> web.Response:
    return await visit.page("cockpit/locked.html", HTTPStatus.FORBIDDEN, title="Locked", error=error, unlock=UNLOCK)
