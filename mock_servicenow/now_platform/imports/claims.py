"""Which process transforms an import set: a table that no API reaches, where processes share a database."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.unit_of_work import Platform

TABLE = "sys_import_set_claim"
LEASE = timedelta(seconds=10)
"""How long a claim lasts that its process does not renew."""
APART = timedelta(minutes=10)
"""How far apart the clocks of living processes may be. A claim that ends later was made by a clock that was wrong."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class Claims:
    """The claims of one process.

    Attributes:
        alone: whether the database is its own, so that there is nobody to keep away.
    """

    def __init__(self, instance: Platform) -> None:
        self._clock = instance.clock
        self.alone = instance.store.embedded
        self._process = uuid4().hex  # never printed, and never the same in two processes, whatever their seed

    def take(self, session: Session, import_set_id: str) -> bool:
        """Claim an import set, or go on claiming it; returns whether nobody else has done so."""
        if self.alone:
            return True
        now, table = self._clock.now(), session.dictionary.sql_table(TABLE)
        until = {"leased_until": _ticks(now + LEASE), "owner": self._process}
        claim = postgresql.insert(table).values(sys_id=import_set_id, **until)
        ended = sa.or_(table.c.leased_until <= _ticks(now), table.c.leased_until > _longest(now))
        free = sa.or_(ended, table.c.owner == self._process)
        taken = claim.on_conflict_do_update(index_elements=[table.c.sys_id], set_=until, where=free)
        session.work.transaction.lock()
        return session.work.transaction.execute(taken.returning(table.c.sys_id)).first() is not None

    def drop(self, session: Session, import_set_id: str) -> None:
        """End the claim on an import set."""
        if self.alone:
            return
        table = session.dictionary.sql_table(TABLE)
        session.work.transaction.lock()
        session.work.transaction.execute(sa.delete(table).where(table.c.sys_id == import_set_id))

    def taken(self, session: Session) -> frozenset[str]:
        """Return the import sets that some process has claimed."""
        if self.alone:
            return frozenset()
        table = session.dictionary.sql_table(TABLE)
        now = self._clock.now()
        alive = sa.and_(table.c.leased_until > _ticks(now), table.c.leased_until <= _longest(now))
        claimed = sa.select(table.c.sys_id).where(alive)
        return frozenset(session.work.transaction.execute(claimed).scalars())


def _longest(now: datetime) -> int:
    """Return until when a claim lasts at most; a longer one was made by a clock that was ahead, and has ended."""
    return _ticks(now + LEASE + APART)


def _ticks(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK
