"""The grant for assertions of an identity provider: JSON Web Tokens with HS, RS or ES signatures.

PyJWT verifies signatures. Claims are checked here, because time is the instance's clock and findings name each reason.
"""

from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from typing import Any, Self

import orjson
from msgspec import Struct

from mock_servicenow.now_platform.errors import GrantError
from mock_servicenow.now_platform.identity.privileges import is_privileged
from mock_servicenow.now_platform.identity.roles import acting_user, find_by_credential
from mock_servicenow.now_platform.identity.short_lived import ShortLived
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import User
from privman_core.clock import Clock

PROVIDERS = "oauth_jwt"
CLAIMS = "oauth_jwt_claim_validation"
KEPT = 10_000
"""Used assertions that are remembered; beyond that, those that end first may be used again."""
_LAST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_ALGORITHMS = frozenset(f"{family}{bits}" for family in ("HS", "RS", "ES") for bits in (256, 384, 512))
Json = dict[str, Any]


class Assertion(Struct, frozen=True):
    """The parts of a token; nothing in it is proven before `_check_signature`."""

    header: Json
    claims: Json
    signed: bytes
    signature: bytes

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse a token; raises GrantError."""
        signed, _, signature = text.rpartition(".")
        try:
            header, claims = (_read_object(part) for part in signed.split("."))
            return cls(header, claims, signed.encode(), _decode(signature))
        except ValueError:
            raise GrantError("the assertion is not a JSON Web Token") from None

    @property
    def algorithm(self) -> str:
        """The algorithm that the header names."""
        return str(self.header.get("alg"))

    @property
    def audiences(self) -> list[str]:
        """The clients for which it is meant."""
        audience = self.claims.get("aud", [])
        return audience if isinstance(audience, list) else [audience]

    def text(self, claim: str) -> str:
        """Return a claim as text; empty if it is missing."""
        return str(self.claims.get(claim, ""))

    def time(self, claim: str, default: float) -> float:
        """Return a claim that is a time in Unix seconds; raises GrantError."""
        value = self.claims.get(claim, default)
        if not isinstance(value, int | float):
            raise GrantError(f"the assertion's {claim} is {value!r}; expected Unix seconds")
        return value


class JwtBearer:
    """Finds the user for whom an assertion speaks; of the last ``kept``, none speaks twice, to whichever process."""

    def __init__(self, clock: Clock, kept: int = KEPT) -> None:
        self._clock = clock
        self._used = ShortLived("used assertion", kept)

    def user(self, session: Session, client: Record, text: str) -> User:
        """Return the user; raises GrantError."""
        provider = session.get(PROVIDERS, client.sys_id)
        if provider is None:
            raise GrantError(f"'{client['name']}' is not an OAuth JWT API endpoint")
        assertion = Assertion.read(text)
        verifier = _verifier(session, provider, assertion)
        pem = "" if assertion.algorithm.startswith("HS") else self._certificate(session, verifier)
        _check_signature(assertion, verifier["shared_key"], pem)
        _check_named_claims(session, provider, assertion)
        self._check_claims(session, provider, assertion)
        return _subject(session, provider, assertion)

    def _certificate(self, session: Session, verifier: Record) -> str:
        """Return the PEM of the verifier's certificate; empty if it names none. Raises GrantError."""
        named = verifier["sys_certificate"]
        record = find_by_credential(session, "sys_certificate", "sys_id", named, active="true")
        if named and record is None:
            raise GrantError("the certificate of the JWT verifier map is not active or was deleted")
        pem = "" if record is None else record["pem_certificate"]
        _check_validity(pem, self._clock.now())
        return pem

    def _check_claims(self, session: Session, provider: Record, assertion: Assertion) -> None:
        now, skew = self._clock.now().timestamp(), int(provider["clock_skew"] or 0)
        if provider["client_id"] not in assertion.audiences:
            raise GrantError(f"the assertion's aud is {assertion.audiences}; expected the client_id")
        expires = assertion.time("exp", 0)
        if expires <= now - skew:
            raise GrantError(f"the assertion's exp is {expires}, which has passed")
        for claim in ("nbf", "iat"):
            if assertion.time(claim, now) > now + skew:
                raise GrantError(f"the assertion's {claim} is in the future")
        if provider["enable_jti_verification"] == "true":
            self._use(session, assertion.text(provider["jti_claim"]), expires + skew)

    def _use(self, session: Session, identity: str, until: float) -> None:
        ends = datetime.fromtimestamp(min(until, _LAST), UTC)
        if not identity or not self._used.add(session, identity, "", ends):
            raise GrantError("the assertion's jti is missing or was used before")


def _read_object(part: str) -> Json:
    """Return a JSON object; raises ValueError for anything else."""
    value = orjson.loads(_decode(part))
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - handled like text that cannot be decoded
    return value


def _decode(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _verifier(session: Session, provider: Record, assertion: Assertion) -> Record:
    key_id = str(assertion.header.get("kid", ""))
    for verifier in session.find_all("jwt_verifier_map", oauth_jwt=provider.sys_id):
        if verifier["kid"] in {"", key_id}:
            return verifier
    raise GrantError(f"the assertion's kid is '{key_id}'; '{provider['name']}' has no JWT verifier map for it")


def _check_signature(assertion: Assertion, shared_key: str, pem: str) -> None:
    """Raise GrantError unless the signature is made with the shared key, or the private key of a certificate."""
    algorithm = assertion.algorithm
    if algorithm not in _ALGORITHMS:
        raise GrantError(f"the assertion's alg is '{algorithm}'; expected HS, RS or ES with 256, 384 or 512")
    key = shared_key.encode() if algorithm.startswith("HS") else _public_key(pem)
    if not key or not _is_signed_with(key, assertion):
        raise GrantError("the assertion's signature is not made with the key of the JWT verifier map")


def _is_signed_with(key: object, assertion: Assertion) -> bool:
    from jwt.algorithms import get_default_algorithms  # noqa: PLC0415 - few starts need it
    from jwt.exceptions import InvalidKeyError  # noqa: PLC0415

    checker = get_default_algorithms()[assertion.algorithm]
    try:
        prepared = key if isinstance(key, bytes) else checker.prepare_key(key)
        return checker.verify(assertion.signed, prepared, assertion.signature)
    except (InvalidKeyError, TypeError):  # a key of another kind
        return False


def _check_validity(pem: str, now: datetime) -> None:
    """Raise GrantError for a certificate that is not valid at that time; a bare key is always valid."""
    certificate = _x509(pem)
    if certificate is None:
        return
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first <= now <= last:
        raise GrantError(f"the certificate of the JWT verifier map is valid from {first} to {last}")


def _public_key(pem: str) -> object:
    """Return the key in a certificate, or the bare public key; None if the text is neither, or of an unknown kind."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    certificate = _x509(pem)
    try:
        return load_pem_public_key(pem.encode()) if certificate is None else certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _x509(pem: str) -> Any:  # noqa: ANN401 - a certificate of a library that is loaded late
    """Return the first certificate in the text; None if it has none that can be read."""
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    try:
        return load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None


def _check_named_claims(session: Session, provider: Record, assertion: Assertion) -> None:
    """Raise GrantError unless each claim with a validation has one of its values; the issuer may be the client."""
    expected = {"iss": {provider["client_id"]}}
    for row in session.find_all(CLAIMS, oauth_jwt=provider.sys_id):
        expected.setdefault(row["name"], set()).add(row["value"])
    for claim, values in expected.items():
        if assertion.text(claim) not in values:
            wanted = "the client_id, or a value of its OAuth JWT claim validations"
            raise GrantError(f"the assertion's {claim} is '{assertion.text(claim)}'; expected {wanted}")


def _subject(session: Session, provider: Record, assertion: Assertion) -> User:
    field, subject = provider["user_field"], assertion.text("sub")
    known = field in session.dictionary.columns("sys_user")
    record = find_by_credential(session, "sys_user", field, subject) if known else None
    user = None if record is None else acting_user(session, record.sys_id)
    if user is None:
        raise GrantError(f"the assertion's sub is '{subject}'; no active user has that {field}")
    if is_privileged(session, user.sys_id):
        raise GrantError(f"an assertion cannot speak for '{user.user_name}', who holds a privileged role")
    return user
