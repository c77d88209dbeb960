"""The user behind a request: Basic authentication with lockout, guests, and further schemes."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.values import DATE_TIME
from mock_servicenow.now_platform.errors import DatabaseUnavailable, MfaTokenInvalid, NotAuthenticated
from mock_servicenow.now_platform.identity.roles import USER_TABLES, find_by_credential, load_user
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.unit_of_work import Platform
from mock_servicenow.now_platform.records.view import PUBLIC
from mock_servicenow.now_platform.users import GUEST, SYSTEM, User, verify_password
from privman_core.findings import Finding

CREDENTIALS = frozenset({"access_token", "x-sn-apikey"})
"""The parameters of a URL that may carry a token or a key."""
MFA_PROPERTY = Property("glide.authenticate.multifactor.basic_auth")
"""Whether API calls with a password need a token too; the name is inferred."""
ATTEMPTS = 5
LOCKED_FOR = timedelta(minutes=15)
STOCK = {
    "Table API": "now/table",
    "Attachment API": "now/attachment",
    "Aggregate API": "now/stats",
    "Batch API": "now/batch",
    "Import Set API": "now/import",
    "Change Management API": "sn_chg_rest/change",
    "CMDB Instance API": "now/cmdb/instance",
    "Email API": "now/email",
    "Service Catalog API": "sn_sc/servicecatalog",
}
"""The REST APIs by the names that tables of rules give them; any other goes by its path."""
_VERSION = re.compile(r"(?<=/)v\d+/")
_BASIC_GATE = "glide.authenticate.basic_auth"
_GATE_CLOSES = [Property(f"{_BASIC_GATE}.restriction.{name}") for name in ("active", "enforce")]
_GATE_ROLES = Property(f"{_BASIC_GATE}.allowed_roles", "snc_basic_auth_api_access")
_GATE_FOR_SERVICES = Property(f"{_BASIC_GATE}.allow_wsao", "true")
_CLOSED_GATE = (
    f"{{!r}} has the right password, but no role of {_BASIC_GATE}.allowed_roles ({{}}), "
    f"which {_BASIC_GATE}.restriction.enforce requires. "
    "Add a role of the user to that property by a row in --data, or set web_service_access_only of the user."
)
USERS = Fact("users by their Basic credentials", *USER_TABLES, "sys_properties")
"""Each key is an ``Authorization`` header and a minute: log-ins are noted to the minute."""
_NOTED = Fact("log-ins by tokens", "sys_properties")
"""Each key is a user and a minute."""
NOTES_LOG_INS = Property("glide.basicauth.update_last_login_time", "true")
NOTES_TOKENS = Property("glide.oauth.update_last_login_time", "true")
WINDOW = Property("glide.integration.update_last_login_time.window.seconds", "60")
_MINUTE, _DAY = len("2026-01-05 09:00"), len("2026-01-05")
_SHORTEST = timedelta(minutes=1)
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)
_READS = frozenset({"GET", "HEAD"})
_PUBLIC_PATH = re.compile(r"/api/now(?:/v[12])?/table/([^/]+)(?:/.*)?", re.DOTALL)


class Evidence(Struct, frozen=True):
    """The parts of a request that prove who sent it.

    Attributes:
        headers: case-insensitive.
        path: the whole path of the URL, since an API may have its own ways to authenticate.
        certificate: the client's own, in DER, as TLS has verified it; empty without one.
        minute: that in which the request began, if it is known.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    method: str = ""
    certificate: bytes = b""
    minute: datetime | None = None


Scheme = Callable[[Session, Evidence], User | None]


class Authentication:
    """Finds the user behind a request.

    Args:
        platform: opens sessions.
        bearer: returns the user of an OAuth token; tried after Basic authentication.
        schemes: tried before the guest; each returns None for evidence that is not its own.
        report: called with evidence that no scheme accepts, to add findings that say why.
    """

    def __init__(
        self,
        platform: Platform,
        bearer: Scheme,
        schemes: Iterable[Scheme],
        report: Callable[[Session, Evidence], None],
    ) -> None:
        self._platform = platform
        self._bearer = bearer
        self._report = report
        self._schemes: tuple[Scheme, ...] = (self._basic, self._by_token, *schemes, _guest)

    def user(self, evidence: Evidence, findings: list[Finding] | None = None) -> User:
        """Return the user; why a known credential is refused becomes a finding. Raises NotAuthenticated."""
        with self._platform.transaction(SYSTEM, findings) as session:
            found = (scheme(session, evidence) for scheme in self._schemes)
            user = next((user for user in found if user is not None), None)
            if user is None:
                self._report(session, evidence)
        if user is None:
            raise NotAuthenticated(self._platform.release.not_authenticated)
        return user

    def note_log_in(self, sys_id: str, *, of_request: bool = False) -> None:
        """Note when a user logged in, to the minute, unless the database cannot be written now.

        Of requests that are log-ins, too, one is noted in the time that a property says.
        """
        with suppress(DatabaseUnavailable), self._platform.transaction(SYSTEM) as session:
            noted = {"last_login_time": session.now, "last_login": session.now[:_DAY]}
            window = _window(session) if of_request else _SHORTEST
            for user in session.find_all("sys_user", sys_id=sys_id):
                if _minutes_between(user["last_login_time"], session.now) >= window:
                    session.change_row(user.table, sys_id, noted)

    def _basic(self, session: Session, evidence: Evidence) -> User | None:
        header = evidence.headers.get("Authorization", "")
        credentials, key = basic_credentials(header), (header, evidence.minute)
        if credentials is None:
            return None
        cache = session.kernel.cache
        user = cache.get(USERS, key, lambda: self._log_in(session, credentials))
        if user is None:
            # A refusal depends on the number of failures before it, so it is never remembered.
            cache.discard(USERS, key)
        return user

    def _by_token(self, session: Session, evidence: Evidence) -> User | None:
        user = self._bearer(session, evidence)
        if user is not None:
            note = partial(self._note_once, session, user)
            session.kernel.cache.get(_NOTED, (user.sys_id, evidence.minute), note)
        return user

    def _note_once(self, session: Session, user: User) -> bool:
        """Note the log-in once the request is let in, unless a property says otherwise; return whether it does not."""
        notes = session.is_on(NOTES_TOKENS)
        if notes:
            session.on_commit(partial(self.note_log_in, user.sys_id, of_request=True))
        return notes

    def _log_in(self, session: Session, credentials: tuple[str, str]) -> User | None:
        user = check_password(session, *credentials)
        if user is None:
            return None
        if not _passes_basic_gate(session, user):
            message = _CLOSED_GATE.format(user.user_name, _allowed_roles(session))
            session.findings.append(Finding("swallowed", "basic-refused", message))
            return None
        if _needs_token(session, user):
            raise MfaTokenInvalid(self._platform.release.not_authenticated)
        if session.is_on(NOTES_LOG_INS):
            session.on_commit(partial(self.note_log_in, user.sys_id, of_request=True))
        return replace(user, opens_session=True)


def _window(session: Session) -> timedelta:
    """Return how long after a log-in requests are not noted; the usual time if the property is not a whole number."""
    given = session.system_property(WINDOW)
    return max(timedelta(seconds=int(given if _SECONDS.fullmatch(given) else WINDOW.usual)), _SHORTEST)


def _minutes_between(noted: str, now: str) -> timedelta:
    """Return the time between two minutes; the longest if none was noted, or one of the future."""
    if not noted or noted > now:
        return timedelta.max
    return datetime.fromisoformat(now[:_MINUTE]) - datetime.fromisoformat(noted[:_MINUTE])


def covers(api: str, path: str) -> bool:
    """Return whether the path of a URL belongs to an API, given by its name or as its path after ``/api/``.

    An API's path without a version covers every version.
    """
    root = _unversioned(STOCK.get(api, api.strip("/")))
    called = _unversioned(path.removeprefix("/api/"))
    return bool(root) and f"{called}/".startswith(f"{root}/")


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


def check_password(session: Session, user_name: str, password: str) -> User | None:
    """Return the user of that name if the password matches and they may log in; count the failures."""
    record = find_by_credential(session, "sys_user", "user_name", user_name)
    if record is None or record["active"] != "true" or _is_locked(session, record):
        return None
    if not verify_password(password, record["user_password"]):
        _count_failure(session, record)
        return None
    if record["failed_attempts"] not in {"", "0"}:
        session.update("sys_user", record.sys_id, {"failed_attempts": "0", "locked_out": "false"})
    return load_user(session, record)


def _unversioned(path: str) -> str:
    return _VERSION.sub("", path, count=1)


def _is_locked(session: Session, record: Record | Mapping[str, str]) -> bool:
    """Return whether the user is locked out; a lockout after failures ends by itself."""
    if record["locked_out"] != "true":
        return False
    if int(record["failed_attempts"] or 0) < ATTEMPTS:
        return True
    since = datetime.strptime(record["sys_updated_on"] or session.now, DATE_TIME)  # noqa: DTZ007 - both are UTC
    return datetime.strptime(session.now, DATE_TIME) - since < LOCKED_FOR  # noqa: DTZ007


def _count_failure(session: Session, record: Record) -> None:
    """Count a failure, unless concurrent ones, perhaps in another process, have locked the user out."""
    session.work.transaction.lock()
    current = session.work.get("sys_user", record.sys_id, lock=True) or record.values
    if _is_locked(session, current):
        return
    failures = int(current["failed_attempts"] or 0) % ATTEMPTS + 1
    locked = "true" if failures == ATTEMPTS else "false"
    session.update("sys_user", record.sys_id, {"failed_attempts": str(failures), "locked_out": locked})


def _needs_token(session: Session, user: User) -> bool:
    """Return whether the user needs a second factor; nobody has a device that would give one."""
    if not session.is_on(MFA_PROPERTY):
        return False
    return session.find("sys_user", sys_id=user.sys_id, enable_multifactor_authn="true") is not None


def _passes_basic_gate(session: Session, user: User) -> bool:
    """Return whether the user may use a password for API calls, which newer releases restrict.

    While the gate is closed only users pass who cannot log in anywhere else, or who have an exception's role
    themselves: administrators have no exception.
    """
    if not all(map(session.is_on, _GATE_CLOSES)):
        return True
    allowed = _allowed_roles(session).split(",")
    return not user.roles.isdisjoint(allowed) or _is_allowed_service(session, user)


def _allowed_roles(session: Session) -> str:
    return session.system_property(_GATE_ROLES)


def _is_allowed_service(session: Session, user: User) -> bool:
    if not session.is_on(_GATE_FOR_SERVICES):
        return False
    return session.find("sys_user", sys_id=user.sys_id, web_service_access_only="true") is not None


def _guest(session: Session, evidence: Evidence) -> User | None:
    """Return the guest for a request without credentials that reads a public table; nobody writes as the guest."""
    match = _PUBLIC_PATH.fullmatch(evidence.path)
    if match is None or "Authorization" in evidence.headers:
        return None
    if session.find(PUBLIC, page=match[1], active="true") is None:
        return None
    if evidence.method in _READS:
        return GUEST
    message = f"{evidence.method} on table {match[1]}, which sys_public opens for reading only: credentials are needed"
    session.findings.append(Finding("swallowed", "guest-write-refused", message))
    return None
