"""Registered OAuth clients, and the authorization codes issued to them."""

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256

from msgspec import Struct, structs

from mock_servicenow.now_platform.errors import GrantError
from mock_servicenow.now_platform.identity.oauth.tokens import CLIENTS
from mock_servicenow.now_platform.identity.roles import find_by_credential, life
from mock_servicenow.now_platform.identity.short_lived import ShortLived
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext, Session
from mock_servicenow.now_platform.users import Holder, verify_password

VALID_FOR = timedelta(seconds=60)  # RFC 6749 advises a short life and at most ten minutes
_CODES = ShortLived("authorization code", 10_000)


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


class Consent(Struct, frozen=True):
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


def issue_code(session: Session, consent: Consent) -> str:
    """Return a code for a user's consent, which any process on the database redeems, once."""
    code = session.ids.token()
    secrets = session.kernel.secrets
    secrets.add(code)
    secrets.retire(code)  # it is used once, and soon
    _CODES.add(session, code, json.dumps(structs.astuple(consent)), session.kernel.clock.now() + VALID_FOR)
    return code


def redeem_code(session: Session, code: str) -> Consent | None:
    """Return the consent behind a code; None if it was used before, has expired or never existed."""
    found = _CODES.take(session, code)
    if found is None:
        return None
    client, holder, *rest = json.loads(found)
    return Consent(Holder(*client), Holder(*holder), *rest)
