"""Browser sessions: cookies and the token against forged requests (platform 4.7)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.roles import load_user
from privman_testbench.ids import Ids

if TYPE_CHECKING:
    from mock_servicenow.now_platform.authentication import Evidence
    from mock_servicenow.now_platform.session import Session
    from mock_servicenow.now_platform.users import User

COOKIE = "JSESSIONID"
KEPT = 1_000


@dataclass(frozen=True, slots=True)
class WebSession:
    """One session of a user.

    Attributes:
        id: the value of the cookie, 32 upper-case hexadecimal digits.
        token: ``g_ck``, which requests without other credentials must send as ``X-UserToken``.
    """

    id: str
    user_id: str
    token: str

    def cookies(self) -> tuple[str, ...]:
        """Return the values of the Set-Cookie headers that open the session."""
        route = self.id.lower()
        return (
            f"{COOKIE}={self.id}; Path=/; HttpOnly; SameSite=None; Secure",
            "glide_user=; Max-Age=0; Path=/; HttpOnly; SameSite=None; Secure",
            "glide_user_session=; Max-Age=0; Path=/; HttpOnly; SameSite=None; Secure",
            f"glide_user_route=glide.{route}; Max-Age=2147483647; Path=/; HttpOnly; SameSite=None; Secure",
            f"glide_session_store={route}; Max-Age=1800; Path=/; HttpOnly; SameSite=None; Secure",
        )


class WebSessions:
    """The sessions of an instance; the oldest go when there are too many."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._known: dict[str, WebSession] = {}

    def open(self, user_id: str) -> WebSession:
        """Open a session for a user; for a visitor who is not logged in, the id is empty."""
        session = WebSession(self._ids.token()[:32].upper(), user_id, self._ids.token())
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
        if found is None or evidence.headers.get("X-UserToken") != found.token:
            return None
        record = session.get("sys_user", found.user_id)
        return None if record is None or record["active"] != "true" else load_user(session, record)
