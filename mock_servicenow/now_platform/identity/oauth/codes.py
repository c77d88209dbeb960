"""Authorization codes: what a user's consent is handed over as (platform 4.3, 4.4)."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock

from mock_servicenow.now_platform.users import Holder
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.masking import Secrets

VALID_FOR = timedelta(seconds=60)  # RFC 6749 advises a short life and at most ten minutes


@dataclass(frozen=True, slots=True)
class Consent:
    """What one user has allowed one client.

    Attributes:
        client: the one that may redeem it.
        holder: the user.
        challenge: what the client's ``code_verifier`` must hash to (PKCE, S256); empty if it named none.
    """

    client: Holder
    holder: Holder
    redirect_uri: str
    scope: str
    challenge: str

    def proven_by(self, verifier: str) -> bool:
        """Return whether the verifier is that of the challenge."""
        digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=")
        return bool(self.challenge) and hmac.compare_digest(digest, self.challenge.encode())


class AuthorizationCodes:
    """The codes of an instance; each can be redeemed once, by any thread.

    Args:
        secrets: learns every code that leaves the instance.
    """

    def __init__(self, clock: Clock, ids: Ids, secrets: Secrets) -> None:
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._known: dict[str, tuple[Consent, datetime]] = {}
        self._lock = Lock()

    def issue(self, consent: Consent) -> str:
        """Return a code for what a user has allowed."""
        code = self._ids.token()
        self._secrets.add(code)
        now = self._clock.now()
        with self._lock:
            expired = [known for known, kept in self._known.items() if kept[1] <= now]
            self._known[code] = consent, now + VALID_FOR
        for known in expired:
            self.redeem(known)
        return code

    def clear(self) -> None:
        """Forget every code."""
        self._known.clear()

    def redeem(self, code: str) -> Consent | None:
        """Return what a code stands for; None if it was used before, has expired or never was."""
        self._secrets.retire(code)
        consent, until = self._known.pop(code, (None, self._clock.now()))
        return consent if until > self._clock.now() else None
