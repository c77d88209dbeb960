"""Browser sessions: cookies and the token against forged requests (platform 4.7)."""

from typing import TYPE_CHECKING

from mock_servicenow.now_platform.identity.credentials import is_same
from mock_servicenow.now_platform.identity.roles import load_user
from privman_testbench.ids import Ids

if TYPE_CHECKING:
    from mock_servicenow.now_platform.identity.authentication import Evidence
    from mock_servicenow.now_platform.identity.users import User
    from mock_servicenow.now_platform.records.session import Session

COOKIE = "JSESSIONID"
KEPT = 1_000
_GUARDED = "Path=/; HttpOnly; SameSite=None; Secure"
_BALANCER = f"BIGipServerpool_mock=16777343.36895.0000; {_GUARDED}"  # 127.0.0.1:8080, as the balancer writes it


class WebSession:
    """One session of a user.

    Attributes:
        id: the value of the cookie, 32 upper-case hexadecimal digits.
    """

    __slots__ = ("_ids", "_token", "id", "user_id")

    def __init__(self, ids: Ids, user_id: str) -> None:
        self._ids = ids
        self._token = ""
        self.id = ids.token()[:32].upper()
        self.user_id = user_id

    @property
    def token(self) -> str:
        """The ``g_ck`` that requests without other credentials must send as ``X-UserToken``; most never ask for it."""
        self._token = self._token or self._ids.token()
        return self._token

    def cookies(self) -> tuple[str, ...]:
        """Return the values of the Set-Cookie headers that open the session."""
        route = self.id.lower()
        return (
            f"{COOKIE}={self.id}; {_GUARDED}",
            f"glide_user=; Max-Age=0; {_GUARDED}",
            f"glide_user_session=; Max-Age=0; {_GUARDED}",
            f"glide_user_route=glide.{route}; Max-Age=2147483647; {_GUARDED}",
            f"glide_session_store={route}; Max-Age=1800; {_GUARDED}",
            _BALANCER,
        )


class WebSessions:
    """The sessions of an instance; the oldest go when there are too many."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._known: dict[str, WebSession] = {}

    def open(self, user_id: str) -> WebSession:
        """Open a session for a user; for a visitor who is not logged in, the id is empty."""
        session = WebSession(self._ids, user_id)
        self._known[session.id] = session
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return session

    def find(self, session_id: str) -> WebSession | None:
        """Return the session with that id."""
        return self._known.get(session_id)

    def close(self, session_id: str) -> None:
        """End a session, as logging out does."""
        self._known.pop(session_id, None)

    def authenticate(self, session: "Session", evidence: "Evidence") -> "User | None":
        """Return the user of the session that the cookie names, if the request proves that no page forged it."""
        found = self.find(evidence.cookies.get(COOKIE, ""))
        if found is None or not is_same(found.token, evidence.headers.get("X-UserToken", "")):
            return None
        record = session.get("sys_user", found.user_id)
        return None if record is None or record["active"] != "true" else load_user(session, record)
