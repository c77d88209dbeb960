"""Sessions of browsers."""

import re
from dataclasses import dataclass

from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.pages.browser_sessions import SessionOwners, SessionTokens

COOKIE = "PrivilegeManagerSession"
KEPT = 1_000
"""How many people may be logged in at a time."""
_ID = re.compile(r"[0-9a-f]{64}")


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
    """The sessions of a console; those of visitors who are not logged in are not stored."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._ids = ids
        self._tokens = SessionTokens(ids)
        self._owners = SessionOwners(clock, KEPT)

    def open(self, *, trusted: bool) -> BrowserSession:
        """Open a session."""
        session_id = self._ids.token()
        if trusted:
            self._owners.open(session_id, "trusted")
        return self._session(session_id, trusted=trusted)

    def find(self, session_id: str) -> BrowserSession | None:
        """Return the session with that id; None if it has not the form of one."""
        trusted = self._owners.owner(session_id) is not None
        return self._session(session_id, trusted=trusted) if _ID.fullmatch(session_id) else None

    def close(self, session: BrowserSession) -> None:
        """End a session, as logging out does."""
        self._owners.close(session.id)

    def _session(self, session_id: str, *, trusted: bool) -> BrowserSession:
        return BrowserSession(session_id, self._tokens.of(f"{session_id}{trusted}"), trusted)
