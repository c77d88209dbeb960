"""Who a request comes from: Basic authentication with lockout, and whatever schemes are added (platform 4.2)."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mock_servicenow.now_platform.dictionary.values import DATE_TIME
from mock_servicenow.now_platform.errors import MfaTokenInvalid, NotAuthenticated
from mock_servicenow.now_platform.identity import basic_gate
from mock_servicenow.now_platform.identity.credentials import holder
from mock_servicenow.now_platform.identity.roles import USER_TABLES, load_user
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.unit_of_work import Platform
from mock_servicenow.now_platform.users import User, verify_password
from privman_core.findings import Finding

CREDENTIALS = frozenset({"access_token", "x-sn-apikey"})
"""The parameters of a URL that may carry a token or a key (platform 4.1)."""
MFA_PROPERTY = "glide.authenticate.multifactor.basic_auth"
"""Whether API calls with a password need a token too; the name is inferred."""
ATTEMPTS = 5
LOCKED_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a request carries to prove who sent it.

    Attributes:
        headers: case-insensitive.
        path: the whole path of the URL, since an API may ask for credentials of its own.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    method: str = ""


Scheme = Callable[[Session, Evidence], User | None]


class Authentication:
    """Finds the user behind a request.

    Args:
        platform: opens sessions.
        schemes: tried in order after Basic authentication; each returns None for evidence that is not its own.
    """

    def __init__(self, platform: Platform, schemes: Iterable[Scheme]) -> None:
        self._platform = platform
        self._schemes: tuple[Scheme, ...] = (self._basic, *schemes)

    def remembered(self, headers: Mapping[str, str]) -> User | None:
        """Return the user of credentials that have held before, as long as no table says otherwise."""
        user: User | None = self._platform.cache.peek("users", headers.get("Authorization", ""))
        return user

    def user(self, evidence: Evidence, findings: list[Finding] | None = None) -> User:
        """Return the user; why a credential that is known does not act becomes a finding. Raises NotAuthenticated."""
        with self._platform.transaction(self._platform.system, findings) as session:
            found = (scheme(session, evidence) for scheme in self._schemes)
            user = next((user for user in found if user is not None), None)
        if user is None:
            raise NotAuthenticated(self._platform.release.not_authenticated)
        return user

    def _basic(self, session: Session, evidence: Evidence) -> User | None:
        key = evidence.headers.get("Authorization", "")
        credentials = basic_credentials(key)
        if credentials is None:
            return None
        cache = session.kernel.cache
        user = cache.get("users", key, (*USER_TABLES, *basic_gate.TABLES), lambda: self._let_in(session, credentials))
        if user is None:
            # A refusal depends on how many came before it, so it is never remembered.
            cache.discard("users", key)
        return user

    def _let_in(self, session: Session, credentials: tuple[str, str]) -> User | None:
        user = check_password(session, *credentials)
        if user is None or not basic_gate.lets_pass(session, user):
            return None
        if _needs_token(session, user):
            raise MfaTokenInvalid(self._platform.release.not_authenticated)
        return replace(user, opens_session=True)


def check_password(session: Session, user_name: str, password: str) -> User | None:
    """Return the user of that name if the password matches and they may log in; count the failures."""
    record = holder(session, "sys_user", "user_name", user_name)
    if record is None or record["active"] != "true" or _is_locked(session, record):
        return None
    if not verify_password(password, record["user_password"]):
        _count_failure(session, record)
        return None
    if record["failed_attempts"] not in {"", "0"}:
        session.update("sys_user", record.sys_id, {"failed_attempts": "0", "locked_out": "false"})
    return load_user(session, record)


def _needs_token(session: Session, user: User) -> bool:
    """Return whether a password alone does not let the user in; nobody has a device that would give a token."""
    if session.system_property(MFA_PROPERTY) != "true":
        return False
    return session.find("sys_user", sys_id=user.sys_id, enable_multifactor_authn="true") is not None


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Return name and password of an ``Authorization`` header; None if it has another scheme or cannot be read."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user_name, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user_name, password) if colon else None


def _is_locked(session: Session, record: Record | Mapping[str, str]) -> bool:
    """Return whether the user is locked out; a lockout after failures ends by itself."""
    if record["locked_out"] != "true":
        return False
    if int(record["failed_attempts"] or 0) < ATTEMPTS:
        return True
    since = datetime.strptime(record["sys_updated_on"] or session.now, DATE_TIME)  # noqa: DTZ007 - both are UTC
    return datetime.strptime(session.now, DATE_TIME) - since < LOCKED_FOR  # noqa: DTZ007


def _count_failure(session: Session, record: Record) -> None:
    """Count a failure, unless others that came in meanwhile, perhaps by another process, have locked the user out."""
    session.work.transaction.lock()
    current = session.reader.get("sys_user", record.sys_id, lock=True) or record.values
    if _is_locked(session, current):
        return
    failures = int(current["failed_attempts"] or 0) % ATTEMPTS + 1
    locked = "true" if failures == ATTEMPTS else "false"
    session.update("sys_user", record.sys_id, {"failed_attempts": str(failures), "locked_out": locked})
