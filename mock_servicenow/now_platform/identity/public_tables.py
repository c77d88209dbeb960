"""Tables that answer without credentials: those listed in sys_public (platform 4.2)."""

import re
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.identity.users import User

if TYPE_CHECKING:
    from mock_servicenow.now_platform.identity.authentication import Evidence
    from mock_servicenow.now_platform.records.session import Session

GUEST = User("guest", "guest", "Guest")
PUBLIC = "sys_public"
_TABLE = re.compile(r"/api/now(?:/v[12])?/table/([^/]+)(?:/.*)?", re.DOTALL)


def guest(session: "Session", evidence: "Evidence") -> User | None:
    """Return the guest for a request without credentials on a public table."""
    match = _TABLE.fullmatch(evidence.path)
    if match is None or "Authorization" in evidence.headers:
        return None
    return None if session.find(PUBLIC, page=match[1], active="true") is None else GUEST
