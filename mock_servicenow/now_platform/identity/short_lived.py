"""Short-lived login state in the database: sessions, authorization codes, used assertions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import cast

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from mock_servicenow.now_platform.records.session import Session

TABLE = "sys_short_lived"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ShortLived:
    """The entries of one kind, each with a value, until it ends.

    An entry is found by a text that nobody can guess; the database has only its digest.

    Attributes:
        kind: differs from that of every other kind.
        most: entries of one owner that are kept, those that end last.
    """

    kind: str
    most: int

    def add(self, session: Session, text: str, value: str, until: datetime, owner: str = "") -> bool:
        """Add an entry; return whether there was none of that text that has not ended. Deletes those that have."""
        kind = f"{self.kind} {owner}"
        insert = sqlite.insert if session.kernel.store.embedded else _of_postgresql()
        row = {"sys_id": self._id(text), "kind": kind, "value": value, "ends": _ticks(until)}
        adding = insert(_table(session)).values(row).on_conflict_do_nothing()
        transaction = session.work.transaction
        transaction.lock()
        self._delete_ended(session)
        added = transaction.execute(adding.returning(_table(session).c.sys_id)).first() is not None
        self._delete_beyond(session, kind)
        return added

    def take(self, session: Session, text: str) -> str | None:
        """Delete an entry and return its value; None if there is none, or it has ended. Of two callers one gets it."""
        rows = _table(session)
        session.work.transaction.lock()
        deleting = sa.delete(rows).where(rows.c.sys_id == self._id(text)).returning(rows.c.value, rows.c.ends)
        found = session.work.transaction.execute(deleting).first()
        return None if found is None or found.ends <= _now(session) else str(found.value)

    def extend(self, session: Session, text: str, until: datetime) -> str | None:
        """Let an entry end at that time, or when it would, if that is later; return its value, None as `take` does.

        A read that does this can still be ended with its caller.
        """
        rows, ends = _table(session), _ticks(until)
        alive = sa.and_(rows.c.sys_id == self._id(text), rows.c.ends > _now(session))
        later = sa.case((rows.c.ends > ends, rows.c.ends), else_=ends)
        extending = sa.update(rows).where(alive).values(ends=later).returning(rows.c.value)
        found = session.work.transaction.execute(extending).scalar_one_or_none()
        return None if found is None else str(found)

    def _id(self, text: str) -> str:
        return sha256(f"{self.kind} {text}".encode(errors="surrogatepass")).hexdigest()[:32]

    def _delete_ended(self, session: Session) -> None:
        rows = _table(session).alias()
        _delete(session, sa.select(rows.c.sys_id).where(rows.c.ends <= _now(session)))

    def _delete_beyond(self, session: Session, kind: str) -> None:
        rows, kept = _table(session).alias(), _table(session).alias()
        last = sa.select(kept.c.sys_id).where(kept.c.kind == kind).order_by(kept.c.ends.desc()).offset(self.most)
        _delete(session, sa.select(rows.c.sys_id).where(rows.c.sys_id.in_(last)))


def _delete(session: Session, found: "sa.Select[tuple[str]]") -> None:
    """Delete the rows found, except for those that another process is deleting or using: it could wait for this one."""
    rows = _table(session)
    free = found.with_for_update(skip_locked=True)
    session.work.transaction.execute(sa.delete(rows).where(rows.c.sys_id.in_(free)))


def _of_postgresql() -> Callable[[sa.Table], sqlite.Insert]:
    """Return the insertion, which has the methods of SQLite's."""
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 - takes 60 ms, which few starts need

    return cast("Callable[[sa.Table], sqlite.Insert]", insert)


def _table(session: Session) -> sa.Table:
    return session.dictionary.sql_table(TABLE)


def _now(session: Session) -> int:
    return _ticks(session.kernel.clock.now())


def _ticks(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK
