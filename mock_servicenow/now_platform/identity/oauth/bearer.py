"""The scheme of requests that carry an access token (platform 4.1, 4.5)."""

from hashlib import sha256

from mock_servicenow.now_platform.identity.authentication import Evidence
from mock_servicenow.now_platform.identity.makers import MAKERS, acting_by
from mock_servicenow.now_platform.identity.oauth import tokens
from mock_servicenow.now_platform.identity.oauth.scopes import check_scope
from mock_servicenow.now_platform.identity.roles import USER_TABLES, acting_user
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import User

_TABLES = (*USER_TABLES, tokens.CREDENTIALS, tokens.CLIENTS, MAKERS)


def bearer(session: Session, evidence: Evidence) -> User | None:
    """Return the user of the access token in the header, or in the parameter ``access_token``.

    Raises Forbidden if the API is bound to a scope that the token lacks.
    """
    token = _token(evidence)
    if not token:
        return None
    cache, key = session.kernel.cache, sha256(token.encode()).digest()
    holder = cache.get("bearers", key, _TABLES, lambda: _holder(session, token))
    if holder is None or holder[1] <= session.now:
        cache.discard("bearers", key)
        return None
    user, _, scope = holder
    check_scope(session, scope, evidence.path)
    return user


def _token(evidence: Evidence) -> str:
    scheme, _, token = evidence.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else evidence.query.get("access_token", "")


def _holder(session: Session, token: str) -> tuple[User, str, str] | None:
    """Return a valid token's user, when it expires, and its scopes."""
    record = tokens.find_valid(session, tokens.ACCESS, token)
    if record is None:
        return None
    user = acting_user(session, record["user"])
    acting = None if user is None else acting_by(session, record.sys_id, user)
    return None if acting is None else (acting, record["expires"], record["scopes"])
