"""The tester's cockpit of one party, put together."""

from aiohttp import web

from privman_core.control import COCKPIT
from privman_core.instruments import Instruments
from privman_core.pages.assets import SHARED, Assets
from privman_core.pages.clock_page import ClockPage
from privman_core.pages.cockpit_frame import ASSETS, CockpitFrame, Tab
from privman_core.pages.cockpit_gate import CockpitGate, Page
from privman_core.pages.cockpit_keys import CockpitKeys
from privman_core.pages.fault_page import FaultPage
from privman_core.pages.instruments import Explain
from privman_core.pages.journal_pages import JournalPages
from privman_core.pages.sequence_page import SequencePage


class Cockpit:
    """The tester's cockpit of one party, at ``/__cockpit``: no part of the product, open to whom ``/__admin`` is.

    It has the journal live, each exchange with request, answer, verdict and findings, a sequence diagram of the
    exchanges that mention a text (``/__cockpit/sequence?about=TEXT``), faults to arm and the clock to advance. It knows
    no message: ``explain`` tells who is at the other end of an exchange, and which contract the exchange has to keep.
    A product adds its own pages::

        keys = CockpitKeys.draw(settings.admin_token, ids)
        cockpit = Cockpit("Console", Instruments(clock, journal, faults), explain, keys, "console_sim.ui.cockpit")
        cockpit.add(Tab("Approvals", "/approvals"), approvals.show)  # async: web.Request -> web.Response
        cockpit.add_form("/approvals/ask", approvals.ask)  # the same, for POST; the form carries ``form_token``
        app.add_routes(cockpit.routes())

    Such a page answers ``cockpit.page("approvals.html", request, title="Approvals", …)``; the template lies in
    ``templates/`` of the package named last, extends ``cockpit.html`` and fills its block ``main``. Elements with an
    ``id`` and ``data-live`` are refreshed. ``is_control`` is true of its requests, so it fills no journal.

    Args:
        party: the name in the banner and on the party's own lifeline.
        packages: import names of packages with further templates.
    """

    def __init__(
        self, party: str, instruments: Instruments, explain: Explain, keys: CockpitKeys, *packages: str
    ) -> None:
        self._frame = CockpitFrame(party, keys.form, *packages)
        self._gate = CockpitGate(self._frame, keys)
        self._routes = [self._gate.route(), *Assets(ASSETS, SHARED).routes()]
        self.page = self._frame.page
        journal = JournalPages(self._frame, instruments.journal, explain)
        sequence = SequencePage(self._frame, instruments.journal, explain)
        faults = FaultPage(self._frame, instruments.faults)
        clock = ClockPage(self._frame, instruments.clock)
        self.add(Tab("Journal", ""), journal.show)
        self._get("/exchanges/{number:[0-9]{1,12}}", journal.one)
        self.add_form("/journal/clear", journal.clear)
        self.add(Tab("Sequence", "/sequence"), sequence.show)
        self.add(Tab("Faults", "/faults"), faults.show)
        self.add_form("/faults", faults.arm)
        self.add_form("/faults/disarm", faults.disarm)
        self.add(Tab("Clock", "/clock"), clock.show)
        self.add_form("/clock", clock.advance)

    def add(self, tab: Tab, page: Page) -> None:
        """Add a page, and its entry in the navigation."""
        self._frame.tabs.append(tab)
        self._get(tab.path, page)

    def add_form(self, path: str, action: Page) -> None:
        """Add what answers a form that is posted to ``path`` below ``/__cockpit``."""
        self._routes.append(web.post(f"{COCKPIT}{path}", self._gate.guarded(action)))

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of every page that has been added."""
        return list(self._routes)

    def _get(self, path: str, page: Page) -> None:
        self._routes.append(web.get(f"{COCKPIT}{path}", self._gate.guarded(page)))
