"""Sessions of browsers: visitors cost no memory, and a user who opens many sessions ends only their own."""

import hmac
from collections.abc import Hashable
from datetime import datetime, timedelta
from threading import Lock

from privman_core.clock import MOST_SECONDS, Clock
from privman_core.ids import Ids

IDLE = timedelta(minutes=30)
"""A session ends when it has been unused for this long."""


def idle_person(clock: Clock) -> timedelta:
    """Return how long the session of a person in a browser may be unused.

    On virtual time it outlasts every jump: a tester who moves the clock has not left the page.
    """
    return timedelta(seconds=MOST_SECONDS) if clock.virtual else IDLE


class SessionTokens:
    """Derives the token of a session's forms from the session's id, so that sessions of visitors need not be stored."""

    def __init__(self, ids: Ids) -> None:
        self._key = ids.fork("session tokens").token().encode()

    def of(self, session_id: str) -> str:
        """Return the token of a session, 64 hexadecimal digits."""
        return hmac.digest(self._key, session_id.encode(), "sha256").hex()


class SessionOwners:
    """The owners of the open sessions; safe in any thread.

    A session ends once nobody has used it for some time. Each owner has at most ``most`` sessions; opening one more
    ends the one that was used least recently.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._owners: dict[str, tuple[Hashable, timedelta]] = {}
        self._by_owner: dict[Hashable, dict[str, datetime]] = {}  # the least recently used first
        self._lock = Lock()

    def open(self, session_id: str, owner: Hashable, idle: timedelta = IDLE) -> None:
        """Open a session, which may end the owner's least recently used one.

        Args:
            session_id: the value of the cookie.
            owner: whose share it takes.
            idle: how long it may be unused.
        """
        with self._lock:
            self._owners[session_id] = owner, idle
            own = self._by_owner.setdefault(owner, {})
            own[session_id] = self._clock.now()
            if len(own) > self._most:
                self._end(next(iter(own)))

    def owner(self, session_id: str) -> Hashable | None:
        """Return the owner of a session, which counts as a use; None if it is not open."""
        with self._lock:
            known, now = self._owners.get(session_id), self._clock.now()
            if known is None:
                return None
            owner, idle = known
            own = self._by_owner[owner]
            if now - own[session_id] >= idle:
                self._end(session_id)
                return None
            del own[session_id]
            own[session_id] = now
            return owner

    def close(self, session_id: str) -> None:
        """End a session."""
        with self._lock:
            self._end(session_id)

    def clear(self) -> None:
        """End every session."""
        with self._lock:
            self._owners.clear()
            self._by_owner.clear()

    def _end(self, session_id: str) -> None:
        known = self._owners.pop(session_id, None)
        if known is not None:
            self._by_owner[known[0]].pop(session_id)
