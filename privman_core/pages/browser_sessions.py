"""Sessions of browsers: those of visitors cost no memory, those of users push out none but their own."""

import hmac
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from threading import Lock

from privman_core.clock import Clock
from privman_core.ids import Ids

IDLE = timedelta(minutes=30)
"""How long a session may go unused; it ends then."""


class SessionTokens:
    """Derives the token that a session's forms carry from the session's id, so that a visitor's needs no store."""

    def __init__(self, ids: Ids) -> None:
        self._key = ids.fork("session tokens").token().encode()

    def of(self, session_id: str) -> str:
        """Return the token of a session, 64 hexadecimal digits."""
        return hmac.digest(self._key, session_id.encode(), "sha256").hex()


class SessionOwners:
    """Whose the open sessions are; for any thread.

    A session ends once nobody has used it for `IDLE`. Of each owner's sessions the one that was used least recently
    ends when there are more than ``most``.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._owners: dict[str, Hashable] = {}
        self._by_owner: dict[Hashable, OrderedDict[str, datetime]] = {}
        self._lock = Lock()

    def open(self, session_id: str, owner: Hashable) -> None:
        """Note a session."""
        with self._lock:
            self._owners[session_id] = owner
            own = self._by_owner.setdefault(owner, OrderedDict())
            own[session_id] = self._clock.now()
            if len(own) > self._most:
                self._end(next(iter(own)))

    def owner(self, session_id: str) -> Hashable | None:
        """Return whose session it is, which counts as a use; None if it is not open."""
        with self._lock:
            owner, now = self._owners.get(session_id), self._clock.now()
            if owner is None:
                return None
            own = self._by_owner[owner]
            if now - own[session_id] >= IDLE:
                self._end(session_id)
                return None
            own[session_id] = now
            own.move_to_end(session_id)
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
        owner = self._owners.pop(session_id, None)
        if owner is not None:
            self._by_owner[owner].pop(session_id)
