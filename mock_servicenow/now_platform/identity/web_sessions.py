"""Browser sessions: cookies and the token against forged requests."""

import hmac
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from msgspec import Struct

from mock_servicenow.now_platform.identity.authentication import Evidence
from mock_servicenow.now_platform.identity.roles import holding_user
from mock_servicenow.now_platform.identity.short_lived import TABLE, ShortLived
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.unit_of_work import Platform
from mock_servicenow.now_platform.users import NOBODY, SYSTEM, Holder, User
from privman_core.ids import is_same
from privman_core.pages.browser_sessions import IDLE, SessionOwners, idle_person

COOKIE = "JSESSIONID"
KEPT = 1_000
"""Sessions that one user may have from the log-in page, and as many again from API calls."""
_ID = re.compile(r"[0-9A-F]{32}")
_PAGE = re.compile(r"/\w+[.]do", re.ASCII)
"""The address of a table, beside the APIs."""
_GUARDED = "Path=/; HttpOnly; SameSite=None; Secure"
_BALANCER = f"BIGipServerpool_mock=16777343.36895.0000; {_GUARDED}"  # 127.0.0.1:8080, as the balancer writes it


class WebSession(Struct, frozen=True):
    """One session.

    Attributes:
        id: the value of the cookie, 32 upper-case hexadecimal digits.
        holder: the owner; nobody for a visitor who is not logged in.
    """

    id: str
    holder: Holder

    @property
    def token(self) -> str:
        """The ``g_ck`` that requests without other credentials must send as ``X-UserToken``.

        Every process derives the same one from the id, which is as secret: whoever knows it gets the token from a page.
        """
        return hmac.digest(self.id.encode(), self.holder.sys_id.encode(), "sha256").hex()

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
    """The sessions of an instance, in memory, or in the database if other processes use that too.

    A visitor's session is not stored, so anonymous requests never end anybody's session. Each user has two shares,
    one for the log-in page and one for API calls, so that neither pushes the other out.
    """

    def __init__(self, platform: Platform) -> None:
        self._ids = platform.ids
        self._owners, self._idle = SessionOwners(platform.clock, KEPT), idle_person(platform.clock)
        self._shared = None if platform.store.embedded else _SharedOwners(platform)

    def open(self, holder: Holder, *, by_call: bool = False) -> WebSession:
        """Open a session for a user, or for a visitor who is not logged in.

        Args:
            holder: the user; nobody for a visitor.
            by_call: whether an API call opens it, not the log-in page.
        """
        session_id = self._ids.token()[:32].upper()
        if not holder.sys_id:
            return WebSession(session_id, holder)
        if self._shared is not None:
            return WebSession(self._shared.open(session_id, holder, by_call=by_call), holder)
        self._owners.open(session_id, (holder, by_call), IDLE if by_call else self._idle)
        return WebSession(session_id, holder)

    def find(self, session_id: str, within: Session | None = None) -> WebSession | None:
        """Return the session with that id, a visitor's if no user's is open; None if the id has another form.

        Args:
            session_id: the value of the cookie.
            within: a short transaction that has begun.
        """
        if self._shared is not None and _ID.fullmatch(session_id):
            return WebSession(session_id, self._shared.owner(session_id, within) or NOBODY)
        match self._owners.owner(session_id):
            case (Holder() as holder, _):
                return WebSession(session_id, holder)
        return WebSession(session_id, NOBODY) if _ID.fullmatch(session_id) else None

    def of_call(self, session_id: str, owner: Holder) -> WebSession | None:
        """Return the session that the answer to an API call opens; None if the call's own goes on.

        Args:
            session_id: the value of the call's cookie; empty if it has none.
            owner: nobody for a call whose credentials open no session.
        """
        if self._shared is not None and not owner.sys_id:
            return None if _ID.fullmatch(session_id) else self.open(owner)
        known = self.find(session_id) if session_id else None
        goes_on = known is not None and (known.holder.sys_id or not owner.sys_id)
        return None if goes_on else self.open(owner, by_call=True)

    def close(self, session_id: str) -> None:
        """End a session, as logging out does."""
        if self._shared is not None:
            self._shared.close(session_id)
        self._owners.close(session_id)

    def clear(self) -> None:
        """End every session; the rows of a database end them by themselves."""
        self._owners.clear()

    def authenticate(self, session: Session, evidence: Evidence) -> User | None:
        """Return the user of the cookie's session, if the request proves that no other site forged it.

        To read a table's address, as a link on a page does, the cookie is enough.
        """
        found = self.find(evidence.cookies.get(COOKIE, ""), session)
        if found is None:
            return None
        is_download = evidence.method == "GET" and _PAGE.fullmatch(evidence.path) is not None
        if not (is_download or is_same(found.token, evidence.headers.get("X-UserToken", ""))):
            return None
        return holding_user(session, found.holder)


