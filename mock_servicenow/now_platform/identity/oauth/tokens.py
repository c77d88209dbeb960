"""Issued tokens: one current access token for each client and user (platform 4.3, traps 37, 38)."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.values import DATE_TIME, utc_form
from mock_servicenow.now_platform.identity.credentials import holder
from privman_testbench.masking import Secrets

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.record import Record
    from mock_servicenow.now_platform.records.session import Session

CREDENTIALS = "oauth_credential"
ACCESS = "access_token"
REFRESH = "refresh_token"
LONGEST_LIFESPAN = 100 * 365 * 86_400
"""Seconds; a token that shall live longer lives so long."""


class Tokens:
    """The tokens of one client for one user.

    Args:
        secrets: learns every token that leaves the instance.
    """

    def __init__(self, session: "Session", secrets: Secrets, client: "Record", user_id: str) -> None:
        self._session = session
        self._secrets = secrets
        self._client = client
        self._user_id = user_id

    def current(self, kind: str, scope: str) -> "Record":
        """Return the token that is valid still; issue one if there is none."""
        now = self._session.now
        for record in reversed(self._known(kind)):
            if record["expires"] > now and record["scopes"] == scope:
                return self._told(record)
        return self.issue(kind, scope)

    def issue(self, kind: str, scope: str) -> "Record":
        """Return a new token; those that have expired are forgotten."""
        for record in self._known(kind):
            if record["expires"] <= self._session.now:
                self._session.delete(CREDENTIALS, record.sys_id)
                self._secrets.retire(record["token"])
        lifespan = min(max(0, int(self._client[f"{kind}_lifespan"] or 0)), LONGEST_LIFESPAN)
        record = self._session.insert(
            CREDENTIALS,
            {
                "type": kind,
                "token": self._session.ids.token(),
                "user": self._user_id,
                "peer": self._client.sys_id,
                "expires": utc_form(_moment(self._session.now) + timedelta(seconds=lifespan)),
                "scopes": scope,
            },
        )
        return self._told(record)

    def _known(self, kind: str) -> "list[Record]":
        return self._session.find_all(CREDENTIALS, type=kind, user=self._user_id, peer=self._client.sys_id)

    def _told(self, record: "Record") -> "Record":
        self._secrets.add(record["token"])
        return record


def find_valid(session: "Session", kind: str, token: str) -> "Record | None":
    """Return the record of a token of that kind that has not expired."""
    record = holder(session, CREDENTIALS, "token", token, type=kind)
    return None if record is None or record["expires"] <= session.now else record


def seconds_left(session: "Session", record: "Record") -> int:
    """Return how long a token is valid still."""
    return int((_moment(record["expires"]) - _moment(session.now)).total_seconds())


def revoke(session: "Session", token: str) -> None:
    """Forget a token; nothing happens if it is none."""
    while (record := holder(session, CREDENTIALS, "token", token)) is not None:
        session.delete(CREDENTIALS, record.sys_id)


def _moment(stored: str) -> datetime:
    return datetime.strptime(stored, DATE_TIME)  # noqa: DTZ007 - both are UTC
