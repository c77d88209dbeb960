"""The API Client User with its tokens, and the credentials (integration 2.2 to 2.5, 4)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from console_sim.accounts import ApiClientUser, Credential, digest
from console_sim.console_store import ConsoleStore
from console_sim.errors import ConflictError, DeadTokenError, NotFoundError, UnauthorizedError
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.masking import Secrets

KEPT_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class _Token:
    client_id: str
    expires_at: datetime


class ApiTokens:
    """The live tokens; none survives a restart.

    Past ``kept`` the oldest are revoked early; their owners get new ones.
    """

    def __init__(self, clock: Clock, ids: Ids, secrets: Secrets, lifetime: timedelta, kept: int = KEPT_TOKENS) -> None:
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._lifetime = lifetime
        self._kept = kept
        self._alive: dict[str, _Token] = {}  # in order of expiry

    def issue(self, client_id: str) -> str:
        """Return a new token for that user."""
        now = self._clock.now()
        self._drop_dead(now)
        token = self._ids.token()
        self._secrets.add(token)
        self._alive[token] = _Token(client_id, now + self._lifetime)
        return token

    def client_id(self, token: str) -> str:
        """Return the owner of a token, empty for a dead or unknown one."""
        known = self._alive.get(token)
        return known.client_id if known is not None and known.expires_at > self._clock.now() else ""

    def revoke(self, token: str) -> None:
        """Revoke one token."""
        self._alive.pop(token, None)
        self._secrets.retire(token)

    def revoke_all(self) -> int:
        """Revoke every token and return how many there were."""
        tokens = list(self._alive)
        for token in tokens:
            self.revoke(token)
        return len(tokens)

    def _drop_dead(self, now: datetime) -> None:
        while self._alive:
            oldest = next(iter(self._alive))
            if len(self._alive) < self._kept and self._alive[oldest].expires_at > now:
                return
            self.revoke(oldest)


class Users:
    """The console's only API Client User."""

    def __init__(self, store: ConsoleStore, clock: Clock, ids: Ids, secrets: Secrets, tokens: ApiTokens) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._tokens = tokens
        self._at_hand = ""
        if store.api_user is not None:
            secrets.add(store.api_user.client_id)

    def create(self) -> tuple[ApiClientUser, str]:
        """Create the user with a generated Client Id and return it with its Secret, which is never shown again.

        Raises ConflictError if there is one.
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
        """Return the user; raises NotFoundError if there is none."""
        user = self._store.api_user
        if user is None:
            raise NotFoundError("there is no API Client User yet; run the set-up first")
        return user

    def change(self, **values: Any) -> ApiClientUser:  # noqa: ANN401 - of the fields' types
        """Change fields of the user and return it; raises NotFoundError."""
        return self._store.api_users.put(replace(self.get(), **values))

    def secret_at_hand(self) -> str:
        """Return the Secret if this process generated it, else nothing: only its digest is stored."""
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
        """Return the owner of a token; raises DeadTokenError."""
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


class CredentialShelf:
    """The console's credentials, by name; what they contain is masked in every output."""

    def __init__(self, store: ConsoleStore, secrets: Secrets) -> None:
        self._store = store
        self._kept = store.credentials
        self._secrets = secrets
        for credential in self:
            self._hide(credential)

    def __iter__(self) -> Iterator[Credential]:
        return iter(self._kept)

    def __contains__(self, name: str) -> bool:
        return self._kept.get(name) is not None

    def get(self, name: str) -> Credential:
        """Return the credential; raises NotFoundError."""
        credential = self._kept.get(name)
        if credential is None:
            raise NotFoundError(f"unknown credential {name!r}")
        return credential

    def save(self, credential: Credential) -> None:
        """Insert or replace a credential."""
        before = self._kept.get(credential.name)
        self._hide(credential)
        self._kept.put(credential)
        if before is not None and not self._store.has_password(before.password):
            self._secrets.retire_login(before.account_name, before.password)

    def _hide(self, credential: Credential) -> None:
        self._secrets.add_login(credential.account_name, credential.password)