_SESSIONS = ShortLived("session", KEPT)
_SERIES = 24
"""The first digits of an id, by which a session is known in a shared database."""
_LOOKS = timedelta(minutes=1)
"""The interval at which a session in use is extended: it may end so much earlier than `IDLE` after its last use."""
# Opening a session makes no fact invalid; closing one gives the database another version.
_OWNERS = Fact("owners of sessions", TABLE)
_GIVEN = Fact("sessions that calls of a user get", TABLE)
Loaded = TypeVar("Loaded", bound="_Known | None")


class _Known(Struct, frozen=True):
    """A fact about the sessions of one series, valid until a time."""

    series: str
    holder: Holder
    until: datetime


class _SharedOwners:
    """The owners of open sessions, in a database that several processes use.

    For `IDLE`, calls of one user with a password and without a cookie get sessions of one series. A series has one row,
    so most calls write nothing, and its sessions end together.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def open(self, session_id: str, holder: Holder, *, by_call: bool) -> str:
        """Open a session and return its id: the given one, or one of the user's series."""
        if by_call:
            return self._given(session_id[:_SERIES], holder) + session_id[_SERIES:]
        with self._platform.transaction(SYSTEM) as session:
            self._begin(session, session_id[:_SERIES], holder, idle_person(self._platform.clock), "by a log-in")
        return session_id

    def owner(self, session_id: str, within: Session | None) -> Holder | None:
        """Return the owner of a session, which counts as a use; None if it is not open."""
        series = session_id[:_SERIES]
        known: _Known | None = self._platform.cache.peek(_OWNERS, series)
        if known is not None and self._platform.clock.now() < known.until:
            return known.holder
        if within is not None:
            return self._used(within, series)
        with self._platform.transaction(SYSTEM) as session:
            return self._used(session, series)

    def close(self, session_id: str) -> None:
        """End a session."""
        with self._platform.transaction(SYSTEM) as session:
            if _SESSIONS.take(session, session_id[:_SERIES]) is not None:
                session.work.written.add(TABLE)

    def _given(self, drawn: str, holder: Holder) -> str:
        """Return the series of a user's calls, a new one if theirs is old or has ended."""
        known: _Known | None = self._platform.cache.peek(_GIVEN, holder)
        if known is not None and self._platform.clock.now() < known.until:
            return known.series
        with self._platform.transaction(SYSTEM) as session:
            # The last session that it gives lasts as long as others.
            begin = partial(self._begin, session, drawn, holder, 2 * IDLE, "by calls")
            return self._lasting(_GIVEN, holder, begin).series

    def _used(self, session: Session, series: str) -> Holder | None:
        known = self._lasting(_OWNERS, series, partial(self._extend, session, series))
        if known is None:
            self._platform.cache.discard(_OWNERS, series)
            return None
        return known.holder

    def _lasting(self, fact: Fact, key: object, load: Callable[[], Loaded]) -> Loaded:
        """Return a fact that is still valid; call it in a transaction."""
        cache = self._platform.cache
        known = cache.get(fact, key, load)
        if known is None or self._platform.clock.now() < known.until:
            return known
        cache.discard(fact, key)
        return cache.get(fact, key, load)

    def _begin(self, session: Session, series: str, holder: Holder, lasts: timedelta, how: str) -> _Known:
        now = self._platform.clock.now()
        value = json.dumps([holder.sys_id, holder.life])
        _SESSIONS.add(session, series, value, now + lasts, f"of {holder.sys_id} {how}")
        return _Known(series, holder, now + IDLE)

    def _extend(self, session: Session, series: str) -> _Known | None:
        now = self._platform.clock.now()
        value = _SESSIONS.extend(session, series, now + IDLE)
        return None if value is None else _Known(series, Holder(*json.loads(value)), now + _LOOKS)
