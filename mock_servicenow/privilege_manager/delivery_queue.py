"""The queue of deliveries, in a table that no API reaches.

A response is queued in the transaction of its decision. A process claims a response before it sends it, so that several
processes on one database send it once, and another takes over if one dies.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from mock_servicenow.now_platform.imports.import_sets import LEASE, MOST_CLOCK_SKEW
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.storage.database import Row
from mock_servicenow.privilege_manager.tables import AppTables

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class Attempt(Struct, frozen=True):
    """One attempt to send a response.

    Attributes:
        at: ISO 8601, in UTC.
        status: of the answer; 0 without one.
        refused: whether the answer's envelope says error in spite of a status of success.
        token: whether the status is that of a token call, after which the decision was not sent.
        answered: status of the answer to the decision before that token call; 0 if it was not sent.
        mark: that of the last exchange.
    """

    at: str
    status: int
    refused: bool = False
    token: bool = False
    answered: int = 0
    mark: str = ""


Attempts = tuple[Attempt, ...]
_ATTEMPTS = msgspec.json.Decoder(Attempts)


class Entry(Struct, frozen=True):
    """The state of a delivery.

    Attributes:
        due: time of the next attempt; None if none follows.
        leased: whether an attempt is in progress.
        error: why the last attempt failed, unless its status says so, or why none can be made.
    """

    due: datetime | None
    leased: bool
    attempts: Attempts
    error: str


class PendingDelivery(Struct, frozen=True):
    """A response that is still to be sent.

    Attributes:
        due: as stored in the queue.
        claimable_at: when it may be claimed.
    """

    response_id: str
    due: datetime
    claimable_at: datetime


class DeliveryQueue:
    """The queue, as one process uses it.

    Its statements bypass business rules and system columns for speed: each delivery runs three of them.
    """

    def __init__(self, tables: AppTables) -> None:
        self._name = tables.delivery.name
        self._process = uuid4().hex  # never printed, and different in every process, whatever the seed

    def add(self, session: Session, response_id: str, now: datetime) -> None:
        """Queue a response, due now."""
        session.work.transaction.lock()
        insertion = session.schema.statements.insertion(self._name, ("sys_id", "due"))
        session.work.transaction.run(insertion, (response_id, _ticks(now)))

    def forget(self, session: Session, response_id: str) -> None:
        """Remove a deleted response."""
        self._run(session, "forget", lambda table: sa.delete(table).where(_has_id(table)), id=response_id)

    def claim(self, session: Session, response_id: str, now: datetime, due: datetime) -> Attempts | None:
        """Claim a response and return its attempts so far; None if another process has it, or it is not due.

        No other process sends it while the claim is renewed. ``due`` is the time in the queue, which is later than now
        if the clock has been set back.
        """

        def build(table: sa.Table) -> sa.ClauseElement:
            lease_over = sa.or_(
                table.c.leased_until.is_(None),
                table.c.leased_until <= sa.bindparam("now"),
                table.c.leased_until > sa.bindparam("longest"),
            )
            # It may have an own claim if the answer to an earlier attempt to claim was lost.
            free = sa.or_(lease_over, table.c.owner == sa.bindparam("me"))
            wanted = sa.select(table.c.sys_id).where(_has_id(table), table.c.due <= sa.bindparam("now"), free)
            claimed = sa.update(table).where(table.c.sys_id.in_(wanted.with_for_update(skip_locked=True)))
            changed = claimed.values(leased_until=sa.bindparam("until"), owner=sa.bindparam("me"))
            return changed.returning(table.c.attempts)

        bounds = {"now": _ticks(max(now, due)), "until": _ticks(now + LEASE), "longest": _ticks(_longest_lease(now))}
        rows = self._run(session, "claim", build, id=response_id, me=self._process, **bounds)
        return _attempts(rows[0][0]) if rows else None

    def renew(self, session: Session, response_ids: Sequence[str], now: datetime) -> None:
        """Extend the claims on responses that are being sent; only for shared databases."""

        def build(table: sa.Table) -> sa.ClauseElement:
            given = table.c.sys_id == sa.func.any(sa.bindparam("ids", type_=sa.ARRAY(sa.Text)))
            mine = sa.and_(given, table.c.owner == sa.bindparam("me"))
            return sa.update(table).where(mine).values(leased_until=sa.bindparam("until"))

        if response_ids:
            self._run(session, "renew", build, ids=list(response_ids), me=self._process, until=_ticks(now + LEASE))

    def release_all(self, session: Session) -> None:
        """End every claim: the processes that made them have ended."""
        self._run(session, "release", lambda table: sa.update(table).values(leased_until=sa.null()))

    def settle(
        self, session: Session, response_id: str, attempts: Attempts, due: datetime | None, error: str = ""
    ) -> None:
        """End the claim, and store all attempts and the time of the next one.

        Does nothing if another process has claimed the response meanwhile, or it has been deleted.
        """

        def build(table: sa.Table) -> sa.Update:
            mine = sa.and_(_has_id(table), table.c.owner == sa.bindparam("me"))
            changes: dict[str, object] = {name: sa.bindparam(f"new_{name}") for name in ("due", "attempts", "error")}
            return sa.update(table).where(mine).values({**changes, "leased_until": sa.null()})

        new = {
            "new_due": None if due is None else _ticks(due),
            "new_attempts": msgspec.json.encode(attempts).decode(),
            "new_error": error or None,
        }
        self._run(session, "settle", build, id=response_id, me=self._process, **new)

    def waiting(self, session: Session, now: datetime, limit: int | None = None) -> list[PendingDelivery]:
        """Return the responses still to be sent, earliest first; with ``limit``, those not being sent come first.

        If the clock was set back since, a response still waits the interval that was planned.
        """

        def build(table: sa.Table) -> sa.Select[tuple[str, int, int, str]]:
            later = sa.case((table.c.due > sa.bindparam("now"), table.c.attempts))
            columns = sa.select(table.c.sys_id, table.c.due, table.c.leased_until, later)
            due = columns.where(table.c.due.is_not(None))
            if limit is None:
                return due.order_by(table.c.due)
            being_sent = sa.func.coalesce(table.c.leased_until > sa.bindparam("now"), sa.false())
            return due.order_by(being_sent, table.c.due).limit(sa.literal_column(str(limit)))

        statements = session.schema.statements
        prepared = statements.prepared((self._name, limit), lambda: build(session.dictionary.sql_table(self._name)))
        rows = session.work.transaction.run(prepared, {"now": _ticks(now)})
        return [
            PendingDelivery(
                response_id, _moment(due), max(_claimable_at(_moment(due), attempts, now), _lease_end(leased, now))
            )
            for response_id, due, leased, attempts in rows
        ]

    def entries(self, session: Session, response_ids: Collection[str]) -> dict[str, Callable[[], Entry]]:
        """Return for each response a function that reads its entry; it raises ValueError for an unreadable row."""
        rows = session.work.with_values(self._name, "sys_id", response_ids)
        return {row["sys_id"]: partial(_entry, row) for row in rows}

    def _run(
        self, session: Session, key: str, build: Callable[[sa.Table], sa.ClauseElement], **values: object
    ) -> Sequence[Row]:
        statements, transaction = session.schema.statements, session.work.transaction
        prepared = statements.prepared((self._name, key), lambda: build(session.dictionary.sql_table(self._name)))
        transaction.lock()
        return transaction.run(prepared, values)


def _has_id(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.sys_id == sa.bindparam("id")


def _entry(row: Mapping[str, str]) -> Entry:
    due = _moment(int(row["due"])) if row["due"] else None
    return Entry(due, bool(row["leased_until"]), _attempts(row["attempts"]), row["error"])


def _attempts(stored: str | None) -> Attempts:
    """Return the stored attempts; raises ValueError."""
    attempts = _ATTEMPTS.decode(stored or "[]")
    for each in attempts:
        datetime.fromisoformat(each.at)
    return attempts


def _claimable_at(due: datetime, stored: str | None, now: datetime) -> datetime:
    """Return when a response is due, even if the clock has been set back since it was queued."""
    if due <= now:
        return due
    try:
        attempts = _attempts(stored)
    except ValueError:
        return due  # claiming it reports the error
    written = datetime.fromisoformat(attempts[-1].at) if attempts else due
    return due if written <= now else now + (due - written)


def _lease_end(leased: int | None, now: datetime) -> datetime:
    """Return when a claim ends; an impossibly long one was made while the clock was ahead, and has ended."""
    end = _moment(leased or 0)
    return _EPOCH if end > _longest_lease(now) else end


def _longest_lease(now: datetime) -> datetime:
    return now + LEASE + MOST_CLOCK_SKEW


def _ticks(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK


def _moment(ticks: int) -> datetime:
    return _EPOCH + ticks * _TICK
