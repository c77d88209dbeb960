"""The tokens of the API Client Users."""

from datetime import datetime, timedelta
from heapq import nsmallest

from msgspec import Struct

from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.masking import Secrets

KEPT_TOKENS = 1_000


class _Token(Struct, frozen=True):
    client_id: str
    expires_at: datetime


class ApiTokens:
    """The live tokens; none survives a restart.

    A user has at most `KEPT_TOKENS`: a further one revokes that user's oldest.
    """

    def __init__(self, clock: Clock, ids: Ids, secrets: Secrets, lifetime: timedelta) -> None:
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._lifetime = lifetime
        self._kept: dict[str, _Token] = {}
        self._of: dict[str, dict[str, None]] = {}  # tokens by their owner, in order of expiry

    def issue(self, client_id: str) -> str:
        """Return a new token for that user."""
        now = self._clock.now()
        self._drop_dead(client_id, now)
        token = self._ids.token()
        self._secrets.add(token)
        self._kept[token] = _Token(client_id, now + self._lifetime)
        self._of.setdefault(client_id, {})[token] = None
        return token

    def client_id(self, token: str) -> str:
        """Return the owner of a token, empty for a dead or unknown one."""
        known = self._kept.get(token)
        return known.client_id if known is not None and known.expires_at > self._clock.now() else ""

    def coming(self, most: int) -> list[datetime]:
        """Return when the next tokens end, at most so many, earliest first."""
        now = self._clock.now()
        return nsmallest(most, (each.expires_at for each in self._kept.values() if each.expires_at > now))

    def revoke(self, token: str) -> None:
        """Revoke one token that has not been revoked."""
        known = self._kept.pop(token)
        del self._of[known.client_id][token]
        self._secrets.retire(token)

    def revoke_those_of(self, client_id: str) -> None:
        """Revoke every token of that user."""
        for token in tuple(self._of.get(client_id, ())):
            self.revoke(token)

    def revoke_all(self) -> int:
        """Revoke every token and return how many there were."""
        tokens = tuple(self._kept)
        for token in tokens:
            self.revoke(token)
        return len(tokens)

    def _drop_dead(self, client_id: str, now: datetime) -> None:
        """Revoke what has expired of a user's tokens, and the oldest if there is no room for another."""
        own = self._of.get(client_id, {})
        while own:
            oldest = next(iter(own))
            if len(own) < KEPT_TOKENS and self._kept[oldest].expires_at > now:
                return
            self.revoke(oldest)
