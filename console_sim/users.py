"""Users: the API Client User is created, logs on, and gets a new Secret (integration 2.2, 2.3)."""

from console_sim.api_client_user import ApiClientUser
from console_sim.errors import ConflictError, NotFoundError, UnauthorizedError
from console_sim.store import Store
from console_sim.tokens import Tokens
from privman_testbench.clock import Clock
from privman_testbench.ids import Ids
from privman_testbench.masking import Secrets


class Users:
    """The console's API Client User, of which there is one at a time."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, secrets: Secrets, tokens: Tokens) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._tokens = tokens

    def create(self) -> ApiClientUser:
        """Create the user with a generated Client Id and Secret; the Secret is printed nowhere later.

        Raises ConflictError when there is one.
        """
        if self._store.api_user is not None:
            raise ConflictError(f"{self._store.api_user.display_name!r} exists; this console keeps one API Client User")
        user = ApiClientUser(self._ids.guid(), self._ids.token(), self._clock.now())
        self._secrets.add(user.client_id)
        self._secrets.add(user.secret)
        self._store.api_user = user
        return user

    def get(self) -> ApiClientUser:
        """Return the user; raises NotFoundError before there is one."""
        if self._store.api_user is None:
            raise NotFoundError("there is no API Client User yet; run the set-up first")
        return self._store.api_user

    def reset_secret(self) -> str:
        """Replace the Secret, which revokes the old one and every token, and return it."""
        user = self.get()
        user.secret = self._ids.token()
        self._secrets.add(user.secret)
        self._tokens.revoke_all()
        return user.secret

    def log_on(self, client_id: str, secret: str) -> str:
        """Return a token; raises UnauthorizedError."""
        user = self._store.api_user
        if user is None or not user.accepts(client_id, secret):
            raise UnauthorizedError("UserName or Password is wrong")
        self._refuse_shut_out(user)
        return self._tokens.issue(user.client_id)

    def logged_on(self, token: str) -> ApiClientUser:
        """Return whose token it is; raises UnauthorizedError."""
        user = self._store.api_user
        if user is None or self._tokens.client_id(token) != user.client_id:
            raise UnauthorizedError("the token is unknown, has expired or was revoked; get a new one")
        self._refuse_shut_out(user)
        return user

    def _refuse_shut_out(self, user: ApiClientUser) -> None:
        reason = user.why_shut_out(self._clock.now())
        if reason:
            raise UnauthorizedError(reason)
