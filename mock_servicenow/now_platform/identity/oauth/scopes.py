"""What a token may be used for (platform 4.3, 4.5)."""

from mock_servicenow.now_platform.errors import Forbidden
from mock_servicenow.now_platform.identity.api_names import covers
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session

EVERYTHING = "useraccount"
BOUND = "oauth_api_scope"


def granted_scope(session: Session, client: Record, requested: str) -> str:
    """Return the scope of a new grant: everything that its user may do, unless the registry limits the client."""
    limits = _limits(session, client)
    if not limits:
        return EVERYTHING
    asked = requested.split()
    return " ".join(scope for scope in limits if not asked or scope in asked)


def kept_scope(session: Session, client: Record, granted: str) -> str:
    """Return what an earlier grant is good for still: never more than it was, whatever the registry says by now."""
    limits, held = _limits(session, client), granted.split()
    if not limits:
        return granted
    return " ".join(scope for scope in limits if scope in held or EVERYTHING in held)


def _limits(session: Session, client: Record) -> list[str]:
    """Return the scopes to which the registry limits a client; none for one without limits."""
    return [row["oauth_entity_scope"] for row in session.find_all("oauth_entity_scope", oauth_entity=client.sys_id)]


def check_scope(session: Session, scope: str, path: str) -> None:
    """Raise Forbidden if the API at that path is bound to scopes of which the token has none."""
    held = scope.split()
    if EVERYTHING in held:
        return
    bound = {row["scope"] for row in session.find_all(BOUND, active="true") if covers(row["api"], path)}
    if bound.isdisjoint(held):
        raise Forbidden("Missing required api access scope")
