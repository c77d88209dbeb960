"""Bearer tokens of the console's API (integration 4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from privman_testbench.clock import Clock
from privman_testbench.ids import Ids
from privman_testbench.masking import Secrets


@dataclass(frozen=True, slots=True)
class _Token:
    client_id: str
    expires_at: datetime


class Tokens:
    """The tokens that are alive; none survives a restart."""

    def __init__(self, clock: Clock, ids: Ids, secrets: Secrets, lifetime: timedelta) -> None:
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._lifetime = lifetime
        self._alive: dict[str, _Token] = {}

    def issue(self, client_id: str) -> str:
        """Return a new token for that user."""
        now = self._clock.now()
        self._alive = {token: known for token, known in self._alive.items() if known.expires_at > now}
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

    def revoke_all(self) -> int:
        """Make every token dead and return how many there were."""
        count = len(self._alive)
        self._alive.clear()
        return count
