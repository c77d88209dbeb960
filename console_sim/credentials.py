"""Credentials are saved, and what they hold is hidden wherever others repeat it (integration 2.4, 2.5)."""

from collections.abc import Iterator

from console_sim.credential import Credential
from console_sim.errors import NotFoundError
from console_sim.store import Store
from privman_core.masking import Secrets


class Credentials:
    """The console's credentials, by name."""

    def __init__(self, store: Store, secrets: Secrets) -> None:
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
            raise NotFoundError(f"there is no credential {name!r}")
        return credential

    def save(self, credential: Credential) -> None:
        """Keep a credential, in the place of the one with the same name if there is one."""
        before = self._kept.get(credential.name)
        self._hide(credential)
        self._kept.put(credential)
        if before is not None and not self._store.has_password(before.password):
            self._secrets.retire_login(before.account_name, before.password)

    def _hide(self, credential: Credential) -> None:
        self._secrets.add_login(credential.account_name, credential.password)
