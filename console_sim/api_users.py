"""The API Client Users, and the credentials."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from msgspec import structs

from console_sim.accounts import ApiClientUser, Credential, digest
from console_sim.api_tokens import ApiTokens
from console_sim.console_store import ConsoleStore
from console_sim.error_texts import brief, listed
from console_sim.errors import BadRequestError, ConflictError, DeadTokenError, NotFoundError, UnauthorizedError
from console_sim.json_object import bare_guid
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.masking import Secrets


class ApiLogin(NamedTuple):
    """The generated Client Id and Secret of an API Client User."""

    client_id: str
    secret: str


class Users:
    """The API Client Users, oldest first."""

    def __init__(self, store: ConsoleStore, clock: Clock, ids: Ids, secrets: Secrets, tokens: ApiTokens) -> None:
        self._store = store
        self._shelf = store.api_users
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._tokens = tokens
        self._known_secrets: dict[str, str] = {}
        for user in self:
            secrets.add(user.client_id)

    def __iter__(self) -> Iterator[ApiClientUser]:
        return iter(self._shelf)

    def create(self, display_name: str = "", login: ApiLogin | None = None) -> tuple[ApiClientUser, str]:
        """Create a user and return it with its Secret, which is never shown again.

        It is named as the product names a new one, unless a name is given. Its Client Id and Secret are
        generated, unless those of a login that was shown before are given; raises ConflictError if a user has them.
        """
        now = self._clock.now()
        client_id, secret = login or ApiLogin(self._shelf.unused(self._ids.guid), self._ids.secret())
        if self.find(client_id) is not None:
            raise ConflictError("an API Client User with this Client Id exists")
        self._secrets.add(client_id)
        name = display_name or f"API User Created On {now:%b} {now.day}, {now.year}"
        user = self._shelf.put(ApiClientUser(client_id, digest(secret), now, name))
        self._remember(client_id, secret)
        return user, secret

    def get(self, client_id: str = "") -> ApiClientUser:
        """Return the user with that Client Id, in any case, or else the oldest; raises NotFoundError."""
        user = self._shelf.get(client_id.lower()) if client_id else self._shelf.oldest()
        if user is None:
            raise NotFoundError("there is no such API Client User" if client_id else _NO_USER)
        return user

    def find(self, client_id: str) -> ApiClientUser | None:
        """Return the user with that Client Id, in any case, also in braces; None if there is none."""
        return self._shelf.get(bare_guid(client_id))

    def named(self, name: str) -> ApiClientUser:
        """Return the user as `find_named` does; raises NotFoundError that lists the display names there are."""
        found = self.find_named(name)
        if found is None:
            known = listed([user.display_name for user in self])
            raise NotFoundError(f"API Client User {brief(name)} does not exist; there is {known}")
        return found

    def find_named(self, name: str) -> ApiClientUser | None:
        """Return the user with that Client Id, or else the one with that display name; None if there is none.

        Raises ConflictError if several have that display name, which the product allows.
        """
        by_id = self.find(name)
        if by_id is not None:
            return by_id
        found = [user for user in self if user.display_name == name]
        if len(found) > 1:
            raise ConflictError(f"{len(found)} API Client Users have the name {name!r}; expected a Client Id")
        return found[0] if found else None

    def change(self, client_id: str, **values: Any) -> ApiClientUser:  # noqa: ANN401 - of the fields' types
        """Change fields of a user and return it; raises NotFoundError.

        The tokens of a user who was shut out are revoked, so that none works again.
        """
        before, now = self.get(client_id), self._clock.now()
        after = replace(before, **values)
        if after == before:
            return before
        changed = self._shelf.put(replace(after, last_modified=now))
        if before.login_refusal(now):
            self._tokens.revoke_those_of(client_id.lower())
        return changed

    def known_secret(self, client_id: str) -> str:
        """Return the Secret if this process has seen it, else empty text: only its digest is stored."""
        secret = self._known_secrets.get(client_id, "")
        return secret if self.get(client_id).accepts(secret) else ""

    def reset_secret(self, client_id: str) -> str:
        """Replace the Secret, which revokes the old one and the user's tokens, and return it."""
        secret = self._ids.secret()
        self.change(client_id, secret_digest=digest(secret))
        self._tokens.revoke_those_of(client_id)
        before = self._known_secrets.get(client_id, "")
        if not self._store.has_password(before):
            self._secrets.retire(before)
        self._remember(client_id, secret)
        return secret

    def forget(self) -> None:
        """Forget the Secrets that this process has seen."""
        self._known_secrets.clear()

    def log_on(self, client_id: str, secret: str) -> str:
        """Return a token; raises UnauthorizedError.

        A Secret of which only the digest was known is masked from now on, also one that is given in the wrong field.
        """
        user = self._shelf.get(client_id.lower())
        if user is None or not user.accepts(secret):
            for text in filter(self._store.has_password, (client_id, secret)):
                self._secrets.add(text)
            raise UnauthorizedError("UserName or Password is wrong")
        self._remember(user.client_id, secret)
        return self.issue_token(user)

    def issue_token(self, user: ApiClientUser) -> str:
        """Return a token; raises UnauthorizedError if the user is shut out."""
        if reason := user.login_refusal(self._clock.now()):
            raise UnauthorizedError(reason)
        return self._tokens.issue(user.client_id)

    def logged_on(self, token: str) -> ApiClientUser:
        """Return the owner of a token; raises DeadTokenError."""
        client_id = self._tokens.client_id(token)
        user = self._shelf.get(client_id) if client_id else None
        if user is None:
            raise DeadTokenError("the token is unknown, has expired or was revoked; get a new one")
        if reason := user.login_refusal(self._clock.now()):
            raise DeadTokenError(reason)
        return user

    def _remember(self, client_id: str, secret: str) -> None:
        self._secrets.add(secret)
        self._known_secrets[client_id] = secret


