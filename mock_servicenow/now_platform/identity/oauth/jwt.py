"""JSON Web Tokens as proof of identity (platform 4.3): HS, RS and ES signatures."""

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from cryptography.x509 import Certificate

from mock_servicenow.now_platform.identity.oauth.refusal import RefusedError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assertion:
    """A token taken apart; nothing of it is proven before `check_signature`."""

    header: Json
    claims: Json
    signed: bytes
    signature: bytes

    def text(self, claim: str) -> str:
        """Return a claim as text; empty if it is missing."""
        return str(self.claims.get(claim, ""))

    def time(self, claim: str, default: float) -> float:
        """Return a claim that holds a time in Unix seconds; raises RefusedError."""
        value = self.claims.get(claim, default)
        if not isinstance(value, int | float):
            raise RefusedError(f"the assertion's {claim} is {value!r}; expected Unix seconds")
        return value

    @property
    def by_shared_key(self) -> bool:
        """Whether its algorithm is one of shared keys."""
        return str(self.header.get("alg")).startswith("HS")

    @property
    def audiences(self) -> list[str]:
        """Return for whom it is meant."""
        audience = self.claims.get("aud", [])
        return audience if isinstance(audience, list) else [audience]


def read_assertion(text: str) -> Assertion:
    """Take a token apart; raises RefusedError."""
    signed, _, signature = text.rpartition(".")
    try:
        header, claims = (_read_object(part) for part in signed.split("."))
        return Assertion(header, claims, signed.encode(), _decode(signature))
    except ValueError:
        raise RefusedError("the assertion is no JSON Web Token") from None


def check_signature(assertion: Assertion, shared_key: str, pem: str) -> None:
    """Raise RefusedError unless the signature is made with the shared key, or the private key to a certificate."""
    algorithm = str(assertion.header.get("alg"))
    family, bits = algorithm[:2], algorithm[2:]
    if family not in _FAMILIES or bits not in {"256", "384", "512"}:
        raise RefusedError(f"the assertion's alg is '{algorithm}'; expected HS, RS or ES with 256, 384 or 512")
    key = shared_key if family == "HS" else pem
    if not key or not _FAMILIES[family](assertion, key, f"sha{bits}"):
        raise RefusedError("the assertion's signature is not made with the key of the JWT verifier map")


def check_validity(pem: str, now: "datetime") -> None:
    """Raise RefusedError for a certificate that is not valid at that time; a bare key is valid for ever."""
    certificate = _certificate(pem)
    if certificate is None:
        return
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first <= now <= last:
        raise RefusedError(f"the certificate of the JWT verifier map is valid from {first} to {last}")


def _read_object(part: str) -> Json:
    """Return a JSON object; raises ValueError for anything else."""
    value = orjson.loads(_decode(part))
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - wrong text, as what cannot be decoded is
    return value


def _decode(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _is_shared(assertion: Assertion, key: str, digest: str) -> bool:
    return hmac.compare_digest(hmac.digest(key.encode(), assertion.signed, digest), assertion.signature)


def _is_rsa(assertion: Assertion, pem: str, digest: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - few starts need it
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

    key = _public_key(pem)
    return isinstance(key, RSAPublicKey) and _holds(
        lambda: key.verify(assertion.signature, assertion.signed, PKCS1v15(), _hash(digest))
    )


def _is_elliptic(assertion: Assertion, pem: str, digest: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415

    key = _public_key(pem)
    half = len(assertion.signature) // 2
    r, s = (int.from_bytes(part) for part in (assertion.signature[:half], assertion.signature[half:]))
    return isinstance(key, EllipticCurvePublicKey) and _holds(
        lambda: key.verify(encode_dss_signature(r, s), assertion.signed, ECDSA(_hash(digest)))
    )


_FAMILIES: dict[str, Callable[[Assertion, str, str], bool]] = {
    "HS": _is_shared,
    "RS": _is_rsa,
    "ES": _is_elliptic,
}


def _holds(verify: Callable[[], None]) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    try:
        verify()
    except InvalidSignature:
        return False
    return True


def _hash(digest: str) -> Any:  # noqa: ANN401 - typed by a library that is loaded late
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    return getattr(hashes, digest.upper())()


def _public_key(pem: str) -> object:
    """Return the key in a certificate, or the bare public key; None if the text is neither, or of an unknown kind."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    certificate = _certificate(pem)
    try:
        return load_pem_public_key(pem.encode()) if certificate is None else certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _certificate(pem: str) -> Certificate | None:
    """Return the first certificate in the text; None if it holds none that can be read."""
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    try:
        return load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None
