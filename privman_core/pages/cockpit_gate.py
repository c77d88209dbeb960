"""What stands between a browser and every page of a cockpit."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from privman_core.control import COCKPIT
from privman_core.pages.answers import see
from privman_core.pages.cockpit_frame import CockpitFrame
from privman_core.pages.cockpit_keys import COOKIE, FIELD, CockpitKeys
from privman_core.pages.forms import read_form

Page = Callable[[web.Request], Awaitable[web.Response]]
UNLOCK = f"{COCKPIT}/unlock"


class CockpitGate:
    """Makes request handlers from pages."""

    def __init__(self, frame: CockpitFrame, keys: CockpitKeys) -> None:
        self._frame = frame
        self._keys = keys

    def route(self) -> web.RouteDef:
        """Return the route by which browsers on other machines come in."""
        return web.post(UNLOCK, self._unlock)

    def guarded(self, page: Page) -> Page:
        """Show the page to those who may see it, and take no form that another site sent."""

        async def handle(request: web.Request) -> web.Response:
            if not self._keys.admits(request):
                return self._locked(request, "")
            if request.method == "POST" and not self._keys.posted_here(request, await posted(request, FIELD)):
                return self._frame.page("cockpit_refused.html", request, 403, title="The form was not sent")
            return await page(request)

        return handle

    async def _unlock(self, request: web.Request) -> web.Response:
        if not self._keys.unlocks(await posted(request, "admin_token")):
            return self._locked(request, "This is not the token of the control plane")
        answer = see(COCKPIT)
        answer.set_cookie(
            COOKIE, self._keys.cookie, path=COCKPIT, httponly=True, samesite="Strict", secure=request.secure
        )
        return answer

    def _locked(self, request: web.Request, error: str) -> web.Response:
        return self._frame.page("cockpit_locked.html", request, 403, title="Locked", error=error, unlock=UNLOCK)


async def posted(request: web.Request, name: str) -> str:
    """Return a field of the form; empty if there is none."""
    return (await read_form(request)).get(name, "").strip()