_NO_USER = "there is no API Client User yet; run the set-up first"


class CredentialShelf:
    """The console's credentials, by name; their logins are masked in every output."""

    def __init__(self, store: ConsoleStore, clock: Clock, secrets: Secrets) -> None:
        self._store = store
        self._shelf = store.credentials
        self._clock = clock
        self._secrets = secrets
        self.hide_all()

    def hide_all(self) -> None:
        """Mask the logins of all stored credentials."""
        for credential in self:
            self._hide(credential)

    def __iter__(self) -> Iterator[Credential]:
        return iter(self._shelf)

    def __contains__(self, name: str) -> bool:
        return self._shelf.get(name) is not None

    def get(self, name: str) -> Credential:
        """Return the credential; raises NotFoundError."""
        credential = self._shelf.get(name)
        if credential is None:
            raise NotFoundError(f"unknown credential {brief(name)}")
        return credential

    def find(self, name: str) -> Credential | None:
        """Return the credential; None if there is none."""
        return self._shelf.get(name)

    def is_used(self, name: str, except_for: str = "") -> bool:
        """Return whether a foreign system or webhook has selected it, not counting those with the id ``except_for``."""
        systems = (each for each in self._store.foreign_systems if each.id != except_for)
        webhooks = (each for each in self._store.webhooks if each.id != except_for)
        return any(name in {each.credential, each.api_credential} for each in systems) or any(
            name == each.credential for each in webhooks
        )

    def require(self, name: str) -> None:
        """Raise BadRequestError, which lists the credentials, unless there is one of that name."""
        if name not in self:
            known = listed([each.name for each in self], "an existing one; there is none yet")
            raise BadRequestError(f"unknown credential {brief(name)}; expected {known}")

    def require_free(self, name: str) -> None:
        """Raise ConflictError if a credential has the name."""
        if name in self:
            raise ConflictError(f"credential {name!r} exists; expected another name")

    def save(self, credential: Credential) -> None:
        """Insert or replace a credential; its description stays unless it is given."""
        before = self._shelf.get(credential.name)
        if before is not None and not credential.description:
            credential = replace(credential, description=before.description)
        self._replace(before, credential)

    def change(self, before: Credential, after: Credential) -> None:
        """Replace a credential, whose new name, which must be free, foreign systems and webhooks follow."""
        with self._store.transaction():
            if after.name != before.name:
                self._shelf.remove(before.name)
                self._rename(before.name, after.name)
            self._replace(before, after)

    def _replace(self, before: Credential | None, after: Credential) -> None:
        self._hide(after)
        if after != before:
            self._shelf.put(replace(after, last_modified=self._clock.now()))
        if before is not None and not self._store.has_password(before.password):
            self._secrets.retire_login(before.account_name, before.password)

    def _rename(self, before: str, after: str) -> None:
        def renamed(name: str) -> str:
            return after if name == before else name

        for system in self._store.foreign_systems:
            credential, api_credential = renamed(system.credential), renamed(system.api_credential)
            changed = structs.replace(system, credential=credential, api_credential=api_credential)
            self._store.foreign_systems.put(changed)
        for webhook in self._store.webhooks:
            self._store.webhooks.put(replace(webhook, credential=renamed(webhook.credential)))

    def _hide(self, credential: Credential) -> None:
        self._secrets.add_login(credential.account_name, credential.password)
