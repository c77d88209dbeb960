"""Tables that are read without credentials: those listed in sys_public (platform 4.2)."""

import re

from mock_servicenow.now_platform.identity.authentication import Evidence
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.view import PUBLIC
from mock_servicenow.now_platform.users import GUEST, User
from privman_core.findings import Finding

_READS = frozenset({"GET", "HEAD"})
_TABLE = re.compile(r"/api/now(?:/v[12])?/table/([^/]+)(?:/.*)?", re.DOTALL)


def guest(session: Session, evidence: Evidence) -> User | None:
    """Return the guest for a request without credentials that reads a public table; nobody writes as the guest."""
    match = _TABLE.fullmatch(evidence.path)
    if match is None or "Authorization" in evidence.headers:
        return None
    if session.find(PUBLIC, page=match[1], active="true") is None:
        return None
    if evidence.method in _READS:
        return GUEST
    told = f"{evidence.method} on table {match[1]}, which sys_public opens for reading alone: credentials are needed"
    session.findings.append(Finding("swallowed", "guest-write-refused", told))
    return None
