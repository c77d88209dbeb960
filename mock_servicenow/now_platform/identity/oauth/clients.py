"""Registered OAuth clients, and the authorization codes issued to them (platform 4.3, 4.4)."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock

from mock_servicenow.now_platform.errors import GrantError
from mock_servicenow.now_platform.identity.oauth.tokens import CLIENTS
from mock_servicenow.now_platform.identity.roles import find_by_credential, life
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext, Session
from mock_servicenow.now_platform.users import Holder, verify_password
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.masking import Secrets

VALID_FOR = timedelta(seconds=60)  # RFC 6749 advises a short life and at most ten minutes


def registry_rules() -> list[BusinessRule]:
    """Return the rule that gives new clients an id."""
    return [BusinessRule("generate_client_id", CLIENTS, "before", frozenset({"insert"}), _generate_client_id)]


def find_client(session: Session, client_id: str) -> Record | None:
    """Return the active client with that id."""
    return find_by_credential(session, CLIENTS, "client_id", client_id, active="true")


def known_client(session: Session, client_id: str, secret: str) -> Record:
    """Return the client that proves itself by its secret; raises GrantError.

    A public client may send none: its grants need another proof.
    """
    client = find_client(session, client_id)
    if client is None:
        raise GrantError(f"client_id is '{client_id}'; the application registry has no active client with that id")
    if client["public_client"] == "true" and not secret:
        return client
    if not verify_password(secret, client["client_secret"]):
        raise GrantError(f"the client_secret is not that of '{client['name']}'")
    return client


def client_holder(session: Session, client: Record) -> Holder:
    """Return the client as the holder of a code."""
    return Holder(client.sys_id, life(session, client.sys_id))


def redirects_to(client: Record, url: str) -> bool:
    """Return whether the client is registered with that redirect URL."""
    return bool(url) and url in (known.strip() for known in client["redirect_url"].split(","))


def _generate_client_id(context: RuleContext) -> None:
    """Give a client without an id a new one."""
    context.current["client_id"] = context.current["client_id"] or context.session.ids.hex(32)


@dataclass(frozen=True, slots=True)
class Consent:
    """The consent of one user to one client.

    Attributes:
        client: may redeem the code.
        holder: the user.
        challenge: the hash of the client's ``code_verifier`` (PKCE, S256); empty if it sent none.
    """

    client: Holder
    holder: Holder
    redirect_uri: str
    scope: str
    challenge: str

    def proven_by(self, verifier: str) -> bool:
        """Return whether the verifier matches the challenge."""
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
        """Return a code for a user's consent."""
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
        """Return the consent behind a code; None if it was used before, has expired or never existed."""
        self._secrets.retire(code)
        consent, until = self._known.pop(code, (None, self._clock.now()))
        return consent if until > self._clock.now() else None
