"""The grant for an assertion that an identity provider signed (platform 4.3)."""

from hashlib import sha256
from threading import Lock

from mock_servicenow.now_platform.identity.credentials import holder
from mock_servicenow.now_platform.identity.oauth.jwt import Assertion, check_signature, check_validity, read_assertion
from mock_servicenow.now_platform.identity.oauth.refusal import RefusedError
from mock_servicenow.now_platform.identity.privileges import is_privileged
from mock_servicenow.now_platform.identity.roles import acting_user
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import User
from privman_core.clock import Clock

PROVIDERS = "oauth_jwt"
CLAIMS = "oauth_jwt_claim_validation"
KEPT = 10_000
"""Used assertions that are remembered; past that those that end first may be used again."""


class JwtBearer:
    """Finds the user for whom an assertion speaks, and lets none speak twice, of the last ``kept``; for any thread."""

    def __init__(self, clock: Clock, kept: int = KEPT) -> None:
        self._clock = clock
        self._kept = kept
        self._used: dict[bytes, float] = {}  # by digest, as a jti may be long
        self._lock = Lock()

    def user(self, session: Session, client: Record, text: str) -> User:
        """Return the user; raises RefusedError."""
        provider = session.get(PROVIDERS, client.sys_id)
        if provider is None:
            raise RefusedError(f"'{client['name']}' is no OAuth JWT API endpoint")
        assertion = read_assertion(text)
        verifier = _verifier(session, provider, assertion)
        pem = "" if assertion.by_shared_key else self._certificate(session, verifier)
        check_signature(assertion, verifier["shared_key"], pem)
        _check_named_claims(session, provider, assertion)
        self._check_claims(provider, assertion)
        return _subject(session, provider, assertion)

    def _certificate(self, session: Session, verifier: Record) -> str:
        """Return the PEM of the verifier's certificate; empty if it names none. Raises RefusedError."""
        named = verifier["sys_certificate"]
        record = holder(session, "sys_certificate", "sys_id", named, active="true")
        if named and record is None:
            raise RefusedError("the certificate of the JWT verifier map is not active or was deleted")
        pem = "" if record is None else record["pem_certificate"]
        check_validity(pem, self._clock.now())
        return pem

    def _check_claims(self, provider: Record, assertion: Assertion) -> None:
        now, skew = self._clock.now().timestamp(), int(provider["clock_skew"] or 0)
        if provider["client_id"] not in assertion.audiences:
            raise RefusedError(f"the assertion's aud is {assertion.audiences}; expected the client_id")
        expires = assertion.time("exp", 0)
        if expires <= now - skew:
            raise RefusedError(f"the assertion's exp is {expires}, which has passed")
        for claim in ("nbf", "iat"):
            if assertion.time(claim, now) > now + skew:
                raise RefusedError(f"the assertion's {claim} has not come yet")
        if provider["enable_jti_verification"] == "true":
            self._use(assertion.text(provider["jti_claim"]), expires + skew, now)

    def _use(self, identity: str, until: float, now: float) -> None:
        digest = sha256(identity.encode()).digest()
        with self._lock:
            self._used = {used: end for used, end in self._used.items() if end > now}
            if not identity or digest in self._used:
                raise RefusedError("the assertion's jti is missing or was used before")
            self._used[digest] = until
            if len(self._used) > self._kept:
                del self._used[min(self._used, key=self._used.__getitem__)]


def _check_named_claims(session: Session, provider: Record, assertion: Assertion) -> None:
    """Raise RefusedError unless each claim with a validation has one of its values; the issuer may be the client."""
    expected = {"iss": {provider["client_id"]}}
    for row in session.find_all(CLAIMS, oauth_jwt=provider.sys_id):
        expected.setdefault(row["name"], set()).add(row["value"])
    for claim, values in expected.items():
        if assertion.text(claim) not in values:
            wanted = "the client_id, or a value of its OAuth JWT claim validations"
            raise RefusedError(f"the assertion's {claim} is '{assertion.text(claim)}'; expected {wanted}")


def _verifier(session: Session, provider: Record, assertion: Assertion) -> Record:
    key_id = str(assertion.header.get("kid", ""))
    for verifier in session.find_all("jwt_verifier_map", oauth_jwt=provider.sys_id):
        if verifier["kid"] in {"", key_id}:
            return verifier
    raise RefusedError(f"the assertion's kid is '{key_id}'; '{provider['name']}' has no JWT verifier map for it")


def _subject(session: Session, provider: Record, assertion: Assertion) -> User:
    field, subject = provider["user_field"], assertion.text("sub")
    known = field in session.dictionary.columns("sys_user")
    record = holder(session, "sys_user", field, subject) if known else None
    user = None if record is None else acting_user(session, record.sys_id)
    if user is None:
        raise RefusedError(f"the assertion's sub is '{subject}'; no active user has that {field}")
    if is_privileged(session, user.sys_id):
        raise RefusedError(f"an assertion cannot speak for '{user.user_name}', who holds a privileged role")
    return user
