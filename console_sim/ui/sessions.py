"""Sessions of browsers."""

from dataclasses import dataclass

from privman_testbench.ids import Ids

COOKIE = "PrivilegeManagerSession"
KEPT = 1_000


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """One session of a browser.

    Attributes:
        id: the value of its cookie.
        token: what its forms must carry.
        trusted: whether somebody has logged in.
    """

    id: str
    token: str
    trusted: bool


class BrowserSessions:
    """The sessions of a console; the oldest go when there are too many."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._known: dict[str, BrowserSession] = {}

    def open(self, *, trusted: bool) -> BrowserSession:
        """Open a session."""
        session = BrowserSession(self._ids.token(), self._ids.token(), trusted)
        self._known[session.id] = session
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return session

    def find(self, session_id: str) -> BrowserSession | None:
        """Return the session with that id."""
        return self._known.get(session_id)

    def close(self, session: BrowserSession) -> None:
        """End a session, as logging out does."""
        self._known.pop(session.id, None)
