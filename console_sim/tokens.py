"""Bearer tokens of the console's API (integration 4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.masking import Secrets

KEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Token:
    client_id: str
    expires_at: datetime


class Tokens:
    """The tokens that are alive; none survives a restart.

    Past ``kept`` the oldest die early, which makes their holder get another one.
    """

    def __init__(self, clock: Clock, ids: Ids, secrets: Secrets, lifetime: timedelta, kept: int = KEPT) -> None:
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._lifetime = lifetime
        self._kept = kept
        self._alive: dict[str, _Token] = {}  # in the order in which they expire

    def issue(self, client_id: str) -> str:
        """Return a new token for that user."""
        now = self._clock.now()
        self._drop_dead(now)
        token = self._ids.token()
        self._secrets.add(token)
        self._alive[token] = _Token(client_id, now + self._lifetime)
        return token

    def client_id(self, token: str) -> str:
        """Return whose token it is, empty for a dead or unknown one."""
        known = self._alive.get(token)
        return known.client_id if known is not None and known.expires_at > self._clock.now() else ""

    def revoke(self, token: str) -> None:
        """Make one token dead."""
        self._alive.pop(token, None)
        self._secrets.retire(token)

    def revoke_all(self) -> int:
        """Make every token dead and return how many there were."""
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
