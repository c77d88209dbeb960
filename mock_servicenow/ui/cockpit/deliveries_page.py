"""The last decisions on their way to consoles."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from mock_servicenow.privilege_manager.deliverer import Deliverer
from privman_core.clock import Clock
from privman_core.control import COCKPIT
from privman_core.pages.cockpit import Cockpit
from privman_core.pages.sequence import in_words

ROWS, ATTEMPTS = 50, 20
_TONES = {"delivered": "good", "failed": "bad"}


class DeliveriesPage:
    """Each decision with its attempts and the time of the next, the newest first."""

    def __init__(self, cockpit: Cockpit, deliverer: Deliverer, clock: Clock, mask: Callable[[str], str]) -> None:
        self._cockpit = cockpit
        self._deliverer = deliverer
        self._clock = clock
        self._mask = mask

    async def show(self, request: web.Request) -> web.Response:
        """Answer the page."""
        deliveries = [self._describe(each) for each in await self._deliverer.newest(ROWS)]
        return self._cockpit.page("deliveries.html", request, title="Deliveries", deliveries=deliveries)

    def _describe(self, delivery: Mapping[str, Any]) -> dict[str, Any]:
        attempts = delivery["attempts"]
        next_at = delivery["next_attempt_at"] and datetime.fromisoformat(delivery["next_attempt_at"])
        return {
            **delivery,
            "error": self._mask(delivery["error"]),
            "tone": _TONES.get(delivery["state"], "quiet"),
            "attempts": [{**each, "at": datetime.fromisoformat(each["at"])} for each in attempts[-ATTEMPTS:]],
            "earlier": len(attempts[:-ATTEMPTS]),
            "next_at": next_at,
            "remaining": next_at and (in_words(next_at - self._clock.now()) or "now"),
            "sequence": f"{COCKPIT}/sequence?{urlencode({'about': delivery['request_id']})}",
        }
