"""Who may call the API."""

from aiohttp import web

from console_sim.api_client_user import ApiClientUser
from console_sim.errors import ApiDisabledError, DeadTokenError, NotAllowedError
from console_sim.store import Store
from console_sim.users import Users


class Access:
    """Looks at the switch, the token and the role, in this order."""

    def __init__(self, store: Store, users: Users) -> None:
        self._store = store
        self._users = users

    def require_api(self) -> None:
        """Raise ApiDisabledError while the API is disabled."""
        if not self._store.api_enabled:
            raise ApiDisabledError

    def require_user(self, request: web.Request) -> ApiClientUser:
        """Return who is logged on; raises DeadTokenError, and ApiDisabledError while the API is disabled."""
        self.require_api()
        return self._users.logged_on(bearer_token(request))

    def require_approver(self, request: web.Request) -> None:
        """Raise what `require_user` raises, or NotAllowedError for a user without an approving role."""
        if not self.require_user(request).may_approve:
            raise NotAllowedError("the API user has no role with 'Approve Approval Requests'")


def bearer_token(request: web.Request) -> str:
    """Return the token of the Authorization header; raises DeadTokenError when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise DeadTokenError("Authorization holds no bearer token; get one and send 'Bearer <token>'")
    return token.strip()
