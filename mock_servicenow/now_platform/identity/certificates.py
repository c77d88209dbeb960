"""Certificate-based authentication: a TLS client acts for the user to whom its certificate is mapped.

Docs: Set up Certificate-based authentication.
"""

import ssl
from collections.abc import Iterator
from hashlib import sha256

from msgspec.structs import replace

from mock_servicenow.now_platform.identity.authentication import Evidence
from mock_servicenow.now_platform.identity.roles import acting_user
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import User
from privman_core.findings import Finding

CERTIFICATES = "sys_user_certificate"
ENABLED = Property("glide.authenticate.mutual.enabled", "true")
"""Whether certificates count; the name is inferred, the default documented."""
_USERS = Fact("users by their certificates", CERTIFICATES)


def certificate_user(session: Session, evidence: Evidence) -> User | None:
    """Return the user to whom the client's certificate is mapped; one without a user is a finding."""
    if not evidence.certificate or not session.is_on(ENABLED):
        return None
    users = session.kernel.cache.get(_USERS, "", lambda: dict(_mapped(session)))
    fingerprint = sha256(evidence.certificate).hexdigest()
    user = acting_user(session, users.get(fingerprint, ""))
    if user is None:
        message = f"the client's certificate (SHA-256 {fingerprint}) is mapped to no active user by {CERTIFICATES}"
        session.findings.append(Finding("swallowed", "certificate-refused", message))
        return None
    return replace(user, opens_session=True)


def _mapped(session: Session) -> Iterator[tuple[str, str]]:
    """Yield the fingerprint of each certificate that counts, with its user."""
    for row in session.find_all(CERTIFICATES, active="true"):
        try:
            certificate = ssl.PEM_cert_to_DER_cert(row["pem_certificate"].strip())
        except ValueError:  # nobody can show it
            continue
        yield sha256(certificate).hexdigest(), row["user"]
