"""Users: the API Client User is created, logs on, and gets a new Secret (integration 2.2, 2.3)."""

from dataclasses import replace
from typing import Any

from console_sim.api_client_user import ApiClientUser, digest
from console_sim.errors import ConflictError, DeadTokenError, NotFoundError, UnauthorizedError
from console_sim.store import Store
from console_sim.tokens import Tokens
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.masking import Secrets


class Users:
    """The console's API Client User, of which there is one at a time."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, secrets: Secrets, tokens: Tokens) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._tokens = tokens
        self._at_hand = ""
        if store.api_user is not None:
            secrets.add(store.api_user.client_id)

    def create(self) -> tuple[ApiClientUser, str]:
        """Create the user with a generated Client Id and return it with its Secret, which is printed nowhere later.

        Raises ConflictError when there is one.
        """
        existing = self._store.api_user
        if existing is not None:
            raise ConflictError(f"{existing.display_name!r} exists; this console keeps one API Client User")
        client_id, secret = self._ids.guid(), self._new_secret()
        self._secrets.add(client_id)
        user = self._store.api_users.put(ApiClientUser(client_id, digest(secret), self._clock.now()))
        self._at_hand = secret
        return user, secret

    def get(self) -> ApiClientUser:
        """Return the user; raises NotFoundError before there is one."""
        user = self._store.api_user
        if user is None:
            raise NotFoundError("there is no API Client User yet; run the set-up first")
        return user

    def change(self, **values: Any) -> ApiClientUser:  # noqa: ANN401 - of the fields' types
        """Replace those fields of the user and return it; raises NotFoundError."""
        return self._store.api_users.put(replace(self.get(), **values))

    def secret_at_hand(self) -> str:
        """Return the Secret if this process generated it, else nothing: only its digest is kept."""
        user = self.get()
        return self._at_hand if user.accepts(user.client_id, self._at_hand) else ""

    def reset_secret(self) -> str:
        """Replace the Secret, which revokes the old one and every token, and return it."""
        secret = self._new_secret()
        self.change(secret_digest=digest(secret))
        self._tokens.revoke_all()
        if not self._store.has_password(self._at_hand):
            self._secrets.retire(self._at_hand)
        self._at_hand = secret
        return secret

    def forget(self) -> None:
        """Forget the Secret at hand."""
        self._at_hand = ""

    def log_on(self, client_id: str, secret: str) -> str:
        """Return a token; raises UnauthorizedError."""
        user = self._store.api_user
        if user is None or not user.accepts(client_id, secret):
            raise UnauthorizedError("UserName or Password is wrong")
        if reason := user.why_shut_out(self._clock.now()):
            raise UnauthorizedError(reason)
        return self._tokens.issue(user.client_id)

    def logged_on(self, token: str) -> ApiClientUser:
        """Return whose token it is; raises DeadTokenError."""
        user = self._store.api_user
        if user is None or self._tokens.client_id(token) != user.client_id:
            raise DeadTokenError("the token is unknown, has expired or was revoked; get a new one")
        if reason := user.why_shut_out(self._clock.now()):
            raise DeadTokenError(reason)
        return user

    def _new_secret(self) -> str:
        secret = self._ids.token()
        self._secrets.add(secret)
        return secret
