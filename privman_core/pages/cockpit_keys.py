"""What a browser shows at the door of a cockpit."""

import hmac
from typing import Self

from aiohttp import web

from privman_core.control import has_token, is_opened_here, is_own_origin
from privman_core.ids import Ids, is_same

COOKIE = "cockpit"
FIELD = "cockpit_token"


class CockpitKeys:
    """Who may enter: whoever has the token of the control plane; where there is none, this machine's browsers.

    Args:
        admin_token: of the control plane; empty keeps the cockpit closed to other machines.
        secret: drawn anew at each start.
    """

    def __init__(self, admin_token: str, secret: str) -> None:
        self._admin_token = admin_token
        self._key = f"{admin_token}{secret}".encode()
        self.cookie = self._derive("entrance")
        self.form = self._derive("form")

    @classmethod
    def draw(cls, admin_token: str, ids: Ids) -> Self:
        """Return the keys of one start; drawing them shifts no other identifier."""
        return cls(admin_token, ids.fork("cockpit").token())

    def admits(self, request: web.Request) -> bool:
        """Tell whether a request may see the cockpit."""
        if self._admin_token:
            return has_token(request, self._admin_token) or is_same(self.cookie, request.cookies.get(COOKIE, ""))
        return is_opened_here(request) and is_own_origin(request)

    def unlocks(self, token: str) -> bool:
        """Tell whether a token that somebody typed is that of the control plane."""
        return is_same(self._admin_token, token)

    def posted_here(self, request: web.Request, token: str) -> bool:
        """Tell whether a form was sent by a page of this cockpit."""
        return is_own_origin(request) and is_same(self.form, token)

    def _derive(self, purpose: str) -> str:
        return hmac.new(self._key, purpose.encode(), "sha256").hexdigest()
