"""Who calls the API."""

from aiohttp import web

from console_sim.accounts import ApiClientUser
from console_sim.console import Console
from console_sim.errors import ApiDisabledError, BadRequestError, DeadTokenError
from privman_core.bodies import receive
from privman_core.exchange import EXCHANGE


class Callers:
    """Finds the API user behind a request."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def require_api(self) -> None:
        """Raise ApiDisabledError while API Enabled is off."""
        if not self._console.store.api_enabled:
            raise ApiDisabledError

    async def require_user(self, request: web.Request) -> ApiClientUser:
        """Return who is logged on; raises ApiDisabledError, and after that DeadTokenError or BadRequestError.

        Receives the body between two checks: nobody who may not call sends one, and rights may end while it arrives.
        """
        self._logged_on(request)
        await receive(request)
        return self._logged_on(request)

    def _logged_on(self, request: web.Request) -> ApiClientUser:
        self.require_api()
        user = self._console.users.logged_on(bearer_token(request))
        request[EXCHANGE].findings.user = user.display_name
        return user


def bearer_token(request: web.Request) -> str:
    """Return the token of a request; raises DeadTokenError if there is none, BadRequestError for two headers.

    A proxy may have checked the other one.
    """
    given = request.headers.getall("Authorization", [""])
    if len(given) > 1:
        raise BadRequestError(f"{len(given)} headers Authorization were sent; expected one")
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise DeadTokenError("Authorization has no bearer token; get one and send 'Bearer <token>'")
    return token.strip()
