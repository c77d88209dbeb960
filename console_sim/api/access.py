"""Who may call the API."""

from aiohttp import web

from console_sim.api_client_user import ApiClientUser
from console_sim.errors import API_DISABLED, ForbiddenError, UnauthorizedError
from console_sim.store import Store
from console_sim.users import Users


class Access:
    """Looks at the switch, the token and the role, in this order."""

    def __init__(self, store: Store, users: Users) -> None:
        self._store = store
        self._users = users

    def require_api(self) -> None:
        """Raise ForbiddenError while the API is disabled."""
        if not self._store.api_enabled:
            raise ForbiddenError(API_DISABLED)

    def require_user(self, request: web.Request) -> ApiClientUser:
        """Return who is logged on; raises UnauthorizedError, and ForbiddenError while the API is disabled."""
        self.require_api()
        return self._users.logged_on(bearer_token(request))

    def require_approver(self, request: web.Request) -> None:
        """Raise what `require_user` raises, or ForbiddenError for a user without an approving role."""
        if not self.require_user(request).may_approve:
            raise ForbiddenError("the API user has no role with 'Approve Approval Requests'")


def bearer_token(request: web.Request) -> str:
    """Return the token of the Authorization header; raises UnauthorizedError when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthorizedError("Authorization holds no bearer token; get one and send 'Bearer <token>'")
    return token.strip()
