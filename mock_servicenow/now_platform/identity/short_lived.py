"""Short-lived login state in the database: sessions, authorization codes, used assertions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import cast

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import sqlite

from mock_servicenow.now_platform.records.session import Session

TABLE = "sys_short_lived"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class ShortLived(Struct, frozen=True):
    """The entries of one kind, each with a value and a time at which it ends.

    An entry is found by a secret, such as a cookie or a code; the database has only its digest.

    Attributes:
        kind: unique name of the kind.
        most: how many entries an owner may have; those that end first are deleted.
    """

    kind: str
    most: int

    def add(self, session: Session, secret: str, value: str, until: datetime, owner: str = "") -> bool:
        """Delete ended entries, then add one; false if a live entry has this secret already."""
        group = f"{self.kind} {owner}"
        insert = sqlite.insert if session.kernel.store.embedded else _postgresql_insert()
        row = {"sys_id": self._id(secret), "kind": group, "value": value, "ends": _ticks(until)}
        adding = insert(_table(session)).values(row).on_conflict_do_nothing()
        transaction = session.work.transaction
        transaction.lock()
        self._delete_ended(session)
        added = transaction.execute(adding.returning(_table(session).c.sys_id)).first() is not None
        self._delete_beyond(session, group)
        return added

    def take(self, session: Session, secret: str) -> str | None:
        """Delete an entry and return its value, None if there is none or it has ended; of two at once, one gets it."""
        rows = _table(session)
        session.work.transaction.lock()
        deleting = sa.delete(rows).where(rows.c.sys_id == self._id(secret)).returning(rows.c.value, rows.c.ends)
        found = session.work.transaction.execute(deleting).first()
        return None if found is None or found.ends <= _now(session) else str(found.value)

    def extend(self, session: Session, secret: str, until: datetime) -> str | None:
        """Postpone the end of an entry, never bring it forward; return its value, or None as `take` does.

        Takes no lock, so the statement can still be cancelled when the client disconnects.
        """
        rows, ends = _table(session), _ticks(until)
        alive = sa.and_(rows.c.sys_id == self._id(secret), rows.c.ends > _now(session))
        later = sa.case((rows.c.ends > ends, rows.c.ends), else_=ends)
        extending = sa.update(rows).where(alive).values(ends=later).returning(rows.c.value)
        found = session.work.transaction.execute(extending).scalar_one_or_none()
        return None if found is None else str(found)

    def _id(self, secret: str) -> str:
        return sha256(f"{self.kind} {secret}".encode(errors="surrogatepass")).hexdigest()[:32]

    def _delete_ended(self, session: Session) -> None:
        rows = _table(session).alias()
        _delete(session, sa.select(rows.c.sys_id).where(rows.c.ends <= _now(session)))

    def _delete_beyond(self, session: Session, group: str) -> None:
        rows, kept = _table(session).alias(), _table(session).alias()
        last = sa.select(kept.c.sys_id).where(kept.c.kind == group).order_by(kept.c.ends.desc()).offset(self.most)
        _delete(session, sa.select(rows.c.sys_id).where(rows.c.sys_id.in_(last)))


def _delete(session: Session, found: "sa.Select[tuple[str]]") -> None:
    """Delete the rows found, except those that another process is deleting or using: waiting for it could deadlock."""
    rows = _table(session)
    free = found.with_for_update(skip_locked=True)
    session.work.transaction.execute(sa.delete(rows).where(rows.c.sys_id.in_(free)))


def _postgresql_insert() -> Callable[[sa.Table], sqlite.Insert]:
    """Return PostgreSQL's `insert`; it has the methods of SQLite's that are used here."""
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 - takes 60 ms, which few starts need

    return cast("Callable[[sa.Table], sqlite.Insert]", insert)


def _table(session: Session) -> sa.Table:
    return session.dictionary.sql_table(TABLE)


def _now(session: Session) -> int:
    return _ticks(session.kernel.clock.now())


def _ticks(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK
