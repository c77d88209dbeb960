"""Access and refresh tokens: issued, found again, and used as a bearer."""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.values import DATE_TIME, utc_form
from mock_servicenow.now_platform.errors import Forbidden
from mock_servicenow.now_platform.identity.authentication import Evidence, covers
from mock_servicenow.now_platform.identity.makers import MAKERS, acting_by, maker, note_maker
from mock_servicenow.now_platform.identity.roles import USER_TABLES, acting_user, find_by_credential
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import Holder, User, digest

CREDENTIALS = "oauth_credential"
CLIENTS = "oauth_entity"
ACCESS = "access_token"
REFRESH = "refresh_token"
EVERYTHING = "useraccount"
"""The scope that opens every API."""
BOUND = "oauth_api_scope"
LOOKED_AT = 100
"""Tokens of one client and user that are looked at: each renewal adds one, and the others stay valid."""
LONGEST_LIFESPAN = 100 * 365 * 86_400
"""Seconds; the upper limit of a token's lifespan."""
_BEARERS = Fact("bearers", *USER_TABLES, CREDENTIALS, CLIENTS, MAKERS)


def granted_scope(session: Session, client: Record, requested: str) -> str:
    """Return the scope of a new grant: everything, unless the registry limits the client."""
    limits = _limits(session, client)
    if not limits:
        return EVERYTHING
    asked = requested.split()
    return " ".join(scope for scope in limits if not asked or scope in asked)


def kept_scope(session: Session, client: Record, granted: str) -> str:
    """Return the scope that is left of an earlier grant: never more than it was, whatever the registry allows now."""
    limits, held = _limits(session, client), granted.split()
    if not limits:
        return granted
    return " ".join(scope for scope in limits if scope in held or EVERYTHING in held)


def _limits(session: Session, client: Record) -> list[str]:
    """Return the scopes to which the registry limits a client; empty for one without limits."""
    return [row["oauth_entity_scope"] for row in session.find_all("oauth_entity_scope", oauth_entity=client.sys_id)]


def check_scope(session: Session, scope: str, path: str) -> None:
    """Raise Forbidden if the API at that path needs a scope that the token lacks."""
    held = scope.split()
    if EVERYTHING in held:
        return
    bound = {row["scope"] for row in session.find_all(BOUND, active="true") if covers(row["api"], path)}
    if bound.isdisjoint(held):
        raise Forbidden("Missing required api access scope")


class Token(Struct, frozen=True):
    """A token as its client gets it, and its record, which has only the digest."""

    text: str
    record: Record


class Tokens:
    """The tokens of one client for one user.

    The text of a token follows from its sys_id and the kernel's key, so that a client gets the same valid one again:
    the database has only digests. After a restart it gets a new one.

    Args:
        made_by: the maker of the credential that proved them; None for the user.
    """

    def __init__(self, session: Session, client: Record, user_id: str, made_by: Holder | None = None) -> None:
        self._session = session
        self._client = client
        self._user_id = user_id
        self._made_by = made_by

    def current(self, kind: str, scope: str) -> Token:
        """Return the valid token; issue one if there is none."""
        for record in self._newest(kind, ">"):
            if record["scopes"] == scope and maker(self._session, record.sys_id) == self._made_by:
                text = self._text(record.sys_id)
                return self._handed(text, record) if digest(text) == record["token"] else self.issue(kind, scope)
        return self.issue(kind, scope)

    def issue(self, kind: str, scope: str) -> Token:
        """Return a new token and delete expired ones."""
        for record in self._newest(kind, "<="):
            self._session.delete(CREDENTIALS, record.sys_id)
            self._session.kernel.secrets.retire(self._text(record.sys_id))
        lifespan = min(max(0, int(self._client[f"{kind}_lifespan"] or 0)), LONGEST_LIFESPAN)
        sys_id = self._session.ids.sys_id()
        text = self._text(sys_id)
        record = self._session.insert(
            CREDENTIALS,
            {
                "sys_id": sys_id,
                "type": kind,
                "token": text,
                "user": self._user_id,
                "peer": self._client.sys_id,
                "expires": utc_form(_moment(self._session.now) + timedelta(seconds=lifespan)),
                "scopes": scope,
            },
        )
        note_maker(self._session, record.sys_id, self._made_by)
        return self._handed(text, record)

    def _text(self, sys_id: str) -> str:
        return hmac.digest(self._session.kernel.key.encode(), sys_id.encode(), "sha256").hex()

    def _handed(self, text: str, record: Record) -> Token:
        """Return a token that leaves the instance, and is masked from now on."""
        self._session.kernel.secrets.add(text)
        return Token(text, record)

    def _newest(self, kind: str, ends: str) -> list[Record]:
        """Return some of the tokens that end later than now (``>``) or have ended (``<=``), the newest first."""
        session = self._session
        mine = f"type={kind}^user={self._user_id}^peer={self._client.sys_id}^expires{ends}{session.now}"
        query = session.newest_first(CREDENTIALS, session.compiled(CREDENTIALS, mine))
        return session.page(CREDENTIALS, query, limit=LOOKED_AT, offset=0)


def find_valid(session: Session, kind: str, token: str) -> Record | None:
    """Return the record of a token of that kind that has not expired and whose client is still active.

    No document says whether the tokens of a deactivated or deleted client are refused (I), so
    `Kernel.tokens_end_with_client` decides.
    """
    record = find_by_credential(session, CREDENTIALS, "token", token, type=kind)
    if record is None or record["expires"] <= session.now:
        return None
    if not session.kernel.tokens_end_with_client:
        return record
    client = session.get(CLIENTS, record["peer"])
    return None if client is None or client["active"] != "true" else record


def seconds_left(session: Session, record: Record) -> int:
    """Return how long a token is still valid."""
    return int((_moment(record["expires"]) - _moment(session.now)).total_seconds())


def revoke(session: Session, token: str) -> None:
    """Delete a token; unknown ones are ignored."""
    while (record := find_by_credential(session, CREDENTIALS, "token", token)) is not None:
        session.delete(CREDENTIALS, record.sys_id)


def _moment(stored: str) -> datetime:
    return datetime.strptime(stored, DATE_TIME)  # noqa: DTZ007 - both are UTC


def bearer(session: Session, evidence: Evidence) -> User | None:
    """Return the user of the access token in the header, or in the parameter ``access_token``.

    Raises Forbidden if the API is bound to a scope that the token lacks.
    """
    token = _token(evidence)
    if not token:
        return None
    cache, key = session.kernel.cache, sha256(token.encode()).digest()
    holder = cache.get(_BEARERS, key, lambda: _holder(session, token))
    if holder is None or holder[1] <= session.now:
        cache.discard(_BEARERS, key)
        return None
    user, _, scope = holder
    check_scope(session, scope, evidence.path)
    return user


def _token(evidence: Evidence) -> str:
    scheme, _, token = evidence.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else evidence.query.get("access_token", "")


def _holder(session: Session, token: str) -> tuple[User, str, str] | None:
    """Return a valid token's user, when it expires, and its scopes."""
    record = find_valid(session, ACCESS, token)
    if record is None:
        return None
    user = acting_user(session, record["user"])
    acting = None if user is None else acting_by(session, record.sys_id, user)
    return None if acting is None else (acting, record["expires"], record["scopes"])
