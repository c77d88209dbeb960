"""The cockpit's page of the clock: the time of both parties, what falls due, and jumps."""

from datetime import datetime

from aiohttp import web
from msgspec import Struct

from privman_core.cockpit.parties import PartyFinder
from privman_core.cockpit.shared_clock import Clocks, PassedTime, advance_to, read_clocks
from privman_core.cockpit.shown_party import PartyError
from privman_core.cockpit.time_words import JUMPS, TimeWordsError, read_jump
from privman_core.control import COCKPIT
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see
from privman_core.pages.site import Visit

COMMON_JUMPS = ("1 second", "50 seconds", "1 hour", "16 h 30 min", "1 day")
"""The jumps that have a button."""
CATCH_UP = "now"
"""The jump that only brings the party that is behind to the time of the other."""


class MadeJump(Struct, frozen=True):
    """A jump, and what was done on the way."""

    start: datetime
    arrival: datetime
    passed: PassedTime


class ClockPages:
    """Shows and advances the clocks of both parties as one, and shows what the last jump did."""

    def __init__(self, parties: PartyFinder) -> None:
        self._parties = parties
        self._last: MadeJump | None = None

    async def show(self, visit: Visit) -> web.Response:
        """Show the time, what falls due next and who waits for it, and a form to advance the clock."""
        return await self._page(visit, Form())

    async def advance(self, visit: Visit) -> web.Response:
        """Advance the clock; answer when everything that fell due has been sent and answered."""
        parties, text = await self._parties.find(), visit.form.value("jump")
        try:
            clocks = await read_clocks(parties.all)
            moment = _target(text, clocks)
            self._last = MadeJump(clocks.earliest, moment, await advance_to(parties.all, moment))
        except (PartyError, TimeWordsError) as error:
            visit.form.add_error("jump", str(error))
            return await self._page(visit, visit.form)
        return see(f"{COCKPIT}/clock")

    async def _page(self, visit: Visit, form: Form) -> web.Response:
        parties = await self._parties.find()
        clocks, last = await read_clocks(parties.all), self._last
        return await visit.page(
            "cockpit/clock.html",
            400 if form.errors else 200,
            title="Clock",
            parties=parties,
            clocks=clocks,
            last=last if last and last.arrival == clocks.latest else None,
            jumps=COMMON_JUMPS,
            catch_up=CATCH_UP,
            examples=JUMPS,
            form=form,
        )


def _target(text: str, clocks: Clocks) -> datetime:
    """Return the moment to jump to; raises TimeWordsError."""
    if text == CATCH_UP:
        return clocks.latest
    return read_jump(text, clocks.latest, clocks.earliest, [each.due for each in clocks.dues])
