"""Browser sessions: cookies and the token against forged requests (platform 4.7)."""

import re
from dataclasses import dataclass

from mock_servicenow.now_platform.identity.authentication import Evidence
from mock_servicenow.now_platform.identity.roles import holding_user
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import NOBODY, Holder, User
from privman_core.clock import Clock
from privman_core.ids import Ids, is_same
from privman_core.pages.browser_sessions import IDLE, SessionOwners, SessionTokens

COOKIE = "JSESSIONID"
KEPT = 1_000
"""Sessions that one user may have from the log-in page, and as many again from API calls."""
_ID = re.compile(r"[0-9A-F]{32}")
_GUARDED = "Path=/; HttpOnly; SameSite=None; Secure"
_BALANCER = f"BIGipServerpool_mock=16777343.36895.0000; {_GUARDED}"  # 127.0.0.1:8080, as the balancer writes it


@dataclass(frozen=True, slots=True)
class WebSession:
    """One session.

    Attributes:
        id: the value of the cookie, 32 upper-case hexadecimal digits.
        holder: the owner; nobody for a visitor who is not logged in.
        tokens: derives `token`.
    """

    id: str
    holder: Holder
    tokens: SessionTokens

    @property
    def token(self) -> str:
        """The ``g_ck`` that requests without other credentials must send as ``X-UserToken``."""
        return self.tokens.of(f"{self.id}{self.holder.sys_id}")

    def cookies(self) -> tuple[str, ...]:
        """Return the values of the Set-Cookie headers that open the session."""
        route = self.id.lower()
        return (
            f"{COOKIE}={self.id}; {_GUARDED}",
            f"glide_user=; Max-Age=0; {_GUARDED}",
            f"glide_user_session=; Max-Age=0; {_GUARDED}",
            f"glide_user_route=glide.{route}; Max-Age=2147483647; {_GUARDED}",
            f"glide_session_store={route}; Max-Age={IDLE.seconds}; {_GUARDED}",
            _BALANCER,
        )


class WebSessions:
    """The sessions of an instance.

    A visitor's session is not stored, so anonymous requests never end anybody's session. Each user has two shares,
    one for the log-in page and one for API calls, so that neither pushes the other out.
    """

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._ids = ids
        self._tokens = SessionTokens(ids)
        self._owners = SessionOwners(clock, KEPT)

    def open(self, holder: Holder, *, by_call: bool = False) -> WebSession:
        """Open a session for a user, or for a visitor who is not logged in.

        Args:
            holder: the user; nobody for a visitor.
            by_call: whether an API call opens it, not the log-in page.
        """
        session = WebSession(self._ids.token()[:32].upper(), holder, self._tokens)
        if holder.sys_id:
            self._owners.open(session.id, (holder, by_call))
        return session

    def find(self, session_id: str) -> WebSession | None:
        """Return the session with that id, a visitor's if no user's is open; None if the id has another form."""
        match self._owners.owner(session_id):
            case (Holder() as holder, _):
                return WebSession(session_id, holder, self._tokens)
        return WebSession(session_id, NOBODY, self._tokens) if _ID.fullmatch(session_id) else None

    def close(self, session_id: str) -> None:
        """End a session, as logging out does."""
        self._owners.close(session_id)

    def clear(self) -> None:
        """End every session."""
        self._owners.clear()

    def authenticate(self, session: Session, evidence: Evidence) -> User | None:
        """Return the user of the cookie's session, if the request proves that no other site forged it."""
        found = self.find(evidence.cookies.get(COOKIE, ""))
        if found is None or not is_same(found.token, evidence.headers.get("X-UserToken", "")):
            return None
        return holding_user(session, found.holder)
