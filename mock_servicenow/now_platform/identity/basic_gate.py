"""The gate that newer releases put before Basic authentication of API calls (platform 4.2)."""

from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import User

TABLES = ("sys_properties",)
_PREFIX = "glide.authenticate.basic_auth"
_ROLE = "snc_basic_auth_api_access"


def lets_pass(session: Session, user: User) -> bool:
    """Return whether the user may use a password for API calls.

    While the gate is closed only those pass who cannot log in anywhere else, or hold an exception's role themselves:
    an administrator has no exception.
    """
    if not _is_closed(session):
        return True
    allowed = session.system_property(f"{_PREFIX}.allowed_roles", _ROLE).split(",")
    return not user.roles.isdisjoint(allowed) or _is_allowed_service(session, user)


def _is_closed(session: Session) -> bool:
    return all(session.system_property(f"{_PREFIX}.restriction.{switch}") == "true" for switch in ("active", "enforce"))


def _is_allowed_service(session: Session, user: User) -> bool:
    if session.system_property(f"{_PREFIX}.allow_wsao", "true") != "true":
        return False
    return session.find("sys_user", sys_id=user.sys_id, web_service_access_only="true") is not None
