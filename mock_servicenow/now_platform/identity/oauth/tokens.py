"""Issued tokens: one current access token for each client and user (platform 4.3, traps 37, 38)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from mock_servicenow.now_platform.dictionary.values import DATE_TIME, utc_form
from mock_servicenow.now_platform.identity.credentials import holder
from mock_servicenow.now_platform.identity.makers import maker, note_maker
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import Holder
from privman_core.masking import Secrets

CREDENTIALS = "oauth_credential"
CLIENTS = "oauth_entity"
ACCESS = "access_token"
REFRESH = "refresh_token"
KEPT = 10_000
LOOKED_AT = 100
"""Tokens of one client and user that are looked at: each renewal adds one, and the others stay valid."""
LONGEST_LIFESPAN = 100 * 365 * 86_400
"""Seconds; a token that shall live longer lives so long."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its client gets it, and its record, which has only its digest."""

    text: str
    record: Record


class LiveTokens:
    """The last tokens that this process has issued, so that a client gets its valid one again.

    After a restart, and from another process, it gets a new one: the database has digests only.

    Args:
        secrets: learns every token that leaves the instance.
    """

    def __init__(self, secrets: Secrets, kept: int = KEPT) -> None:
        self._secrets = secrets
        self._kept = kept
        self._texts: dict[str, str] = {}
        self._lock = Lock()

    def add(self, text: str, record: Record) -> Token:
        """Return the token, which is remembered."""
        self._secrets.add(text)
        with self._lock:
            self._texts[record["token"]] = text
            if len(self._texts) > self._kept:
                del self._texts[next(iter(self._texts))]
        return Token(text, record)

    def retire(self, record: Record) -> None:
        """Forget a token that has expired."""
        text = self._texts.pop(record["token"], "")
        self._secrets.retire(text)

    def find(self, record: Record) -> Token | None:
        """Return the token of a record if this process has issued it."""
        text = self._texts.get(record["token"])
        return None if text is None else Token(text, record)


class Tokens:
    """The tokens of one client for one user.

    Args:
        live: knows the texts of those that were issued.
        made_by: who stands behind them; None for the user.
    """

    def __init__(
        self, session: Session, live: LiveTokens, client: Record, user_id: str, made_by: Holder | None = None
    ) -> None:
        self._session = session
        self._live = live
        self._client = client
        self._user_id = user_id
        self._made_by = made_by

    def current(self, kind: str, scope: str) -> Token:
        """Return the token that is valid still; issue one if there is none."""
        for record in self._newest(kind, ">"):
            if record["scopes"] == scope and maker(self._session, record.sys_id) == self._made_by:
                return self._live.find(record) or self.issue(kind, scope)
        return self.issue(kind, scope)

    def issue(self, kind: str, scope: str) -> Token:
        """Return a new token; those that have expired are forgotten."""
        for record in self._newest(kind, "<="):
            self._session.delete(CREDENTIALS, record.sys_id)
            self._live.retire(record)
        lifespan = min(max(0, int(self._client[f"{kind}_lifespan"] or 0)), LONGEST_LIFESPAN)
        text = self._session.ids.token()
        record = self._session.insert(
            CREDENTIALS,
            {
                "type": kind,
                "token": text,
                "user": self._user_id,
                "peer": self._client.sys_id,
                "expires": utc_form(_moment(self._session.now) + timedelta(seconds=lifespan)),
                "scopes": scope,
            },
        )
        note_maker(self._session, record.sys_id, self._made_by)
        return self._live.add(text, record)

    def _newest(self, kind: str, ends: str) -> list[Record]:
        """Return some of the tokens that end later than now (``>``), or have ended (``<=``), the last one first."""
        session = self._session
        mine = f"type={kind}^user={self._user_id}^peer={self._client.sys_id}^expires{ends}{session.now}"
        query = session.newest_first(CREDENTIALS, session.compiled(CREDENTIALS, mine))
        return session.page(CREDENTIALS, query, limit=LOOKED_AT, offset=0)


def find_valid(session: Session, kind: str, token: str) -> Record | None:
    """Return the record of a token of that kind that has not expired and whose client is still active.

    No document says what becomes of the tokens of a client that was deactivated or deleted (I), so
    `Instance.tokens_end_with_client` does.
    """
    record = holder(session, CREDENTIALS, "token", token, type=kind)
    if record is None or record["expires"] <= session.now:
        return None
    if not session.kernel.tokens_end_with_client:
        return record
    client = session.get(CLIENTS, record["peer"])
    return None if client is None or client["active"] != "true" else record


def seconds_left(session: Session, record: Record) -> int:
    """Return how long a token is valid still."""
    return int((_moment(record["expires"]) - _moment(session.now)).total_seconds())


def revoke(session: Session, token: str) -> None:
    """Forget a token; nothing happens if it is none."""
    while (record := holder(session, CREDENTIALS, "token", token)) is not None:
        session.delete(CREDENTIALS, record.sys_id)


def _moment(stored: str) -> datetime:
    return datetime.strptime(stored, DATE_TIME)  # noqa: DTZ007 - both are UTC
