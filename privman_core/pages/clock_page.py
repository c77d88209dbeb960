"""The clock, and how to advance it."""

from aiohttp import web

from privman_core.clock import MOST_SECONDS, Clock, ClockError
from privman_core.control import COCKPIT
from privman_core.pages.answers import see
from privman_core.pages.cockpit_frame import CockpitFrame
from privman_core.pages.cockpit_gate import posted

JUMPS = {"1 second": 1, "50 seconds": 50, "1 hour": 3_600, "16 hours 30 minutes": 59_400, "1 day": 86_400}
"""What the page offers by a button, in seconds."""


class ClockPage:
    """What time it is for the party, and jumps in it."""

    def __init__(self, frame: CockpitFrame, clock: Clock) -> None:
        self._frame = frame
        self._clock = clock

    async def show(self, request: web.Request) -> web.Response:
        """Answer the page."""
        return self._page(request, "", "")

    async def advance(self, request: web.Request) -> web.Response:
        """Let time jump; answer when everything that fell due has been sent and answered."""
        text = await posted(request, "seconds")
        seconds = _seconds(text)
        if seconds is None:
            return self._page(request, text, f"'{text[:40]}' is no number of seconds from 0 to {MOST_SECONDS}")
        try:
            await self._clock.advance(seconds)
        except ClockError as error:
            return self._page(request, text, str(error))
        return see(f"{COCKPIT}/clock")

    def _page(self, request: web.Request, seconds: str, error: str) -> web.Response:
        now = self._clock.now().strftime("%Y-%m-%d %H:%M:%S")
        status = 400 if error else 200
        return self._frame.page(
            "clock.html", request, status, title="Clock", now=now, jumps=JUMPS, seconds=seconds, error=error
        )


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= MOST_SECONDS else None
